"""Two stages as one: the second sees what the first releases, and either may reject."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.filters.in_turn import InTurn, PassingStage
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import FakeFilter, FakeStage

TEXTS = st.text("abcx ", max_size=20)


def stage_of(**what: object) -> FakeStage:
    """A stage that holds, replaces or rejects."""
    return FakeStage(FakeFilter("fake", **what))  # type: ignore[arg-type]


def through(stage: InTurn, pieces: list[str]) -> str:
    """All that it releases."""
    released = ""
    for piece in pieces:
        if stage.rejected:
            return released
        released += stage.feed(piece)
    return released if stage.rejected else released + stage.close()


@given(cut(TEXTS), st.integers(0, 4), st.integers(0, 4))
def test_cuts_do_not_matter_and_nothing_is_lost(pieces: list[str], first: int, second: int) -> None:
    """Both hold a little; the second replaces what the first wrote."""
    stage = InTurn(stage_of(holds=first, replaces={"a": "b"}), stage_of(holds=second, replaces={"b": "c"}))
    assert through(stage, pieces) == "".join(pieces).replace("a", "c").replace("b", "c")
    assert stage.held() == ""


@given(cut(TEXTS), st.integers(0, 4), st.booleans())
def test_what_stands_before_a_rejection_is_released(pieces: list[str], holds: int, in_first: bool) -> None:
    """Whichever of the two rejects: what it let by goes out, and nothing behind it."""
    rejecting, holding = stage_of(rejects_at="x"), stage_of(holds=holds)
    stage = InTurn(rejecting, holding) if in_first else InTurn(holding, rejecting)
    text = "".join(pieces)
    assert through(stage, pieces) == text.partition("x")[0]
    assert stage.rejected == ("x" in text)


def test_a_fork_goes_its_own_way() -> None:
    """What it is fed is no part of the text of the first."""
    stage = InTurn(stage_of(holds=2), PassingStage())
    stage.feed("ab")
    fork = stage.fork()
    assert fork.feed("cd") == "ab"
    assert stage.held() == "ab"
    assert stage.close() == "ab"


def test_only_a_first_stage_that_can_stop_waiting_is_asked_to() -> None:
    """Another keeps what it holds."""
    stage = InTurn(stage_of(holds=2), PassingStage())
    stage.feed("ab")
    assert stage.give_up() == ""
    assert stage.held() == "ab"
