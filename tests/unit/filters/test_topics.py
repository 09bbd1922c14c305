"""Topics of requests and answers: denied ones, and conversations that are off topic."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.exchange.events import StreamClosed
from extproc.filters.chain import Channels
from extproc.payload.view import response_source
from tests.playbooks.driver import Conversation, request_body, request_headers, snapshot_of
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

INVESTING = {"name": "investing", "words": {"stock market": 2, "invest*": 1, "bonds": 1}}
COOKING = {"name": "cooking", "words": {"recipe*": 1, "cook*": 1}}
DENYING: dict[str, Any] = {"guard": "topics", "on": "both", "deny": [INVESTING], "threshold": 0.5}
ALLOWING: dict[str, Any] = {"guard": "topics", "allow": [COOKING], "words_min": 4}
TEXTS = st.lists(
    st.sampled_from(["stock", "market", "investor", "bonds", " ", "-", "\u200b", "x", ". "]), max_size=12
).map("".join)


def through_guard(pieces: list[str], section: dict[str, Any]) -> tuple[str, Any, Any]:
    """One channel of an answer under the guard: what is released, who rejected, and the record."""
    exchange = exchange_of()
    filters = snapshot_of(section).policies[-1].response_filters
    chain = Channels(filters, exchange, 10).chain(response_source(Kind.CONTENT, 0))
    released = ""
    for piece in pieces:
        released += chain.feed(piece)
        if chain.rejected_by is not None:
            break
    else:
        released += chain.close()
    return released, chain.rejected_by, exchange.record


def talk_of(section: dict[str, Any], *messages: tuple[str, Any]) -> Conversation:
    """A request under the guard."""
    talk = Conversation(snapshot_of(section))
    talk.hears(request_headers())
    talk.hears(request_body(messages=[{"role": role, "content": content} for role, content in messages]))
    return talk


@given(cut(TEXTS), st.sampled_from(["block", "flag", "shadow"]))
def test_no_cut_changes_what_comes_out(pieces: list[str], action: str) -> None:
    """Text, verdict and counts are those of the whole text."""
    section = {**DENYING, "action": action}
    text, rejected_by, record = through_guard(pieces, section)
    whole, whole_rejected_by, whole_record = through_guard(["".join(pieces)], section)
    assert (text, rejected_by is None, record.findings) == (whole, whole_rejected_by is None, whole_record.findings)


def test_an_answer_ends_with_the_word_that_is_too_much() -> None:
    """Nothing is held back before it."""
    text, rejected_by, record = through_guard(["Buy bo", "nds, inve", "st", "ors say, and"], DENYING)
    assert (text, rejected_by.name) == ("Buy bonds, investors", "topics")
    assert record.findings == {("topics", "response", "INVESTING"): 1}


@pytest.mark.parametrize(
    ("messages", "refused"),
    [
        ([("user", "Are bonds for investors?")], True),
        ([("user", "Are bonds good?")], False),
        ([("user", "bonds"), ("user", "investors")], False),
        ([("user", [{"type": "text", "text": "bonds"}, {"type": "text", "text": "investors"}])], True),
        ([("system", "Never speak of the stock market and bonds."), ("user", "Hi")], False),
    ],
)
def test_a_message_about_a_denied_topic_is_refused(messages: list[tuple[str, Any]], refused: bool) -> None:
    """Each message for itself, as a whole, and only those of the listed speakers."""
    assert (talk_of(DENYING, *messages).server is None) == refused


@pytest.mark.parametrize(
    ("messages", "refused"),
    [
        ([("user", "Which car should I buy?")], True),
        ([("user", "What recipes need no eggs?")], False),
        ([("user", "And which car?")], False),
        ([("user", "Which car should I buy?"), ("assistant", "None."), ("user", "Then let us cook some soup")], False),
        ([("user", "How do I cook soup?"), ("assistant", "In a pot."), ("user", "Which car should I buy?")], True),
    ],
)
def test_the_last_message_must_be_on_topic(messages: list[tuple[str, Any]], refused: bool) -> None:
    """If it is long enough for a topic to show."""
    assert (talk_of(ALLOWING, *messages).server is None) == refused


def test_topics_may_be_counted_only() -> None:
    """By their names."""
    talk = talk_of({**DENYING, **ALLOWING, "on": "both", "action": "flag"}, ("user", "Are bonds for investors good?"))
    talk.hears(StreamClosed())
    assert talk.server is not None
    assert talk.record.findings == {("topics", "request", "INVESTING"): 1, ("topics", "request", "OFF_TOPIC"): 1}


def test_an_error_names_no_topic() -> None:
    """What is denied need not be told."""
    talk = talk_of(DENYING, ("user", "the stock market"))
    assert talk.client_json["error"]["code"] == "topic_not_allowed"
    assert b"invest" not in talk.client


@given(TEXTS)
def test_the_look_before_misses_nothing(text: str) -> None:
    """What a stage would find may be found."""
    _, _, record = through_guard([text], {**DENYING, "action": "flag"})
    guard = snapshot_of(DENYING).policies[-1].guards[0]
    if record.findings:
        assert guard.might_match_any([(TextSource(Direction.RESPONSE, Speaker.ASSISTANT, Kind.CONTENT), text)])
