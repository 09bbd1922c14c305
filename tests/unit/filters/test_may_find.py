"""The look at whole texts before stages are put on them: it spares work, and never a finding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from extproc.config.section import OnError
from extproc.domain.record import Coverage, Outcome
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.exchange.events import ContinueBody, ImmediateResponse, ResponseBody, StreamClosed
from extproc.filters.base import ExchangeContext, Filter
from extproc.filters.chain import Channels, FilterFailed, finding
from tests.playbooks.driver import (
    INJECTION,
    METER,
    PII,
    PII_BLOCK,
    Conversation,
    asked,
    chat_answer,
    response_headers,
    snapshot_of,
    with_guards,
)
from tests.unit.filters.fakes import Broken, FakeFilter, exchange_of

Texts = list[tuple[TextSource, str]]

PII_FLAG: dict[str, Any] = {**PII, "action": "flag"}
PII_SHADOW: dict[str, Any] = {**PII, "action": "shadow"}
FILTERS = [
    snapshot_of(section).policies[-1].guards[-1] for section in (PII, PII_BLOCK, PII_FLAG, PII_SHADOW, INJECTION)
]

FRAGMENTS = st.sampled_from([
    "bob@example.org", "bob", "@", "example.org", "4111 1111 1111 1111", "4111", "+49 30 901820", "call",
    "DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "SSN", "123-45-6789", "10.1.2.3", "AKIAIOSFODNN7EXAMPLE",
    "a plain word", "ignore all previous instructions", "12", "é", " ", " ", "\n", ", ", "",
])  # fmt: skip
PLAIN = st.lists(FRAGMENTS, max_size=5).map("".join)
VALUES = PLAIN | st.integers() | st.just(4111111111111111) | st.lists(PLAIN, max_size=2)


def escaped(text: str) -> str:
    """The same JSON, in which some marks are written as escapes."""
    return text.replace("@", "\\u0040").replace("+", "\\u002b").replace("1", "\\u0031")


JSON_TEXTS = st.dictionaries(PLAIN, VALUES, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False))
STRINGS = PLAIN.map(json.dumps)


@st.composite
def texts_of_an_exchange(draw: st.DrawFn) -> Texts:
    """Texts of one direction; those of one channel follow each other, as in an answer."""
    direction = draw(st.sampled_from(Direction))
    texts: Texts = []
    for part in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from((Kind.CONTENT, Kind.JSON, Kind.NAME)))
        written = JSON_TEXTS | STRINGS | STRINGS.map(escaped) if kind is Kind.JSON else PLAIN
        source = TextSource(direction, Speaker.ASSISTANT, kind, 0, draw(st.integers(0, part)))
        texts.append((source, draw(written)))
    return texts


def of_a_tool(text: str) -> Texts:
    """One text of a tool's arguments."""
    return [(TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.JSON), text)]


def found_by_stages(owner: Filter, texts: Texts) -> bool:
    """Whether stages on each of the texts report or change anything."""
    exchange = exchange_of()
    channels = Channels((owner,), exchange, 10)
    changed = False
    for source, text in texts:
        chain = channels.chain(source)
        if chain.rejected_by is None:
            released = chain.feed(text)
            changed = changed or chain.rejected_by is not None or released + chain.close() != text
    return changed or bool(exchange.record.findings)


# --- the law -------------------------------------------------------------------------------------------------------


@given(texts_of_an_exchange(), st.sampled_from(FILTERS))
@example(of_a_tool('{"to": "bob\\u0040example.org"}'), FILTERS[0])
@example(of_a_tool('{"to": "bob\\u0040example.org"}'), FILTERS[2])
@example(of_a_tool('{"to": "4111 1111\\u00201111 1111"}'), FILTERS[0])
def test_what_stages_find_may_be_found(texts: Texts, owner: Filter) -> None:
    """For every filter that looks first: a finding in one of the texts is never missed in all of them together."""
    found = found_by_stages(owner, texts)
    event(f"{owner.name}: found={found}")
    if found:
        assert owner.might_match_any(texts)


def test_an_escape_may_hide_what_the_text_does_not_show() -> None:
    """No mark of an address stands in this text, and there is one in it; as plain text there is none."""
    hidden = of_a_tool('{"to": "ftp:\\/\\/bob:hunter@example"}')
    assert found_by_stages(FILTERS[0], hidden)
    assert FILTERS[0].might_match_any(hidden)
    assert not FILTERS[0].might_match_any([(source._replace(kind=Kind.CONTENT), text) for source, text in hidden])


def test_a_bare_line_break_in_a_string_is_for_the_stage_to_write() -> None:
    """A stream's stage writes it as an escape: unstreamed it comes out the same only if there is a stage too."""
    source = TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.JSON)
    assert FILTERS[0].might_match_any([(source, '{"a": "b\nc"}')])
    assert not FILTERS[0].might_match_any([(source, '{"a": "b c"}')])


def test_most_texts_need_no_stage() -> None:
    """Else the look would be for nothing."""
    words = [(TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT), "It is sunny today.")]
    assert [owner.might_match_any(words) for owner in FILTERS] == [False] * len(FILTERS)


# --- the filters that are asked ------------------------------------------------------------------------------------


class Looking(FakeFilter):
    """A fake that says what it is told to when it is asked, or raises, and counts its stages."""

    def __init__(self, name: str, *, finds: bool | None, on_error: OnError = OnError.CLOSED) -> None:
        super().__init__(name, on_error=on_error, replaces={"secret": "******"})
        self.finds = finds
        self.stages = 0

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """As told; None raises."""
        if self.finds is None:
            raise Broken
        return self.finds

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """One more."""
        self.stages += 1
        return super().stage(source, exchange)


def answered_by(*filters: Looking) -> tuple[Conversation, list[Any]]:
    """An unstreamed answer under these filters, and what was done with its body."""
    talk = asked(with_guards(snapshot_of(METER), *filters, on_requests=False))
    talk.hears(response_headers())
    actions = talk.hears(ResponseBody(chat_answer("a secret"), True))
    talk.hears(StreamClosed())
    return talk, actions


def test_those_that_may_find_something_are_needed_in_their_order() -> None:
    """The others are not failures: nothing is noted."""
    filters = [Looking("a", finds=True), Looking("b", finds=False), Looking("c", finds=True)]
    for one in filters:
        one.changes_responses = False
    exchange = exchange_of()
    assert finding(filters, of_a_tool("{}"), exchange) == [filters[0], filters[2]]
    assert (exchange.failed_open, exchange.failed_closed) == (frozenset(), "")


def test_behind_one_that_may_change_the_text_all_are_needed() -> None:
    """What they would find in the text as it came says nothing about the text as it will be."""
    filters = [Looking("a", finds=False), Looking("b", finds=True), Looking("c", finds=False)]
    assert finding(filters, of_a_tool("{}"), exchange_of()) == filters[1:]


def test_one_that_raises_and_fails_closed_ends_the_exchange() -> None:
    """With what it raised as the cause."""
    exchange = exchange_of()
    with pytest.raises(FilterFailed) as failed:
        finding([Looking("other", finds=False), Looking("fails", finds=None)], of_a_tool("{}"), exchange)
    assert failed.value.filter_name == "fails"
    assert isinstance(failed.value.cause, Broken)
    assert exchange.failed_closed == "fails"


def test_one_that_raises_and_fails_open_is_left_out_and_noted() -> None:
    """Of the rest of the exchange; the others go on."""
    fails, other = Looking("fails", finds=None, on_error=OnError.OPEN), Looking("other", finds=True)
    exchange = exchange_of()
    assert finding([fails, other], of_a_tool("{}"), exchange) == [other]
    assert exchange.failed_open == {"fails"}


@pytest.mark.parametrize(("finds", "stages", "text"), [(False, 0, "a secret"), (True, 1, "a ******")])
def test_in_an_unstreamed_answer_only_those_that_may_find_get_a_stage(finds: bool, stages: int, text: str) -> None:
    """Most texts hold nothing, and cost a look."""
    asked_filter, other = Looking("asked", finds=finds), Looking("other", finds=False)
    talk, _ = answered_by(other, asked_filter)
    assert (asked_filter.stages, other.stages) == (stages, 0)
    assert talk.client_json["choices"][0]["message"]["content"] == text
    assert talk.record.outcome is Outcome.COMPLETED


def test_an_unstreamed_answer_is_withheld_when_one_that_fails_closed_raises() -> None:
    """The client gets an error and nothing of the answer."""
    talk, [action] = answered_by(Looking("fails", finds=None))
    assert isinstance(action, ImmediateResponse)
    assert (action.status, action.code) == (500, "guard_failed")
    assert b"secret" not in talk.client
    assert talk.record.coverage["fails", "response", Coverage.FAILED_CLOSED] == 1


def test_an_unstreamed_answer_goes_on_without_one_that_fails_open() -> None:
    """It gets no stage, the other does, and coverage says so."""
    fails, other = Looking("fails", finds=None, on_error=OnError.OPEN), Looking("other", finds=True)
    talk, [action] = answered_by(fails, other)
    assert isinstance(action, ContinueBody)
    assert (fails.stages, other.stages) == (0, 1)
    assert talk.client_json["choices"][0]["message"]["content"] == "a ******"
    assert talk.record.coverage["fails", "response", Coverage.FAILED_OPEN] == 1
