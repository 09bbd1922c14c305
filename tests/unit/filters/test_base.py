"""What all guards share: what they see, what they report of a finding, and what they keep for one exchange."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.config.guards.size import SizeSection
from extproc.config.guards.urls import UrlsSection
from extproc.domain.finding import Evidence, Finding
from extproc.domain.record import Action
from extproc.domain.review import FindingNotes
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.filters.base import NULL_REPORTER, Filter, FindingReporter, Guard, GuardState
from extproc.payload.view import response_source
from tests.unit.filters.fakes import exchange_of

ASKED = TextSource(Direction.REQUEST, Speaker.USER, Kind.CONTENT)
ANSWERED = response_source(Kind.CONTENT, 0)
FOUND = Evidence(Finding("WORD", 2, 5, 1.0, "test.word", detail="zebra"), "a zebra", "user")


def guard(**keys: Any) -> Guard:
    """One by its section."""
    return Guard(UrlsSection(guard="urls", deny=("evil.example",), **keys))


@pytest.mark.parametrize(
    ("on", "sees"), [("request", (True, False)), ("response", (False, True)), ("both", (True, True))]
)
def test_a_guard_sees_the_texts_of_its_directions(on: str, sees: tuple[bool, bool]) -> None:
    """As its section says."""
    assert (guard(on=on).applies_to(ASKED), guard(on=on).applies_to(ANSWERED)) == sees


@pytest.mark.parametrize(
    ("keys", "changes", "cuts"),
    [
        ({"action": "mask"}, True, False),
        ({"action": "block"}, True, True),
        ({"action": "block", "on": "request"}, False, False),
        ({"action": "flag"}, False, False),
        ({"action": "shadow"}, False, False),
    ],
)
def test_only_what_masks_or_blocks_answers_changes_them(keys: dict[str, Any], changes: bool, cuts: bool) -> None:
    """What looks only, leaves copies of a text where they are."""
    assert (guard(**keys).changes_responses, guard(**keys).cuts_responses) == (changes, cuts)


def test_a_guard_in_shadow_never_ends_an_exchange_and_asks_no_reviewer() -> None:
    """Unless its section says that its findings are reviewed."""
    shadow = guard(action="shadow")
    assert shadow.fails_open
    assert not shadow.is_reviewed
    assert guard(action="shadow", review=True).is_reviewed
    assert not guard(action="block").fails_open


def test_a_report_counts_and_is_noted_for_reviewers_only_where_they_look() -> None:
    """With the text that it stands in."""
    for reviewed in (True, False):
        exchange = exchange_of()
        notes = exchange.record.notes = FindingNotes(10)
        guard(review=reviewed).report(exchange, Direction.REQUEST, FOUND)
        assert exchange.record.findings == {("urls", "request", "WORD"): 1}
        assert exchange.record.verdicts == {("urls", "request", "mask"): 1}
        assert len(notes.noted) == int(reviewed)


def test_reports_wait_while_it_is_undecided_whether_their_text_goes_out() -> None:
    """Then they are made, or never."""
    exchange = exchange_of()
    exchange.held_reports = []
    guard().report(exchange, Direction.RESPONSE, FOUND, Action.FLAG)
    assert not exchange.record.findings
    (report,) = exchange.held_reports
    report()
    assert exchange.record.verdicts == {("urls", "response", "flag"): 1}


def test_a_state_belongs_to_one_exchange_and_one_key() -> None:
    """What another key put there is not found."""
    exchange, one, other = exchange_of(), GuardState[int](), GuardState[int]()
    assert one.of(exchange) is None
    assert one.put(exchange, 7) == 7
    assert (one.of(exchange), other.of(exchange), one.of(exchange_of())) == (7, None, None)
    assert (one.pop(exchange), one.pop(exchange)) == (7, None)


def test_a_filter_that_rejects_must_say_how() -> None:
    """One that never does has nothing to say."""
    exchange = exchange_of()
    sized = Guard(SizeSection(guard="size", chars_max=1))
    with pytest.raises(NotImplementedError):
        Filter(sized.mode, sized.on_error).rejection()
    assert guard().stage(ASKED, exchange) is None


def test_a_fork_has_no_witness() -> None:
    """What it finds is found again, and told then."""
    NULL_REPORTER.set_text("zebra")
    NULL_REPORTER.report(FOUND.finding)
    NULL_REPORTER.note_released("zebra")
    assert isinstance(NULL_REPORTER, FindingReporter)
