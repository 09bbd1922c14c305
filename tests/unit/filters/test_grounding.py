"""The guard that holds answers against what the request brought along."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import Coverage, ExchangeRecord
from extproc.domain.text import Kind
from extproc.filters.chain import Channels
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestPolicy, response_source
from tests.playbooks.driver import answered, chat_answer, snapshot_of
from tests.unit.detectors.answers.test_grounding import CONTEXT
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

GROUNDING: dict[str, Any] = {"guard": "grounding"}
GOOD = "Acme Tools sold 1,250 machines in 2023. The warranty lasts 24 months."
MADE_UP = "Beta Pumps lost 777 customers during 1999, says Eva Miller. Nobody complained afterwards, strangely enough."
TOOL = [{"role": "user", "content": "What?"}, {"role": "tool", "tool_call_id": "t", "content": CONTEXT}]
DOCUMENT: dict[str, Any] = {"documents": [{"title": "Acme", "text": CONTEXT}]}


def judged(
    pieces: list[str], guard: dict[str, Any] = GROUNDING, kind: Kind = Kind.CONTENT, **fields: Any
) -> tuple[str, ExchangeRecord]:
    """What is released of an answer to a chat's request, and what is noted of it."""
    exchange = exchange_of()
    policy = snapshot_of(guard).policies[-1]
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What?"}], **fields}
    request = CHAT.read_request(json.dumps(body).encode(), RequestPolicy(json_depth_max=64))
    for owner in policy.guards:
        owner.on_request(request, exchange)
    chain = Channels(policy.response_filters, exchange, 10).chain(response_source(kind, 0))
    return "".join(map(chain.feed, pieces)) + chain.close(), exchange.record


def kinds(record: ExchangeRecord) -> set[str]:
    """What was found."""
    return {kind for _, _, kind in record.findings}


@pytest.mark.parametrize("fields", [{"messages": TOOL}, DOCUMENT, {"messages": [{"role": "user", "content": CONTEXT}]}])
def test_what_the_request_does_not_have_is_reported(fields: dict[str, Any]) -> None:
    """Documents, results of tools, or a long text of the user; the scores are told to people."""
    guard = {**GROUNDING, "context_chars_min": 100}
    assert kinds(judged([GOOD], guard, **fields)[1]) == set()
    text, record = judged([MADE_UP], guard, **fields)
    assert text == MADE_UP
    assert kinds(record) == {"UNSUPPORTED", "NOVEL_WORDS"}
    assert record.details[0] == "grounding/UNSUPPORTED/1.00"
    assert set(record.verdicts) == {("grounding", "response", "flag")}


@pytest.mark.parametrize("fields", [{"messages": TOOL}, DOCUMENT, {"messages": [{"role": "user", "content": CONTEXT}]}])
def test_a_sentence_that_says_otherwise_than_a_document_is_reported(fields: dict[str, Any]) -> None:
    """With the share of such sentences; the guard can leave it out."""
    guard = {**GROUNDING, "context_chars_min": 100}
    said = f"{GOOD} The warranty lasts 12 months, so the warranty ends."
    text, record = judged([said], guard, **fields)
    assert text == said
    assert record.findings == {("grounding", "response", "CONTRADICTED"): 1}
    assert record.details == ("grounding/CONTRADICTED/0.33",)
    assert kinds(judged([said], {**guard, "contradictions": False}, **fields)[1]) == set()


def test_what_the_user_asks_is_no_document() -> None:
    """An answer may correct it; one that agrees with it against the document says otherwise."""
    asked = [{"role": "user", "content": "Does the warranty last 12 months?"}, TOOL[1]]
    assert kinds(judged(["The warranty lasts 24 months."], messages=asked)[1]) == set()
    assert kinds(judged(["The warranty lasts 12 months."], messages=asked)[1]) == {"CONTRADICTED"}


@pytest.mark.parametrize(("kind", "fields"), [(Kind.CONTENT, {}), (Kind.REASONING, DOCUMENT), (Kind.JSON, DOCUMENT)])
def test_without_a_context_nothing_is_judged(kind: Kind, fields: dict[str, Any]) -> None:
    """A short question has none; and only what is told to the user rests on one."""
    assert kinds(judged([MADE_UP], kind=kind, **fields)[1]) == set()


def test_too_large_a_context_is_not_skipped_silently() -> None:
    """Coverage says so."""
    snapshot = snapshot_of({**GROUNDING, "context_chars_max": 1_000})
    record = answered(snapshot, chat_answer(MADE_UP), documents=[CONTEXT * 9]).record
    assert kinds(record) == set()
    assert record.coverage == {("grounding", "response", Coverage.SKIPPED_TOO_LONG): 1}


def test_a_request_without_a_context_is_said_to_have_none() -> None:
    """Its answer is not called checked."""
    record = answered(snapshot_of(GROUNDING), chat_answer(MADE_UP)).record
    assert record.coverage == {("grounding", "response", Coverage.SKIPPED_NO_CONTEXT): 1}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"items_min": 5}, {"NOVEL_WORDS"}),
        ({"novel_words_percent_min": 100}, {"UNSUPPORTED"}),
        ({"action": "shadow"}, {"UNSUPPORTED", "NOVEL_WORDS"}),
    ],
)
def test_thresholds_are_the_operators(change: dict[str, Any], found: set[str]) -> None:
    """Of shares, and of how much there must be to have one."""
    assert kinds(judged([MADE_UP], {**GROUNDING, **change}, **DOCUMENT)[1]) == found


@given(cut(st.lists(st.sampled_from([GOOD, MADE_UP, "\n", " In 19", "99. ", "x" * 600]), max_size=6).map("".join)))
def test_the_pieces_do_not_matter(pieces: list[str]) -> None:
    """What is found is that of the whole text, which passes at once."""
    text, record = judged(pieces, **DOCUMENT)
    whole, whole_record = judged(["".join(pieces)], **DOCUMENT)
    assert text == whole == "".join(pieces)
    assert (record.findings, record.details) == (whole_record.findings, whole_record.details)
