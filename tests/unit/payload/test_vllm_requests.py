"""Every place of a vLLM request has a treatment, gets it, and none that vLLM shows the model is unread.

The tables and what vLLM makes of each place are recorded (``tests/vllm/requests``, by ``tests/tools/vllm_check``), so
that no vLLM is needed here. A new version of vLLM adds lines whose treatment is ``?``: give each one of these words.

    text:SPEAKER   read as a text of these speakers
    refused        the request is refused
    words          not read: vLLM takes only words of the API there
    inert:REASON   not read: the model never sees it, for a reason of ``REASONS``
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from extproc.domain.errors import PayloadRefused
from extproc.domain.text import Speaker
from extproc.payload.joined import joined_parts
from extproc.payload.view import RequestPolicy, RequestView
from tests.tools.vllm_check import joins, prefills, table
from tests.tools.vllm_check.table import MARK, MINIMAL, REFUSED, REFUSES, Line, Table
from tests.unit.payload.requests import read

REASONS = {
    "cache": "a key of the cache of prefixes: it is hashed",
    "model": "chooses who answers",
    "id": "names a request or an item in logs and answers",
    "emptied": "is set to null before the request goes on, like the header of the same meaning",
    "seal": "the seal of a thought, or a sealed one: vLLM drops it where it stands in a message itself",
    "state": "the state of an item: in vLLM it decides whether the item is gone on with, see the guard `roles`",
    "setting": "steers how tokens are drawn or how many; a number, or ids of tokens",
}
EACH = pytest.mark.parametrize("name", MINIMAL)
POLICY = RequestPolicy(64)
_SPEAKERS = {speaker.value for speaker in Speaker}


def is_treatment(treatment: str) -> bool:
    """Whether it is one of the words above."""
    word, _, what = treatment.partition(":")
    if word == "text":
        return what in _SPEAKERS
    return treatment in (REFUSED, "words") or (word == "inert" and what in REASONS)


def treatment_of(name: str, places: Table, line: Line) -> str:
    """What we do with a mark at a place: ``silent`` where it is in no text."""
    try:
        view = read(name, orjson.dumps(places.marked(line)), POLICY)
    except PayloadRefused:
        return REFUSED
    marks = table.marks_of(line.kind) if line.shown.startswith("shows") else table.marks_of(line.kind)[:1]
    speakers = [{field.source.speaker.value for field in view.texts if mark in field.text} for mark in marks]
    if not all(speakers):
        return "silent"
    return f"text:{'+'.join(sorted(set.union(*speakers)))}"


def wrong_places(name: str, places: Table) -> Iterator[str]:
    """Places that are not treated as their table says."""
    for line in places.lines:
        expected = "silent" if line.treatment.startswith(("words", "inert")) else line.treatment
        found = treatment_of(name, places, line)
        if found != expected:
            yield f"{line.path} ({line.kind}): {found}, not {line.treatment}"


@EACH
def test_every_place_has_one_treatment(name: str) -> None:
    """New ones are listed here until they have."""
    places = table.read(name).lines
    assert [f"{line.path} ({line.kind})" for line in places if not is_treatment(line.treatment)] == []
    assert len({(line.path, line.kind) for line in places}) == len(places) > 40


@EACH
def test_every_place_is_treated_as_the_table_says(name: str) -> None:
    """Read with its speaker, refused, or silent: no more and no less."""
    assert list(wrong_places(name, table.read(name))) == []


@EACH
def test_nothing_that_vllm_shows_the_model_is_unread(name: str) -> None:
    """A mark that vLLM hands to a template is in a text, or the request is refused; so are marks in names of keys."""
    shown = [line for line in table.read(name).lines if line.shown.startswith("shows")]
    assert shown
    assert [line.path for line in shown if not line.treatment.startswith(("text", REFUSED))] == []


@EACH
def test_only_words_of_the_api_stand_where_words_do(name: str) -> None:
    """vLLM refuses whatever else is put there."""
    words = [line for line in table.read(name).lines if line.treatment == "words"]
    assert [line.path for line in words if line.shown != REFUSES] == []


@EACH
def test_a_place_that_is_treated_otherwise_is_found(name: str) -> None:
    """The comparison can fail: a text that is called inert, and a silent place that is called a text."""
    places = table.read(name)
    others = {"text": "inert:id", "inert": "text:user", REFUSED: "text:user", "words": REFUSED}
    changed = [line._replace(treatment=others[line.treatment.partition(":")[0]]) for line in places.lines]
    assert len(list(wrong_places(name, Table(changed)))) == len(changed)


def texts_read(view: RequestView) -> set[str]:
    """Every text that guards judge: those of the fields, and those of messages as a whole."""
    return {field.text for field in view.texts} | {text for _, both in joined_parts(view.texts) for text in both}


def unread(text: str, judged: set[str]) -> list[str]:
    """What of a text of vLLM's is judged nowhere as it stands there; a result of a tool that it prints is a line."""
    if "Tool result: " not in text:
        return [] if text in judged else [text]
    lines = [line.removeprefix("Tool result: ") for line in text.split("\n")]
    return [line for line in lines if line not in judged and not line.startswith("[{")]


@pytest.mark.parametrize("name", ["chat", "messages", "responses", "rerank"])
def test_parts_are_joined_as_vllm_joins_them(name: str) -> None:
    """Whatever stands beside or between them in keys, blocks and items that it drops or shows elsewhere."""
    recorded = [row for row in joins.read() if row["api"] == name and row["texts"]]
    assert len(recorded) > 10
    escaped = []
    for row in recorded:
        judged = texts_read(read(name, orjson.dumps(row["request"]), POLICY))
        escaped += [(row["request"], text) for text in row["texts"] for _ in unread(text, judged)]
    assert escaped == []


def test_what_vllm_goes_on_with_is_a_prefill() -> None:
    """Of every kind of last message in every state."""
    recorded = [row for row in prefills.read() if row["continued"]]
    assert len(recorded) > 10
    views = [(row["request"], read(row["api"], orjson.dumps(row["request"]), POLICY)) for row in recorded]
    assert [request for request, view in views if not view.is_prefilled] == []


def test_the_recorded_requests_are_those_that_are_generated() -> None:
    """A case that was added is recorded."""
    for cases in (joins, prefills):
        assert [(row["api"], row["request"]) for row in cases.read()] == list(cases.requests())


def test_marks_are_put_where_the_path_says() -> None:
    """Through arrays, members of unions and what else an object must hold."""
    lines = [
        Line("", "object", "shows", "?", {"model": "m"}),
        Line("a[]{type=t}", "object", "shows", "?", {"type": "t", "n": 1}),
        Line("a[]{type=t}.b[][]", "string", "shows", "?"),
    ]
    places = Table(lines)
    assert places.marked(lines[2]) == {"model": "m", "a": [{"type": "t", "n": 1, "b": [[MARK]]}]}
    assert places.marked(lines[1]) == {"model": "m", "a": [{"type": "t", "n": 1, table.KEY_MARK: MARK}]}
