"""Stages say by their methods what they can do at the end of a text, and while a model has stalled."""

from __future__ import annotations

from extproc.domain.text import Stage, close_stage, yielding
from extproc.filters.in_turn import PassingStage


class _Ending(PassingStage):
    """Knows whether its text was cut off, and can be told to stop waiting."""

    def close(self) -> str:
        """At a whole end."""
        return "whole"

    def close_cut(self) -> str:
        """At any other."""
        return "cut"

    def give_up(self) -> str:
        """While nothing comes."""
        return "waited"


def test_a_stage_is_told_of_a_cut_if_it_can_tell_the_difference() -> None:
    """Any other is closed as at a whole end."""
    ending: Stage = _Ending()
    assert close_stage(ending, cut_off=True) == "cut"
    assert close_stage(ending, cut_off=False) == "whole"
    assert close_stage(PassingStage(), cut_off=True) == ""


def test_only_a_stage_that_can_stop_waiting_is_asked_to() -> None:
    """Others hold little, and not for long."""
    ending = _Ending()
    assert yielding(ending) is ending
    assert yielding(PassingStage()) is None
