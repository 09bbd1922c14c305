"""Notes for people: bounded in number and in text, and never shown by accident."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.finding import Evidence, Finding
from extproc.domain.record import ExchangeRecord
from extproc.domain.review import (
    FOUND_CHARS_MAX,
    MARGIN_CHARS,
    NOTES_MAX,
    NOTES_OF_A_KIND_MAX,
    FindingNote,
    FindingNotes,
)

EMAIL = Finding("EMAIL", 5, 20, 0.95, "pii.email")


def noted(text: str, finding: Finding = EMAIL, chars_max: int | None = 10, begins: bool = True) -> FindingNote:
    """The note of one finding."""
    notes = FindingNotes(chars_max)
    notes.add("pii", "request", "mask", True, Evidence(finding, text, "user", begins))
    return notes.noted[0]


def test_a_note_holds_the_text_around() -> None:
    """And where in it the finding stands."""
    note = noted("Mail ann@example.org or call")
    assert note.text[note.start : note.end] == "ann@example.org"
    assert (note.begins, note.ends) == (True, True)


def test_a_text_that_goes_on_does_not_end() -> None:
    """A value at its end may be half of one."""
    notes = FindingNotes(10)
    notes.add(
        "banned", "response", "flag", False, Evidence(EMAIL, "Mail ann@example.org or call", "assistant", True, False)
    )
    assert (notes.noted[0].begins, notes.noted[0].ends) == (True, False)


def test_text_is_kept_only_where_that_was_asked_for() -> None:
    """None keeps none; what else is known of the finding is noted all the same."""
    note = noted("Mail ann@example.org or call", chars_max=None)
    assert (note.text, note.start, note.end, note.kind) == ("", 0, 0, "EMAIL")


def test_a_finding_whose_text_is_not_known_is_noted_without() -> None:
    """Detectors that judge elsewhere give no text."""
    assert noted("").text == ""


@given(st.integers(0, 9_000), st.integers(0, 9_000), st.integers(0, 300), st.booleans())
def test_no_note_is_larger_than_its_limits(start: int, length: int, chars_max: int, begins: bool) -> None:
    """However long the text and what was found, also where the places lie beyond the text."""
    text = "".join(chr(97 + place % 26) for place in range(6_000))
    note = noted(text, Finding("X", start, start + length, 1.0, "x"), chars_max, begins)
    assert len(note.text) <= FOUND_CHARS_MAX + 2 * (chars_max + MARGIN_CHARS)
    assert note.text in text
    assert 0 <= note.start <= note.end <= len(note.text)
    assert note.text[note.start : note.end] == text[start : start + length][:FOUND_CHARS_MAX]
    assert length <= FOUND_CHARS_MAX or note.end == len(note.text)
    assert not note.begins or (begins and text.startswith(note.text))
    assert not note.ends or text.endswith(note.text)


def test_many_findings_of_a_kind_leave_room_for_others() -> None:
    """What has no place is counted, by a number alone."""
    notes = FindingNotes(10)
    for _ in range(50):
        notes.add("pii", "request", "mask", True, Evidence(EMAIL, "", "user"))
    notes.add("injection", "request", "block", False, Evidence(Finding("ATTACK", 0, 1, 1.0, "x"), "", "user"))
    assert [note.guard for note in notes.noted] == ["pii"] * NOTES_OF_A_KIND_MAX + ["injection"]
    assert notes.dropped == 50 - NOTES_OF_A_KIND_MAX
    for number in range(2 * NOTES_MAX):
        notes.add(f"guard-{number}", "request", "flag", True, Evidence(EMAIL, "", "user"))
    assert len(notes.noted) == NOTES_MAX


def test_text_is_in_no_repr() -> None:
    """What prints a record or a note by mistake prints nothing of users."""
    record = ExchangeRecord("id", "revision", 0, notes=FindingNotes(10))
    assert record.notes is not None
    record.notes.add("pii", "request", "mask", True, Evidence(EMAIL, "Mail ann@example.org or call", "user"))
    assert "ann@" not in f"{record!r} {record.notes!r} {record.notes.noted!r}"
