"""How ``extproc review what-if`` reads thresholds, and shows what they would have kept and lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from extproc.cli.review_shapes import PrecisionJson, TriedThresholdJson, WhatIfJson
from extproc.cli.tables import print_table
from extproc.sinks.review.precision import precision_of
from extproc.sinks.review.what_if import WhatIf


def threshold_of(written: str) -> tuple[str, float]:
    """``harm=0.7`` -> ("harm", 0.7). Raises: ValueError with a sentence."""
    guard, _, number = written.rpartition("=")
    try:
        threshold = float(number)
    except ValueError:
        threshold = -1.0
    if not guard or not 0 <= threshold <= 1:
        raise ValueError(f"{written[:40]!r} is no threshold; write GUARD=THRESHOLD from 0 to 1, such as harm=0.7")
    return guard, threshold


def print_what_if(console: Console, effects: Sequence[WhatIf]) -> None:
    """One line per threshold, with 95 % intervals, then what the figures do not say."""
    table = Table("guard", "at", "right kept", "wrong gone", "precision", "then", box=None, pad_edge=False)
    for one in effects:
        data = _effect(one)
        table.add_row(
            one.guard,
            f"{one.threshold:g}",
            f"{one.right_kept} of {one.right_kept + one.right_lost}{_interval(data['right_kept_share'])}",
            f"{one.wrong_lost} of {one.wrong_kept + one.wrong_lost}",
            _share(data["precision"]),
            _share(data["precision_at_threshold"]) + _interval(data["precision_at_threshold"]),
        )
    print_table(console, table)
    for sentence in dict.fromkeys(sentence for one in effects for sentence in _limits(one)):
        console.print(sentence, markup=False, highlight=False)
    console.print("Only findings that were made are counted: what a guard missed is in none of these figures.")


def _share(found: PrecisionJson | None) -> str:
    return "-" if found is None else f"{found['share']:.2f}"


def _interval(found: PrecisionJson | None) -> str:
    return "" if found is None else f" ({found['low']:.2f}-{found['high']:.2f})"


def _limits(one: WhatIf) -> Iterator[str]:
    """What the figures of a threshold do not say."""
    if one.lowest is None:
        yield f"{one.guard}: no finding matches, so nothing can be said."
        return
    if not one.can_be_judged:
        yield (
            f"{one.guard}: no finding has a score below {one.lowest:g}. At {one.threshold:g} there would be findings"
            " that nobody has seen; to see them, lower the threshold in `mode: shadow` first."
        )
    elif one.lowest == one.highest:
        yield f"{one.guard}: every finding has the score {one.lowest:g}, so a threshold keeps all or none."
    if waiting := one.waiting_kept + one.waiting_lost:
        stay = f"{one.waiting_kept} of them stay at {one.threshold:g}"
        yield f"{one.guard}: {waiting} without a label are not counted; {stay}."


def what_if_data(effects: Sequence[WhatIf]) -> WhatIfJson:
    """Of ``review what-if``."""
    return {"thresholds": [_effect(one) for one in effects]}


def _effect(one: WhatIf) -> TriedThresholdJson:
    right, wrong = one.right_kept + one.right_lost, one.wrong_kept + one.wrong_lost
    return {
        "guard": one.guard,
        "threshold": one.threshold,
        "lowest_score": one.lowest,
        "can_be_judged": one.can_be_judged,
        "right_kept": one.right_kept,
        "right_lost": one.right_lost,
        "wrong_kept": one.wrong_kept,
        "wrong_lost": one.wrong_lost,
        "waiting_kept": one.waiting_kept,
        "waiting_lost": one.waiting_lost,
        "precision": _precision(right, right + wrong),
        "precision_at_threshold": (
            _precision(one.right_kept, one.right_kept + one.wrong_kept) if one.can_be_judged else None
        ),
        "right_kept_share": _precision(one.right_kept, right),
    }


def _precision(confirmed: int, labeled: int) -> PrecisionJson | None:
    found = precision_of(confirmed, labeled)
    return None if found is None else {"share": found.share, "low": found.low, "high": found.high}
