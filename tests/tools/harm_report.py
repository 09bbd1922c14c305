"""How well the harm guard judges texts of sources that its model never saw, and what it costs.

    python -m tests.tools.harm_report

Each source of ``tests/corpus/shared/harm`` is judged by a model trained on the others (near copies left out) and on our
own lines, which count nowhere. The words of ``harm_lexicon`` were written by people who knew what kinds of texts these
sources hold, so these figures are better than those on a source that nobody has seen. Texts go through the guard's own
stage, sentence by sentence; the score of a text is that of its worst sentence.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from extproc.config.guards.harm import HarmSection
from extproc.detectors.harm.detector import HarmDetector
from extproc.detectors.harm.lexicon import CATEGORIES
from extproc.detectors.text.ngram_model import NgramModel
from extproc.domain.finding import Finding
from extproc.filters.base import NULL_REPORTER
from extproc.filters.harm import HarmStage
from tests.tools.harm_training import ABUSIVE_SOURCES, OWN, REFUSAL_SOURCES, examples, trained
from tests.tools.ngram_training import Example, leave_one_source_out, recall_at

THRESHOLD = float(HarmSection.model_fields["threshold"].default)
FALSE_POSITIVE_RATE = 0.01
PROSE = "The museum opens at nine and closes when the last visitor has left the garden. "
EVENT_CHARS = 5


class _Worst(HarmDetector):
    """Finds nothing, and remembers the highest score: so that a stage reads a text to its end."""

    worst = 0.0

    def find(self, text: str, of_model: bool = False) -> Finding | None:
        """Never a finding."""
        found = super().find(text, of_model)
        if found is not None:
            self.worst = max(self.worst, found.score)
        return None


def scorer(model: NgramModel, answers: frozenset[str]) -> Callable[[str], float]:
    """Text to the score of its worst sentence; ``answers`` are the texts that are judged as a model's."""
    detector = _Worst(CATEGORIES, 0.0, model)

    def score(text: str) -> float:
        detector.worst = 0.0
        stage = HarmStage(detector, NULL_REPORTER, text in answers)
        stage.feed(text)
        stage.close()
        return detector.worst

    return score


def judged() -> list[tuple[Example, float]]:
    """Each labelled text, with its score by a model that did not see its source."""
    rows = examples()
    answers = frozenset(row.text for row in rows if row.source in REFUSAL_SOURCES)
    scores = leave_one_source_out(rows, lambda rest: scorer(trained(rest), answers), frozenset({OWN}))
    return [(row, score) for row, score in zip(rows, scores, strict=True) if row.source != OWN]


def report() -> dict[str, float]:
    """Flat names to figures; costs in microseconds."""
    figures: dict[str, float] = {}
    rows = judged()
    for source in sorted({row.source for row, _ in rows}):
        figures |= _rates(source, [(row, score) for row, score in rows if row.source == source])
    others = ABUSIVE_SOURCES | REFUSAL_SOURCES
    requests = [(row, score) for row, score in rows if row.source not in others]
    refusals = [(row, score) for row, score in rows if row.source in REFUSAL_SOURCES]
    abuse = [(row, score) for row, score in rows if row.source in ABUSIVE_SOURCES]
    for name, some in (("requests", requests), ("abuse", abuse), ("all", [*requests, *abuse])):
        figures |= _rates(name, some)
        figures[f"harm_{name}_recall_at_1_percent"] = _recall(some)
    return figures | _rates("refusals", refusals) | _costs()


def _rates(name: str, rows: Sequence[tuple[Example, float]]) -> dict[str, float]:
    found: dict[str, list[bool]] = {"recall": [], "fpr": []}
    for row, score in rows:
        found["recall" if row.label else "fpr"].append(score >= THRESHOLD)
    return {f"harm_{name}_{rate}": sum(hits) / len(hits) for rate, hits in found.items() if hits}


def _recall(rows: Sequence[tuple[Example, float]]) -> float:
    return recall_at([score for _, score in rows], [row.label for row, _ in rows], FALSE_POSITIVE_RATE)[0]


def _costs() -> dict[str, float]:
    detector = HarmDetector(CATEGORIES, THRESHOLD)
    request = (PROSE * 13)[:1024]
    pieces = [request[at : at + EVENT_CHARS] for at in range(0, len(request), EVENT_CHARS)]

    def stream() -> None:
        stage = HarmStage(detector, NULL_REPORTER)
        for piece in pieces:
            stage.feed(piece)

    return {
        "harm_us_request_1kb": _best_us(lambda: detector.might_match(request)),
        "harm_us_event": _best_us(stream) / len(pieces),
        "harm_us_sentence_on_topic": _best_us(lambda: detector.find("How do I kill a process that does not answer?")),
    }


def _best_us(call: Callable[[], object]) -> float:
    best_s = float("inf")
    for _ in range(200):
        begin_s = time.perf_counter()
        call()
        best_s = min(best_s, time.perf_counter() - begin_s)
    return best_s * 1e6


def main() -> None:
    """Print the figures as one table."""
    print("| figure | value |\n|---|---|", file=sys.stdout)
    for name, value in report().items():
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
