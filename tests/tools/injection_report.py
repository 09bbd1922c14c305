"""How good the injection guard is: sources left out, honest look-alikes, disguises, and what a look costs.

    python -m tests.tools.injection_report [FOLDER]

FOLDER holds ``SOURCE.jsonl`` or ``SOURCE.jsonl.gz``; default: ``tests/corpus/shared/injection``. Every source is judged
by a model that was trained without it, and without texts that are nearly one of its own.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from extproc.config.guards.injection import InjectionSection
from extproc.detectors.injection.detector import InjectionDetector
from tests.tools.disguises import DISGUISES
from tests.tools.grounding_report import FOLDER as DOCUMENTS
from tests.tools.grounding_report import rows_of
from tests.tools.ngram_training import (
    Example,
    folds,
    read_examples,
    recall_at,
    scorer,
    train,
)
from tests.tools.train_injection import CORPUS, JOINED_RECIPE, OWN_SOURCE, RECIPE

DISGUISED_CHARACTERS_MAX = 2_000
DISGUISED_ATTACKS_MAX = 400
HONEST = "own_hard_benign"


def default_of(name: str) -> float:
    """A threshold, as configured when nothing is."""
    return float(InjectionSection.model_fields[name].default)


def block_threshold() -> float:
    """Of what users say."""
    return default_of("block_threshold")


def flag_threshold() -> float:
    """Of what users say."""
    return default_of("flag_threshold")


def score_of(detector: InjectionDetector, text: str) -> float:
    """The highest score of any window."""
    return max((finding.score for finding in detector.find(text, 0.0, 1.0)), default=0.0)


class LeftOut:
    """Scores of all sources, each by a guard that does not know it."""

    def __init__(self, examples: Sequence[Example]) -> None:
        guard: dict[int, float] = {}
        alone: dict[int, float] = {}
        for numbers, rest in folds(examples, frozenset({OWN_SOURCE})):
            model = train(rest, RECIPE)
            detector, model_score = InjectionDetector(model, train(rest, JOINED_RECIPE)), scorer(model)
            for number in numbers:
                guard[number] = score_of(detector, examples[number].text)
                alone[number] = model_score(examples[number].text)
        self.examples = [examples[number] for number in guard]
        self.labels = [example.label for example in self.examples]
        self.guard = list(guard.values())
        self.model = list(alone.values())

    def shares(self, threshold: float) -> dict[tuple[str, int], float]:
        """Which share of each (source, label) scores the threshold or more."""
        rows: dict[tuple[str, int], list[bool]] = defaultdict(list)
        for example, score in zip(self.examples, self.guard, strict=True):
            rows[example.source, example.label].append(score >= threshold)
        return {key: sum(found) / len(found) for key, found in sorted(rows.items())}

    def share(self, label: int, threshold: float) -> float:
        """Which share of all attacks (1) or of all honest texts (0) scores the threshold or more."""
        found = [score >= threshold for score, own in zip(self.guard, self.labels, strict=True) if own == label]
        return sum(found) / len(found)


def honest_documents() -> list[str]:
    """Texts such as tools and documents bring: of an encyclopedia, which no model of ours was trained on."""
    return sorted({row["context"] for rows in rows_of(DOCUMENTS).values() for row in rows})


def read_plainly(detector: InjectionDetector, text: str) -> bool:
    """Whether a text is blocked for what it says as it stands: it is not disguised already."""
    found = detector.find(text, block_threshold())
    return any(finding.detector in ("injection.patterns", "injection.model") for finding in found)


def kept_in_disguise(detector: InjectionDetector, examples: Sequence[Example]) -> dict[str, float]:
    """Of attacks that are blocked when written plainly, the share that is blocked in each disguise."""
    threshold = block_threshold()
    attacks = [
        example.text
        for example in examples
        if example.label and example.source != OWN_SOURCE and len(example.text) <= DISGUISED_CHARACTERS_MAX
    ]
    some = attacks[:: max(1, len(attacks) // (2 * DISGUISED_ATTACKS_MAX))]
    plain = [text for text in some if read_plainly(detector, text)][:DISGUISED_ATTACKS_MAX]
    return {
        name: sum(bool(detector.find(disguise(text), threshold)) for text in plain) / len(plain)
        for name, disguise in DISGUISES.items()
    }


def cost_us(detector: InjectionDetector, examples: Sequence[Example], length: int) -> float:
    """Mean CPU time of a look at honest text of one length [us]; the best of five rounds."""
    honest = [example.text for example in examples if not example.label and example.source != OWN_SOURCE]
    whole = " ".join(honest[::3])
    texts = [whole[place : place + length] for place in range(0, min(len(whole) - length, 40 * length), length)]
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for text in texts:
            detector.find(text, flag_threshold(), block_threshold())
        best = min(best, (time.process_time() - begin) / max(1, len(texts)))
    return best * 1e6


def figures(examples: Sequence[Example], left_out: LeftOut) -> dict[str, float]:
    """Everything that is measured, by name."""
    shipped = InjectionDetector.shipped()
    flat: dict[str, float] = {}
    for name, scores in (("guard", left_out.guard), ("model", left_out.model)):
        for rate in (0.01, 0.001):
            flat[f"injection.{name}.recall_at_fpr_{rate}"], flat[f"injection.{name}.threshold_at_fpr_{rate}"] = (
                recall_at(scores, left_out.labels, rate)
            )
    for name, threshold in (("block", block_threshold()), ("flag", flag_threshold())):
        flat[f"injection.{name}.recall"] = left_out.share(1, threshold)
        flat[f"injection.{name}.false_positive_rate"] = left_out.share(0, threshold)
        for (source, label), share in left_out.shares(threshold).items():
            flat[f"injection.{name}.{'recall' if label else 'false_positive_rate'}.{source}"] = share
    scores = [score_of(shipped, text) for text in honest_documents()]
    for name in ("tool_block", "tool_flag"):
        threshold = default_of(f"{name}_threshold")
        flat[f"injection.{name}.recall"] = left_out.share(1, threshold)
        flat[f"injection.{name}.false_positive_rate.documents"] = sum(score >= threshold for score in scores) / len(
            scores
        )
    for name, share in kept_in_disguise(shipped, examples).items():
        flat[f"injection.disguise.{name}"] = share
    for length in (80, 1_024, 4_096, 102_400):
        flat[f"injection.cost_us.{length}"] = cost_us(shipped, examples, length)
    return flat


def report(folder: Path = CORPUS) -> dict[str, float]:
    """All figures of the injection guard, by flat name; takes minutes, since it trains a model for each source."""
    examples = read_examples(folder)
    return figures(examples, LeftOut(examples))


def main() -> None:
    """Print the figures as Markdown tables."""
    flat = report(Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS)
    groups: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for name, value in flat.items():
        _, group, rest = name.split(".", 2)
        groups[group].append((rest, value))
    for group, rows in groups.items():
        print(f"\n### Injection: {group}\n\n| what | value |\n|---|---|")
        for what, value in rows:
            print(f"| {what} | {value:.4g} |")


if __name__ == "__main__":
    main()
