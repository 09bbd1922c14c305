"""The guard against answers that went wrong in themselves."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.guards.degenerate import ResponseLanguage
from extproc.detectors.text.languages import LANGUAGES
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Kind
from extproc.filters.chain import Channels
from extproc.filters.degenerate import STEP_CHARS
from extproc.payload.endpoints import CHAT
from extproc.payload.view import UNNAMED_PART_FIRST, RequestPolicy, response_source
from tests.playbooks.driver import snapshot_of
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

DEGENERATE: dict[str, Any] = {"guard": "degenerate"}
BLOCK = {**DEGENERATE, "action": "block"}
AS_JSON: dict[str, Any] = {"response_format": {"type": "json_object"}}
GERMAN = (
    "Das ist nicht die Antwort, die Sie von mir auf eine Frage in der Sprache haben wollten, und ich weiß es auch. "
)
ENGLISH = "What are the things that you would have to know from the start?"
STUCK = "and so on, " * 40


def answer(guard: dict[str, Any], **fields: Any) -> tuple[Channels, ExchangeRecord]:
    """The channels of an answer to a chat's request, and what is noted of it."""
    exchange = exchange_of()
    policy = snapshot_of(guard).policies[-1]
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}], **fields}
    request = CHAT.read_request(json.dumps(body).encode(), RequestPolicy(json_depth_max=64))
    for owner in policy.guards:
        owner.on_request(request, exchange)
    return Channels(policy.response_filters, exchange, 10), exchange.record


def judged(
    pieces: list[str], guard: dict[str, Any] = DEGENERATE, kind: Kind = Kind.CONTENT, part: int = 0, **fields: Any
) -> tuple[str, dict[str, int]]:
    """What is released of one text, and how often each kind was found, at its choice's end too."""
    channels, record = answer(guard, **fields)
    chain = channels.chain(response_source(kind, 0, part))
    text = ""
    for piece in pieces:
        text += chain.feed(piece)
        if chain.rejected_by is not None:
            break
    else:
        text += chain.close()
        if chain.rejected_by is None:
            channels.end_choice(0, cut_short=False)
    return text, {found: times for (_, _, found), times in record.findings.items()}


def asking(text: str) -> dict[str, Any]:
    """A request of one message."""
    return {"messages": [{"role": "user", "content": text}]}


def test_a_loop_ends_the_answer_where_it_is_seen() -> None:
    """At the first step at which it fills enough: four repetitions and 200 characters by default."""
    text, found = judged(["Well, ", STUCK], BLOCK)
    assert found == {"LOOP": 1}
    assert text == ("Well, " + STUCK)[: STEP_CHARS * 4]


@pytest.mark.parametrize(("kind", "loops"), [(Kind.REASONING, 1), (Kind.JSON, 1), (Kind.NAME, 0), (Kind.REFUSAL, 0)])
def test_reasoning_and_arguments_can_be_stuck_too(kind: Kind, loops: int) -> None:
    """A model that thinks in a circle never comes to its answer."""
    quoted = f'"{STUCK}"' if kind is Kind.JSON else STUCK
    assert judged([quoted], kind=kind)[1].get("LOOP", 0) == loops


@pytest.mark.parametrize(
    ("fields", "kind", "text", "broken"),
    [
        (AS_JSON, Kind.CONTENT, '{"a": [1, 2]}', 0),
        (AS_JSON, Kind.CONTENT, '```json\n{"a": 1}\n```', 1),
        (AS_JSON, Kind.CONTENT, '{"a": [1, 2', 1),
        (AS_JSON, Kind.REASONING, "hmm", 0),
        ({}, Kind.CONTENT, "hmm", 0),
        ({}, Kind.JSON, '{"city": "Rome"', 1),
        ({}, Kind.JSON, "", 0),
        ({"response_format": {"type": "text"}}, Kind.CONTENT, "hmm", 0),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, Kind.CONTENT, "hmm", 1),
        ({"guided_json": {"type": "object"}}, Kind.CONTENT, "hmm", 1),
        ({"structured_outputs": {"json": {"type": "object"}}}, Kind.CONTENT, "hmm", 1),
        ({"structured_outputs": {"regex": "a"}}, Kind.CONTENT, "hmm", 0),
    ],
)
def test_json_is_expected_where_it_was_asked_for(fields: dict[str, Any], kind: Kind, text: str, broken: int) -> None:
    """As the request says it; the arguments of tools always."""
    assert judged([text], kind=kind, **fields)[1].get("BROKEN_JSON", 0) == broken


def test_broken_json_ends_the_answer_at_once() -> None:
    """Before the first character that cannot be."""
    assert judged(["{'a'", ": 1}"], BLOCK, **AS_JSON) == ("{", {"BROKEN_JSON": 1})


def test_fields_that_no_api_names_are_not_judged() -> None:
    """They are texts about the answer."""
    assert judged(["hmm"], kind=Kind.CONTENT, part=UNNAMED_PART_FIRST, **AS_JSON)[1] == {"EMPTY": 1}


@pytest.mark.parametrize(
    ("guard", "question", "found"),
    [
        (DEGENERATE, ENGLISH, {"LANGUAGE": 1}),
        (DEGENERATE, "Was ist das für eine Sprache, und wie ist die Antwort von dem Modell?", {}),
        (DEGENERATE, "2 + 2", {}),
        ({**DEGENERATE, "languages": ["en", "fr"]}, "2 + 2", {"LANGUAGE": 1}),
        ({**DEGENERATE, "languages": ["de"]}, ENGLISH, {}),
        ({**DEGENERATE, "kinds": ["LOOP"]}, ENGLISH, {}),
    ],
)
def test_the_answer_is_in_the_language_of_the_question(
    guard: dict[str, Any], question: str, found: dict[str, int]
) -> None:
    """Or in one that the configuration allows."""
    assert judged([GERMAN], guard, **asking(question))[1] == found


def test_a_text_that_changes_its_language_is_seen_on_the_way() -> None:
    """It is judged some sentences at a time."""
    russian = "Музей открывается в девять часов и закрывается вечером. "
    only = {**DEGENERATE, "kinds": ["LANGUAGE"]}
    assert judged([ENGLISH * 10 + russian * 20], only, **asking(ENGLISH))[1] == {"LANGUAGE": 1}


@pytest.mark.parametrize(
    ("texts", "cut_short", "found"),
    [
        ([], False, "EMPTY"),
        ([(Kind.CONTENT, " \n")], False, "EMPTY"),
        ([(Kind.REASONING, "I think")], True, "EMPTY"),
        ([(Kind.NAME, "search")], False, ""),
        ([(Kind.CONTENT, "It was a dark and")], True, "CUT_SHORT"),
        ([(Kind.CONTENT, "It was a dark and")], False, ""),
        ([(Kind.CONTENT, "It was dark. \n")], True, ""),
        ([(Kind.CONTENT, "It was dark.”")], True, ""),
    ],
)
@pytest.mark.parametrize(("action", "verdict"), [("flag", "flag"), ("block", "flag"), ("shadow", "shadow")])
def test_the_end_of_a_choice_is_judged(
    texts: list[tuple[Kind, str]], cut_short: bool, found: str, action: str, verdict: str
) -> None:
    """Nothing said, or a sentence that the greatest number of tokens cut; both are reported, and nothing is ended."""
    channels, record = answer({**DEGENERATE, "action": action})
    for kind, text in texts:
        channels.chain(response_source(kind, 3)).feed(text)
    channels.end_choice(3, cut_short)
    assert record.findings == ({("degenerate", "response", found): 1} if found else {})
    assert record.verdicts == ({("degenerate", "response", verdict): 1} if found else {})


PARTS = st.sampled_from(
    [STUCK, GERMAN, '{"a": [1, 2], ', '"b": "c"}', "я " * 60, "Музей открывается в девять. ", " ", "x"]
)


@given(
    cut(st.lists(PARTS, max_size=8).map("".join)),
    st.sampled_from(["flag", "block"]),
    st.sampled_from([{}, AS_JSON]),
    st.sampled_from([Kind.CONTENT, Kind.JSON, Kind.REASONING]),
)
def test_the_pieces_do_not_matter(pieces: list[str], action: str, fields: dict[str, Any], kind: Kind) -> None:
    """What is released and found is that of the whole text."""
    guard = {**DEGENERATE, "action": action}
    request = {**asking(ENGLISH), **fields}
    assert judged(pieces, guard, kind, **request) == judged(["".join(pieces)], guard, kind, **request)


@given(cut(st.lists(PARTS, max_size=8).map("".join)))
def test_a_fork_comes_to_the_same_and_tells_nobody(pieces: list[str]) -> None:
    """What is asked before a choice ends must not count."""
    channels, record = answer(BLOCK, **AS_JSON)
    chain = channels.chain(response_source(Kind.CONTENT, 0))
    for piece in pieces:
        chain.feed(piece)
        if chain.rejected_by is not None:
            return
    before = dict(record.findings)
    would_end = chain.rejects_if_closed()
    assert record.findings == before
    chain.close()
    assert (chain.rejected_by is not None) == would_end


def test_every_language_that_can_be_allowed_is_known() -> None:
    """The names in the configuration are those of the detector."""
    assert set(get_args(ResponseLanguage)) == LANGUAGES
