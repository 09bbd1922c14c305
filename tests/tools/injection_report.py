"""How good the injection guard is: on sources in view, left out and locked; disguises, and what a look costs.

    python -m tests.tools.injection_report

Three groups of figures, each over sources, of which each counts once:

- ``in_view``: the guard as shipped, on sources that it was made from. It says what the guard has learned by heart.
- ``left_out``: each source judged by models that were trained without its family. Patterns, features and thresholds
  were made with all of them in view.
- ``locked``: the guard as shipped, on sources that nobody here has read. What a stranger's texts will meet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from extproc.config.guards.injection import InjectionSection
from extproc.detectors.injection.detector import InjectionDetector
from tests.tools import corpora
from tests.tools.by_source import Scored, by_source, figures, figures_at, shares_above
from tests.tools.corpora import Row
from tests.tools.disguises import DISGUISES
from tests.tools.ngram_training import Example, near_duplicate_keys, train
from tests.tools.train_injection import JOINED_RECIPE, OWN_SOURCE, RECIPE, rows_in_view

FOLDS: Final = 5
DISGUISED_CHARACTERS_MAX: Final = 2_000
DISGUISED_ATTACKS_MAX: Final = 400
LENGTHS: Final = (0, 128, 320, 1_280, 1 << 30)
"""Bounds of groups by length [bytes]."""
THRESHOLDS: Final = ("flag", "block", "tool_flag", "tool_block")
_FROM_OTHERS: Final = ("tool", "document")

Judge = Callable[[str], float]


def default_of(name: str) -> float:
    """A threshold, as configured when nothing is."""
    return float(InjectionSection.model_fields[f"{name}_threshold"].default)


def score_of(detector: InjectionDetector, text: str) -> float:
    """The highest score of any window."""
    return max((finding.score for finding in detector.find(text, 0.0, 1.0)), default=0.0)


def is_indirect(row: Row) -> bool:
    """Whether an attack comes in what a tool or a document says."""
    return row.kind.startswith("indirect") or row.speaker in _FROM_OTHERS


def judged(rows: Iterable[Row], judge: Judge) -> list[tuple[Row, Scored]]:
    """Each row with its score; our own lines are never reported."""
    return [(row, Scored(row.source, row.label, judge(row.text))) for row in rows if row.source != OWN_SOURCE]


def judged_without_their_family(tasks: Mapping[str, Sequence[Row]]) -> Iterator[tuple[Row, Scored]]:
    """Each row by models that were trained without its family, and without texts that are nearly one of it."""
    every = [
        (row, corpora.fold_of(corpora.family_of(task, row.source), FOLDS))
        for task, rows in tasks.items()
        for row in rows
    ]
    for fold in range(FOLDS):
        left_out = [row for row, number in every if number == fold and row.source != OWN_SOURCE]
        seen = {key for row in left_out if row.label for key in near_duplicate_keys(row.text)}
        rest = [
            Example(row.text, row.label, row.source)
            for row, number in every
            if row.source == OWN_SOURCE or (number != fold and not corpora.nearly_repeats(row.text, seen))
        ]
        detector = InjectionDetector(train(rest, RECIPE), train(rest, JOINED_RECIPE))
        yield from judged(left_out, partial(score_of, detector))


def group_figures(group: str, rows: Sequence[tuple[Row, Scored]]) -> dict[str, float]:
    """All figures of one group, by flat name."""
    scored = [each for _, each in rows]
    honest = [each for each in scored if not each.label]
    found = {f"{group}.{name}": value for name, value in figures(scored).items()}
    for kind, wanted in (("direct", False), ("indirect", True)):
        some = [each for row, each in rows if row.label and is_indirect(row) is wanted]
        found |= {f"{group}.{kind}.{name}": value for name, value in figures([*honest, *some]).items()}
    for name in THRESHOLDS:
        at = figures_at(scored, default_of(name))
        found |= {f"{group}.{name}.{figure}": value for figure, value in at.items()}
    return found | _false_alarms_by_kind(group, rows)


def untranslated_figures(scored: Iterable[Scored]) -> dict[str, float]:
    """Figures without the sources that translate older ones in view, by flat name."""
    others = [one for one in scored if one.source not in corpora.TRANSLATED]
    return {f"untranslated.{name}": value for name, value in figures(others).items()}


def _false_alarms_by_kind(group: str, rows: Sequence[tuple[Row, Scored]]) -> dict[str, float]:
    """At the threshold that flags: by who speaks, and by length."""
    threshold = default_of("flag") - 1e-9
    honest = [(row, each) for row, each in rows if not each.label]
    found = {}
    for speaker in sorted({row.speaker or "unknown" for row, _ in honest}):
        some = by_source((each for row, each in honest if (row.speaker or "unknown") == speaker), 0)
        shares = shares_above(some, threshold)
        found[f"{group}.flag.false_alarms_of.{speaker}"] = sum(shares.values()) / len(shares)
    for low, high in pairwise(LENGTHS):
        some_scores = [each.score for row, each in honest if low <= len(row.text.encode("utf-8", "replace")) < high]
        if some_scores:
            alarms = sum(score > threshold for score in some_scores) / len(some_scores)
            found[f"{group}.flag.false_alarms_from_{low}_bytes"] = alarms
    return found


def read_plainly(detector: InjectionDetector, text: str) -> bool:
    """Whether a text is blocked for what it says as it stands: it is not disguised already."""
    found = detector.find(text, default_of("block"))
    return any(finding.detector in ("injection.patterns", "injection.model") for finding in found)


def kept_in_disguise(detector: InjectionDetector, rows: Sequence[Row]) -> dict[str, float]:
    """Of what users write and is blocked when written plainly, the share that is blocked in each disguise."""
    threshold = default_of("block")
    written = [row for row in rows if row.label and not is_indirect(row) and row.source != OWN_SOURCE]
    attacks = [row.text for row in written if len(row.text) <= DISGUISED_CHARACTERS_MAX]
    some = attacks[:: max(1, len(attacks) // (2 * DISGUISED_ATTACKS_MAX))]
    plain = [text for text in some if read_plainly(detector, text)][:DISGUISED_ATTACKS_MAX]
    return {
        f"disguise.{name}": sum(bool(detector.find(disguise(text), threshold)) for text in plain) / len(plain)
        for name, disguise in DISGUISES.items()
    }


def cost_us(detector: InjectionDetector, rows: Sequence[Row], length: int) -> float:
    """Mean CPU time of a look at honest text of one length [us]; the best of five rounds."""
    whole = " ".join(row.text for row in rows if not row.label and row.lang == "en")[: 60 * length]
    texts = [whole[place : place + length] for place in range(0, min(len(whole) - length, 40 * length), length)]
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for text in texts:
            detector.find(text, default_of("flag"), default_of("block"))
        best = min(best, (time.process_time() - begin) / max(1, len(texts)))
    return best * 1e6


def report() -> dict[str, float]:
    """All figures of the injection guard, by flat name; takes a quarter of an hour, since it trains models."""
    shipped = InjectionDetector.shipped()

    judge = partial(score_of, shipped)
    in_view = rows_in_view()
    every = [row for rows in in_view.values() for row in rows]
    locked = [row for task in in_view for row in corpora.locked(task)]
    unseen = judged(locked, judge)
    found = {
        **group_figures("locked", unseen),
        **{f"locked.{name}": value for name, value in untranslated_figures([each for _, each in unseen]).items()},
        **group_figures("left_out", list(judged_without_their_family(in_view))),
        **group_figures("in_view", judged(every, judge)),
        **kept_in_disguise(shipped, in_view["injection"]),
    }
    for length in (80, 1_024, 4_096, 102_400):
        found[f"cost_us.{length}"] = cost_us(shipped, in_view["honest"], length)
    return {f"injection.{name}": value for name, value in found.items()}


def main() -> None:
    """Print all figures."""
    for name, value in report().items():
        print(f"{name}\t{value:.4g}")


if __name__ == "__main__":
    main()
