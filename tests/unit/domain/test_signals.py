"""The lists of signals are in the order of their places."""

from __future__ import annotations

from extproc.domain import signals
from extproc.domain.signals import RATES, VALUES, AnswerSignals


def test_each_place_is_that_of_its_name() -> None:
    """``EMPTY`` is the place of `empty`, and a value's constant is its name."""
    for place, rate in enumerate(RATES):
        assert getattr(signals, rate.name.upper()) == place
    for value in VALUES:
        assert getattr(signals, value.name.upper()) == value.name
    names = [one.name for one in (*RATES, *VALUES)]
    assert len(set(names)) == len(names)


def test_what_was_not_judged_is_not_there() -> None:
    """A rate of nothing is none."""
    answer = AnswerSignals()
    answer.judge(signals.EMPTY, True)
    answer.judge(signals.EMPTY, False)
    answer.judge(signals.LOOPED, False)
    assert answer.rates() == {"empty": (1, 2), "looped": (0, 1)}
