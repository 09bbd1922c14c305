"""Banned phrases in requests and answers: blocked, masked, or only counted, for every cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.compiled_routes import implicit_routes
from extproc.config.guards.banned import BannedSection
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.filters.banned import BannedGuard
from extproc.filters.base import Resources
from extproc.filters.chain import Channels
from extproc.payload.view import response_source
from tests.playbooks.driver import Conversation, asked, request_body, request_headers, snapshot_of
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

BANNED: dict[str, Any] = {"guard": "banned", "phrases": ["project falcon", "falcon nine", "gold", "secret*"]}
MASKING = {**BANNED, "action": "mask"}
TEXTS = st.lists(
    st.sampled_from(
        ["project", "falcon", "nine", "gold", "golden", "secrets", " ", "-", "ｇ", "\u200b", "old", "è", '"']
    ),
    max_size=12,
).map("".join)


def through_guard(pieces: list[str], section: dict[str, Any], kind: Kind = Kind.CONTENT) -> tuple[str, Any, Any]:
    """One channel of an answer under the guard: what is released, who rejected, and the record."""
    exchange = exchange_of()
    filters = snapshot_of(section).policies[-1].response_filters
    chain = Channels(filters, exchange, 10).chain(response_source(kind, 0))
    released = ""
    for piece in pieces:
        released += chain.feed(piece)
        if chain.rejected_by is not None:
            break
    else:
        released += chain.close()
    return released, chain.rejected_by, exchange.record


def talk_of(section: dict[str, Any], **fields: Any) -> Conversation:
    """A request under the guard."""
    talk = Conversation(snapshot_of(section))
    talk.hears(request_headers())
    talk.hears(request_body(**fields))
    return talk


@given(cut(TEXTS), st.sampled_from(["block", "mask", "flag", "shadow"]), st.sampled_from([Kind.CONTENT, Kind.JSON]))
def test_no_cut_changes_what_comes_out(pieces: list[str], action: str, kind: Kind) -> None:
    """Text, verdict and counts are those of the whole text."""
    section = {**BANNED, "action": action}
    text, rejected_by, record = through_guard(pieces, section, kind)
    whole, whole_rejected_by, whole_record = through_guard(["".join(pieces)], section, kind)
    assert (text, rejected_by is None, record.findings) == (whole, whole_rejected_by is None, whole_record.findings)


def test_a_mask_stands_in_the_place_of_a_phrase() -> None:
    """And of nothing else."""
    text, _, record = through_guard(["All gol", "d of Project", "\u200b-", "Falcon is golden."], MASKING)
    assert text == "All <BANNED> of <BANNED> is golden."
    assert record.verdicts == {("banned", "response", "mask"): 2}


def test_arguments_of_tools_stay_json() -> None:
    """Whether the phrase is written with escapes, or stands outside of a string."""
    text, _, _ = through_guard(['{"a": "Pro\\u006aect ', 'falcon", "b": gold}'], MASKING, Kind.JSON)
    assert json.loads(text) == {"a": "<BANNED>", "b": "<BANNED>"}


def test_an_answer_ends_before_the_phrase() -> None:
    """What is said before it stands."""
    text, rejected_by, _ = through_guard(["We found", " go", "ld there"], BANNED)
    assert (text, rejected_by.name) == ("We found ", "banned")


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_looking_only_lets_text_pass_at_once(action: str) -> None:
    """It is counted."""
    text, rejected_by, record = through_guard(["go", "ld"], {**BANNED, "action": action})
    assert (text, rejected_by) == ("gold", None)
    assert record.findings == {("banned", "response", "BANNED"): 1}


def test_a_request_is_refused_and_the_phrase_not_repeated() -> None:
    """The error is ours, the text the client's."""
    talk = talk_of(BANNED, messages=[{"role": "user", "content": "Where is the G\u200bold?"}])
    assert talk.client_json["error"]["code"] == "banned_phrase"
    assert b"gold" not in talk.client.lower()
    assert talk.server is None


def test_a_request_is_masked() -> None:
    """Before the model server reads it."""
    talk = asked(snapshot_of(MASKING), body=request_body(messages=[{"role": "user", "content": "gold?"}]))
    assert talk.server_json["messages"][0]["content"] == "<BANNED>?"


@pytest.mark.parametrize("action", ["block", "mask"])
@pytest.mark.parametrize("texts", [("project", "falcon"), ("go", "ld")])
def test_a_phrase_divided_among_the_parts_of_a_message_is_refused(texts: tuple[str, str], action: str) -> None:
    """The model sees one text; a mask could not stand in two places."""
    parts = [{"type": "text", "text": text} for text in texts]
    talk = talk_of({**BANNED, "action": action}, messages=[{"role": "user", "content": parts}])
    assert talk.client_json["error"]["code"] == "banned_phrase"


def test_two_messages_are_two_texts() -> None:
    """What one says is not the end of what the other said."""
    messages = [{"role": "user", "content": "project"}, {"role": "user", "content": "falcon"}]
    assert talk_of(BANNED, messages=messages).server is not None


@pytest.mark.parametrize(("speakers", "refused"), [(["user"], False), (["user", "system"], True)])
def test_only_the_listed_speakers_are_judged(speakers: list[str], refused: bool) -> None:
    """The application's own prompt may name what users may not."""
    messages = [{"role": "system", "content": "Never speak of gold."}, {"role": "user", "content": "Hi"}]
    talk = talk_of({**BANNED, "speakers": speakers}, messages=messages)
    assert (talk.server is None) == refused


@given(TEXTS, st.sampled_from([Kind.CONTENT, Kind.JSON]))
def test_the_look_before_misses_nothing(text: str, kind: Kind) -> None:
    """What a stage would find may be found."""
    _, _, record = through_guard([text], {**BANNED, "action": "flag"}, kind)
    guard = snapshot_of(BANNED).policies[-1].guards[0]
    if record.findings:
        assert guard.might_match_any([(TextSource(Direction.RESPONSE, Speaker.ASSISTANT, kind), text)])


def test_a_file_of_phrases_is_a_list_of_them() -> None:
    """The guard that is built finds the same."""
    listed = BannedSection.model_validate_json(json.dumps(MASKING))
    named = BannedSection.model_validate_json(json.dumps({**MASKING, "phrases": {"file": "words.txt"}}))
    resources = Resources({}, implicit_routes({}), {"words.txt": "# Ours\n" + "\n".join(BANNED["phrases"])}, {})
    texts = ("project falcon", "the secrets of gold", "falcon", "nothing")
    guards = [BannedGuard.build(section, resources) for section in (listed, named)]
    found = [[guard.scan().push(text, closing=True).found for text in texts] for guard in guards]
    assert found[0] == found[1]
