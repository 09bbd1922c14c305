"""The days of commands about GPUs, and what a person sees of them meanwhile."""

from __future__ import annotations

from extproc.cli.gpu_days import SettledSpan, told_days
from extproc.cli.progress import Progress
from extproc.ledger.allocation.settled import DAY_US


class Line(Progress):
    """It keeps what it was told."""

    def __init__(self) -> None:
        super().__init__("")
        self.said: list[str] = []

    def say(self, doing: str) -> None:
        """Keep it."""
        self.said.append(doing)


def test_each_day_is_told_with_its_place_and_what_was_read_of_it() -> None:
    """Of a month of many exchanges one sees how far it is."""
    line, days = Line(), []
    for day, told in told_days(SettledSpan(DAY_US // 2, 2 * DAY_US), line, "Allocating"):
        days.append(day)
        told(50_000)
    assert days == [(DAY_US // 2, DAY_US), (DAY_US, 2 * DAY_US)]
    assert line.said == [
        "Allocating 1970-01-01 (1 of 2)",
        "Allocating 1970-01-01 (1 of 2): 50,000 exchanges",
        "Allocating 1970-01-02 (2 of 2)",
        "Allocating 1970-01-02 (2 of 2): 50,000 exchanges",
    ]
