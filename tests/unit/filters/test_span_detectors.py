"""What a stage asks of a detector: one that reads cues behind a value lets its cells wait, others never do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.domain.finding import Finding
from extproc.filters.span_detectors import BEHIND_CHARS_MAX, awaited_in, beginning_in, found_in, reads_behind
from extproc.filters.spans import HoldLimit, SpanStage
from tests.unit.detectors.pii.test_phone_cues import BEHIND
from tests.unit.filters.cutting import cut, through

PHONES = PiiDetector(["PHONE"])


class Plain:
    """A detector like those of installed packages: it knows nothing of text behind a cell."""

    def might_match(self, text: str) -> bool:
        """Always."""
        return True

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """Nothing."""
        return []


def masking(limit: HoldLimit | None = None) -> SpanStage:
    """A stage that masks phone numbers."""
    return SpanStage(PHONES, lambda one, _: f"<{one.kind}>", lambda _: None, limit=limit or HoldLimit(lambda: None))


def test_a_detector_that_does_not_read_behind_is_asked_as_ever() -> None:
    """No cell waits for it, and it sees no more than the cell."""
    assert not reads_behind(Plain())
    assert awaited_in(Plain(), "5552671", 0, " is my") is None
    assert beginning_in(Plain(), "5552671", 0) is None
    assert found_in(Plain(), "5552671", 0, " is my number") == []


def test_a_detector_that_reads_behind_sees_what_follows_the_cell() -> None:
    """And says of a number whether it may become one."""
    assert reads_behind(PHONES)
    assert [one.kind for one in found_in(PHONES, "5552671", 0, " is my number")] == ["PHONE"]
    waiting = awaited_in(PHONES, "or 5552671", 3, " is my")
    assert waiting is not None
    assert (waiting.start, waiting.end, waiting.begun) == (3, 10, True)
    assert awaited_in(PHONES, "or 5552671", 3, " is your") is not None
    assert awaited_in(PHONES, "or 5552671", 3, " was sold") is None
    assert awaited_in(PHONES, "or +49 30 901820", 3, " is my") is None  # it is one anyway


@pytest.mark.parametrize("cue", BEHIND)
@given(data=st.data())
def test_a_number_before_its_cue_is_masked_at_every_cut(cue: str, data: st.DataObject) -> None:
    """In one piece or in many: the same comes out."""
    text = f"So 912 345 678{cue}, and 555 items."
    pieces = data.draw(cut(st.just(text)))
    assert through(masking(), pieces) == f"So <PHONE>{cue}, and 555 items."


def test_a_number_is_released_as_soon_as_no_cue_can_follow() -> None:
    """Prose behind a number costs a character or two."""
    stage = masking()
    assert stage.feed("So 5552671 ") == "So "
    assert stage.feed("i") == ""
    assert stage.feed("t") == "5552671 "
    assert stage.held() == "it"


def test_no_more_is_held_than_the_number_and_the_longest_cue() -> None:
    """Whatever follows it."""
    stage = masking()
    stage.feed("So 5552671 ")
    for character in "is the new main direct best own current second other ":
        stage.feed(character)
        assert len(stage.held()) <= len("5552671 ") + BEHIND_CHARS_MAX


def test_giving_up_releases_a_number_that_waits() -> None:
    """Its cue has not come, so it is none."""
    told: list[str] = []
    stage = masking(HoldLimit(lambda: told.append("LIMIT")))
    assert stage.feed("So 5552671 is ") == "So "
    assert stage.give_up() == "5552671 is "
    assert (stage.held(), told) == ("", ["LIMIT"])
    assert stage.feed("my number.") + stage.close() == "my number."


def test_giving_up_with_a_mask_masks_a_number_that_waits() -> None:
    """Nobody knows what it is."""
    stage = masking(HoldLimit(lambda: None, mask="<LIMIT>"))
    assert stage.feed("So 5552671 is ") == "So "
    assert stage.give_up() == "<LIMIT> is "
    assert stage.feed("my number.") + stage.close() == "my number."


def test_giving_up_rejects_where_findings_reject() -> None:
    """A blocking guard ends the text."""
    stage = SpanStage(PHONES, None, lambda _: None, limit=HoldLimit(lambda: None, mask="<LIMIT>"))
    assert stage.feed("So 5552671 is ") == "So "
    assert stage.give_up() == ""
    assert stage.rejected


def test_a_fork_knows_of_a_number_that_waits() -> None:
    """And tells what would come of it."""
    stage = masking()
    assert stage.feed("So 5552671 is my num") == "So "
    fork = stage.fork()
    assert fork.feed("ber.") + fork.close() == "<PHONE> is my number."
    assert stage.held() == "5552671 is my num"
