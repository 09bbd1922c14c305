"""``make train``: fine-tunes a small transformer for a task, and says how good it is on sources it did not see.

    python -m tests.tools.train_transformer TASK [--output FOLDER] [--skip-figures]

FOLDER (default: ``models/TASK``) is then what the classifiers ``transformers`` and ``onnx`` load: model.safetensors,
model.onnx, the tokenizer, config.json; and ``figures.json``, which ``make guard-report`` prints. Groups of sources are
left out in turn: each is judged by a model that saw none of its group, and no near copies of its texts. A score of 0.5
is where one harmless text in a hundred of such a source is taken for harmful. Two cores take half an hour.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from extproc.classifiers.adapters.with_detector import evidence_of
from extproc.detectors.injection.detector import InjectionDetector
from tests.tools import harm_training, train_injection
from tests.tools.corpora import SHARED
from tests.tools.injection_report import score_of
from tests.tools.ngram_training import Example, near_duplicate_keys, read_examples, recall_at, train

if TYPE_CHECKING:
    from tests.tools.transformer_training import Tuner

RATES = (0.01, 0.001)
OUTPUT = Path("models")
FIGURES = "figures.json"


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained.

    Attributes:
        label: what the model calls what it looks for; the other label is ``harmless``.
        examples: all rows.
        groups: sources that are left out together.
        always: the source that is always trained on and never judged: our own lines.
        own_rows_max: how many of these, drawn by chance.
        views: which sources a figure is of, by its name; benign sources may be in several.
        detector: from examples what the path's detector adds to the log odds of a text (``with_detector``).
    """

    label: str
    examples: Callable[[], list[Example]]
    groups: tuple[frozenset[str], ...]
    always: str
    own_rows_max: int
    views: dict[str, frozenset[str]]
    detector: Callable[[Sequence[Example]], Callable[[str], float]] | None = None

    def rows(self) -> list[Example]:
        """Examples to train on and to judge."""
        rows = self.examples()
        own = [row for row in rows if row.source == self.always]
        drawn = random.Random(0).sample(own, min(len(own), self.own_rows_max))
        return [row for row in rows if row.source != self.always] + drawn


def _injection_detector(examples: Sequence[Example]) -> Callable[[str], float]:
    recipes = train_injection.RECIPE, train_injection.JOINED_RECIPE
    detector = InjectionDetector(*(train(examples, recipe) for recipe in recipes))
    return lambda text: evidence_of(score_of(detector, text))


_HONEST = frozenset({"mt_bench_benign", "self_instruct_benign", "cyberseceval_frr_benign"})
TASKS = {
    "injection": Task(
        label="injection",
        examples=lambda: read_examples(SHARED / "injection"),
        groups=(
            frozenset({"s_labs", "mt_bench_benign"}),
            frozenset({"yanismiraoui_multilingual", "self_instruct_benign"}),
            frozenset({"self_reminder_jailbreaks", "gptfuzz_templates", "gsm8k_benign"}),
            frozenset({"bastioncorpus", "own_hard_benign", "cyberseceval_frr_benign", "cyberseceval_injection"}),
        ),
        always=train_injection.OWN_SOURCE,
        own_rows_max=2_500,
        views={},
        detector=_injection_detector,
    ),
    "harm": Task(
        label="harm",
        examples=harm_training.examples,
        groups=(
            frozenset({"advbench", "self_instruct_benign", "refusal_direction"}),
            frozenset({"catqa", "mt_bench_benign", "cyberseceval_frr_benign"}),
            frozenset({"davidson_tweets", "gptfuzz_responses"}),
            frozenset({"surge_toxicity"}),
        ),
        always=harm_training.OWN,
        own_rows_max=2_500,
        views={
            "requests": _HONEST | {"advbench", "catqa"},
            "abuse": harm_training.ABUSIVE_SOURCES,
        },
    ),
}


def main() -> None:
    """Train, save, and tell."""
    parser = argparse.ArgumentParser(prog="make train", description="Fine-tune a small transformer.")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--output", type=Path, help="folder to write; default: models/TASK")
    parser.add_argument("--skip-figures", action="store_true", help="do not train once for each group of sources")
    asked = parser.parse_args()
    from transformers.utils import logging as transformers_logging

    from tests.tools.transformer_training import Tuner, pretrained_folder

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    task, folder = TASKS[asked.task], asked.output or OUTPUT / asked.task
    tuner, rows = Tuner(pretrained_folder(), ("harmless", task.label)), task.rows()
    figures, threshold = {}, 0.0
    if not asked.skip_figures:
        scores = unseen_scores(tuner, rows, task)
        figures, threshold = figures_of(rows, scores, task), threshold_at(rows, scores, task)
        if task.detector is not None:
            figures |= figures_with(rows, scores - threshold + unseen_evidence(rows, task, task.detector))
    _say(f"training on all {len(rows):,} texts")
    model = tuner.train(rows)
    save(model, tuner, threshold, folder)
    (folder / FIGURES).write_text(json.dumps(figures, indent=1) + "\n")
    for name, value in figures.items():
        print(f"{name:50} {value:.3f}")
    _say(f"written: {folder}")


def unseen_scores(tuner: Tuner, rows: Sequence[Example], task: Task) -> npt.NDArray[np.float64]:
    """The log odds of each row by a model that did not see its group; NaN where it is never judged. [rows]"""
    scores = np.full(len(rows), np.nan)
    for group in task.groups:
        of_group = [number for number, row in enumerate(rows) if row.source in group]
        rest = without(rows, group, task.always)
        _say(f"training on {len(rest):,} texts without {', '.join(sorted(group))}")
        model = tuner.train(rest)
        scores[of_group] = tuner.log_odds(model, [rows[number].text for number in of_group])
    return scores


def unseen_evidence(
    rows: Sequence[Example], task: Task, detector_of: Callable[[Sequence[Example]], Callable[[str], float]]
) -> npt.NDArray[np.float64]:
    """What a detector adds that did not see the group either, of all our own lines; NaN where none is asked. [rows]"""
    evidence, every = np.full(len(rows), np.nan), task.examples()
    for group in task.groups:
        _say(f"training the detector without {', '.join(sorted(group))}")
        detector = detector_of(without(every, group, task.always))
        for number, row in enumerate(rows):
            if row.source in group:
                evidence[number] = detector(row.text)
    return evidence


def without(rows: Sequence[Example], group: frozenset[str], always: str) -> list[Example]:
    """The rows of other sources, but for those that are nearly one of the group; our own lines stay."""
    keys = [near_duplicate_keys(row.text) for row in rows]
    seen = {key for row, own in zip(rows, keys, strict=True) if row.source in group for key in own}
    return [
        row
        for row, own in zip(rows, keys, strict=True)
        if row.source not in group and (row.source == always or 2 * len(seen & own) < len(own))
    ]


def figures_of(rows: Sequence[Example], scores: npt.NDArray[np.float64], task: Task) -> dict[str, float]:
    """Recall at each rate of false positives, of all and of each view; and at 1 % of all, of each source."""
    flat: dict[str, float] = {}
    judged = ~np.isnan(scores)
    for name, sources in {"all": None, **task.views}.items():
        mine = judged & np.array([sources is None or row.source in sources for row in rows])
        for rate in RATES:
            flat[f"{name}.recall_at_fpr_{rate}"] = _recall_at(rows, scores, mine, rate)[0]
    threshold = threshold_at(rows, scores, task)
    for source in sorted({row.source for row in rows} - {task.always}):
        for label, name in ((1, "recall"), (0, "false_positive_rate")):
            mine = np.array([row.source == source and row.label == label for row in rows])
            if mine.any():
                flat[f"{name}.{source}"] = float((scores[mine] > threshold).mean())
    return flat


def figures_with(rows: Sequence[Example], scores: npt.NDArray[np.float64]) -> dict[str, float]:
    """Recall of the model and the detector together, and the score to set as the classifier's threshold for it."""
    flat: dict[str, float] = {}
    for rate in RATES:
        recall, log_odds = _recall_at(rows, scores, ~np.isnan(scores), rate)
        flat[f"with_detector.recall_at_fpr_{rate}"] = recall
        flat[f"with_detector.threshold_at_fpr_{rate}"] = 1.0 / (1.0 + math.exp(-log_odds))
    return flat


def threshold_at(rows: Sequence[Example], scores: npt.NDArray[np.float64], task: Task) -> float:
    """The log odds that one harmless text in a hundred is over, of the first view if there is one."""
    sources = next(iter(task.views.values()), None)
    mine = ~np.isnan(scores) & np.array([sources is None or row.source in sources for row in rows])
    return _recall_at(rows, scores, mine, RATES[0])[1]


def _recall_at(
    rows: Sequence[Example], scores: npt.NDArray[np.float64], mine: npt.NDArray[np.bool_], rate: float
) -> tuple[float, float]:
    return recall_at(scores[mine].tolist(), [rows[number].label for number in np.flatnonzero(mine).tolist()], rate)


def save(model: Any, tuner: Tuner, threshold: float, folder: Path) -> None:
    """Write what both adapters read, with the threshold moved to 0.5."""
    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of packages that are not needed
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        model.classifier.bias[1] -= threshold
    model.save_pretrained(folder)
    tuner.tokenizer.save_pretrained(folder)
    names = ("input_ids", "attention_mask", "token_type_ids")
    sample = tuner.tokenizer(["a sample", "b sample"], return_tensors="pt")
    sizes = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        model,
        tuple(sample[name] for name in names),
        folder / "model.onnx",
        input_names=names,
        output_names=["logits"],
        dynamic_shapes=dict.fromkeys(names, sizes),
        external_data=False,
        verbose=False,
    )


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
