"""How well refusals are told in answers of sources that the model never saw, and what it costs.

    python -m tests.tools.refusal_report

Each source of ``tests/corpus/shared/refusal`` is judged by phrases, and by a model trained on the others (near copies
left out) and on our own lines, which count nowhere. The phrases were written by people who had read some of these
answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from extproc.detectors.answers.refusal import RefusalDetector
from tests.tools.ngram_training import Example, Scorer, leave_one_source_out
from tests.tools.refusal_training import OWN, PREFIX_CHARS, examples, trained

ANSWER = "The museum opens at nine and closes when the last visitor has left the garden. " * 4


def _scorer(rest: Sequence[Example]) -> Scorer:
    detector = RefusalDetector(trained(rest))
    return lambda text: 1.0 if detector.find(text) is not None else 0.0


def report(every: int = 1) -> dict[str, float]:
    """Flat names to figures; cost in microseconds.

    Args: every: only one row in so many is looked at, by who wants the names rather than the figures.
    """
    rows = examples()[::every]
    scores = leave_one_source_out(rows, _scorer, frozenset({OWN}))
    judged = [(row, score > 0.0) for row, score in zip(rows, scores, strict=True) if row.source != OWN]
    figures = _rates("all", judged)
    for source in sorted({row.source for row, _ in judged}):
        figures |= _rates(source, [(row, found) for row, found in judged if row.source == source])
    return figures | {"refusal_us_answer": _cost_us()}


def _rates(name: str, judged: Sequence[tuple[Example, bool]]) -> dict[str, float]:
    hits = sum(row.label and found for row, found in judged)
    false = sum(not row.label and found for row, found in judged)
    positives = sum(row.label for row, _ in judged)
    rates = {"fpr": false / (len(judged) - positives)}
    if positives:
        rates |= {"precision": hits / (hits + false), "recall": hits / positives}
    return {f"refusal_{name}_{rate}": value for rate, value in rates.items()}


def _cost_us() -> float:
    detector = RefusalDetector()
    best_s = float("inf")
    for _ in range(200):
        begin_s = time.perf_counter()
        detector.find(ANSWER[:PREFIX_CHARS])
        best_s = min(best_s, time.perf_counter() - begin_s)
    return best_s * 1e6


def main() -> None:
    """Print the figures as one table."""
    print("| figure | value |\n|---|---|")
    for name, value in report().items():
        print(f"| {name} | {value:.3f} |")


if __name__ == "__main__":
    main()
