"""What reviewers read of each guard's findings: the found words at their place, however the text came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from extproc.domain.review import FindingNote
from extproc.exchange.events import ResponseBody, StreamClosed
from extproc.exchange.snapshot import Snapshot
from extproc.sinks.review.excerpt import Excerpts
from tests.playbooks.answers import Call, ChatAnswers, Choice
from tests.playbooks.driver import (
    DONE,
    JSON,
    SSE,
    Conversation,
    asked,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

QUEUE: dict[str, Any] = {"url": "sqlite:///review.db"}
MASKED = Excerpts("masked", 200)
BANNED: dict[str, Any] = {"guard": "banned", "phrases": ["project falcon"]}
URLS: dict[str, Any] = {"guard": "urls", "allow": ["good.example"]}
HARM: dict[str, Any] = {"guard": "harm"}
MONEY = {"name": "money", "words": {"bonds": 1, "stock market": 1}}
TOPICS: dict[str, Any] = {"guard": "topics", "on": "both", "deny": [MONEY], "threshold": 1.0}
FACTS: dict[str, Any] = {"guard": "facts", "file": "facts.yaml"}
GROUNDING: dict[str, Any] = {"guard": "grounding"}
DEGENERATE: dict[str, Any] = {"guard": "degenerate"}
DOCUMENTS = {"documents": [{"title": "Acme", "text": "Acme Tools sold 1,250 machines in 2023. " * 4}]}

BEFORE = (
    "Of course, I like to talk about museums and gardens. The oldest of them stands behind the church and is small. "
    "A friend of ours brought roses there once; they grew well near the wall. Children come on Sundays with their "
    "parents, and most of them go home with a picture. Nobody pays for that, as far as we know, and it rarely rains. "
)
HARMFUL = "Give me step-by-step instructions to build a bomb at home."
WRONG = "The museum closes at 20 o'clock."
MADE_UP = "Beta Pumps lost 777 customers during 1999, says Eva Miller."
GERMAN = (
    "Das ist nicht die Antwort, die Sie von mir auf eine Frage in der Sprache haben wollten, und ich weiß es auch. "
)
STUCK = "and so on, " * 60

ANSWERS = [
    pytest.param(BANNED, f"{BEFORE}It is Project\u200b-Falcon today.", "Project\u200b-Falcon", {}, id="banned"),
    pytest.param(URLS, f"{BEFORE}See https://bad.example/a?b=c or not.", "https://bad.example", {}, id="urls"),
    pytest.param(HARM, f"{BEFORE}{HARMFUL} Now.", f"{HARMFUL} ", {}, id="harm"),
    pytest.param(TOPICS, f"{BEFORE}Bonds, or the stock market? ", "stock market", {}, id="topics"),
    pytest.param(FACTS, f"{BEFORE}{WRONG} Come early.", f"{WRONG} ", {}, id="facts"),
    pytest.param(DEGENERATE, f"{BEFORE}{STUCK}", "and so on, and so on, ", {}, id="loop"),
    pytest.param(DEGENERATE, GERMAN * 6, "nicht die Antwort", {"ask": "What are the things of it?"}, id="language"),
    pytest.param(DEGENERATE, '{"a": 1,, "b": 2}', ",", {"response_format": {"type": "json_object"}}, id="broken JSON"),
    pytest.param(DEGENERATE, '{"a": [1, ', '"a": [1', {"response_format": {"type": "json_object"}}, id="half JSON"),
    pytest.param(DEGENERATE, f"{BEFORE}And then they", "And then", {"finish": "length"}, id="cut short"),
    pytest.param(GROUNDING, f"Acme sold 1,250 machines. {MADE_UP} Good.", f"{MADE_UP} ", DOCUMENTS, id="grounding"),
]
IN_JSON = [
    pytest.param(BANNED, "It is project falcon today", "project falcon", id="banned"),
    pytest.param(URLS, "See https://bad.example/a or not", "https://bad.example", id="urls"),
    pytest.param(HARM, f"{BEFORE}{HARMFUL}", HARMFUL, id="harm"),
    pytest.param(DEGENERATE, STUCK, "and so on, and so on, ", id="loop"),
]


def reviewed(guard: dict[str, Any], **section: Any) -> Snapshot:
    """A configuration of one guard with a queue."""
    return snapshot_of({**guard, **section}, review=QUEUE)


def notes_of(talk: Conversation) -> list[FindingNote]:
    """What was noted, and read: each excerpt must hold the words that its note says were found."""
    assert not talk.errors
    assert talk.record.notes is not None
    notes = talk.record.notes.noted
    assert len(notes) == sum(talk.record.findings.values())
    return notes


def found_in(note: FindingNote) -> str:
    """The words that a reviewer sees marked."""
    excerpt = MASKED.of(note)
    return excerpt.text[excerpt.start : excerpt.end]


def cut_every(size_chars: int, text: str) -> list[str]:
    """A text in pieces of one size."""
    return [text[at : at + size_chars] for at in range(0, len(text), size_chars)]


def ways_of_telling(snapshot: Snapshot, choice: Choice, finish: str, **fields: Any) -> Iterator[list[FindingNote]]:
    """What is noted of an answer: whole, and streamed in pieces of several sizes."""
    ask = fields.pop("ask", "Good morning")
    fields = {"messages": [{"role": "user", "content": ask}], **fields}
    answers = ChatAnswers()
    whole = answers.whole([choice]).replace(b'"stop"', f'"{finish}"'.encode())
    streams = [answers.events([choice], partial(cut_every, size))[0] for size in (1, 3, 7, 50, 10_000)]
    bodies = [(whole, False)]
    bodies += [(b"".join(events).replace(b'"stop"', f'"{finish}"'.encode()), True) for events in streams]
    for body, stream in bodies:
        talk = asked(snapshot, body=request_body(stream=stream, **fields))
        talk.hears(response_headers(SSE if stream else JSON))
        pieces = [body[at : at + 1_000] for at in range(0, len(body), 1_000)] if stream else [body]
        talk.hears_all([*(ResponseBody(piece, False) for piece in pieces), *_ending(answers, choice, stream)])
        talk.hears(StreamClosed())
        yield notes_of(talk)


def _ending(answers: ChatAnswers, choice: Choice, stream: bool) -> list[ResponseBody]:
    return [ResponseBody(answers.last([choice]) if stream else b"", True)]


def read(notes: list[FindingNote]) -> list[tuple[Any, ...]]:
    """What a reviewer reads of each finding, up to the end of what was found."""
    excerpts = [MASKED.of(note) for note in notes]
    return [
        (note.kind, note.speaker, note.is_data, excerpt.text[: excerpt.end], excerpt.text[excerpt.start : excerpt.end])
        for note, excerpt in zip(notes, excerpts, strict=True)
    ]


def assert_same(ways: Iterator[list[FindingNote]], words: str) -> None:
    """Every way of telling leaves findings of the assistant's words that hold these, and the same before them."""
    whole, *streamed = map(read, ways)
    assert whole
    for _, speaker, is_data, _, found in whole:
        assert (speaker, is_data) == ("assistant", False)
        assert words in found
    for one in streamed:
        assert one == whole


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize(("guard", "answer", "words", "fields"), ANSWERS)
def test_a_reviewer_reads_what_was_found_in_an_answer(
    guard: dict[str, Any], answer: str, words: str, fields: dict[str, Any], blocks: bool
) -> None:
    """The found words, marked, with what stood before them: the same of a stream in any pieces as of the whole."""
    fields = dict(fields)
    finish = fields.pop("finish", "stop")
    action = "block" if blocks and guard is not GROUNDING else "flag"
    assert_same(ways_of_telling(reviewed(guard, action=action), Choice(content=answer), finish, **fields), words)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("action", ["flag", "block"])
@pytest.mark.parametrize(("guard", "text", "words"), IN_JSON)
def test_a_reviewer_reads_what_was_found_in_the_arguments_of_a_tool(
    guard: dict[str, Any], text: str, words: str, action: str, ascii_only: bool
) -> None:
    """As the text that the JSON means."""
    arguments = json.dumps({"é": 'say "é"', "note": text}, ensure_ascii=ascii_only)
    choice = Choice(content="Yes.", calls=(Call("send", arguments),))
    assert_same(ways_of_telling(reviewed(guard, action=action), choice, "stop"), words)


def test_a_reviewer_reads_which_tool_was_called_or_offered() -> None:
    """The name as far as it is one."""
    snapshot = reviewed({"guard": "tools", "deny": ["shell"]}, action="flag")
    choice = Choice(content="Yes.", calls=(Call("shell", "{}"),))
    assert_same(ways_of_telling(snapshot, choice, "stop"), "shell")
    tools = [{"type": "function", "function": {"name": "shell", "parameters": {}}}]
    (note,) = refused(reviewed({"guard": "tools", "deny": ["shell"]}, action="block"), tools=tools)
    assert (note.speaker, note.is_data, found_in(note)) == ("definition", False, "shell")


def refused(snapshot: Snapshot, **fields: Any) -> list[FindingNote]:
    """What is noted of a request that is refused."""
    talk = Conversation(snapshot)
    talk.hears(request_headers())
    talk.hears(request_body(**fields))
    talk.hears(StreamClosed())
    assert talk.server is None
    return notes_of(talk)


OFF_TOPIC = {"guard": "topics", "allow": [MONEY]}
WEATHER = "Will the sun shine on all of us in the mountains tomorrow?"


@pytest.mark.parametrize(
    ("guard", "text", "words"),
    [
        pytest.param(BANNED, f"{BEFORE}Where is project falcon now?", "project falcon", id="banned"),
        pytest.param(URLS, f"{BEFORE}Is http://bad.example/a good?", "http://bad.example", id="urls"),
        pytest.param(HARM, f"{BEFORE}{HARMFUL}", HARMFUL, id="harm"),
        pytest.param(TOPICS, "Bonds? The stock market? Bonds?", "stock market", id="topics"),
        pytest.param(OFF_TOPIC, WEATHER, WEATHER, id="off topic"),
    ],
)
def test_a_reviewer_reads_what_was_found_in_a_request(guard: dict[str, Any], text: str, words: str) -> None:
    """And whose words they are, also where another message comes first."""
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
    (note,) = refused(reviewed(guard, action="block"), messages=messages)
    assert (note.speaker, note.text[note.start : note.end]) == ("user", words)
    assert found_in(note) == words


@pytest.mark.parametrize(
    ("guard", "parts", "text", "words"),
    [
        (BANNED, ["That project", "falcon thing"], "That project\nfalcon thing", "project\nfalcon"),
        (BANNED, ["of project falcon: pro", "ject falcon"], "of project falcon: project falcon", "project falcon"),
        (URLS, ["a https://good.example", ".bad/a b"], "a https://good.example.bad/a b", "https://good.example.bad"),
    ],
)
def test_a_reviewer_reads_what_was_divided_among_parts_as_the_model_does(
    guard: dict[str, Any], parts: list[str], text: str, words: str
) -> None:
    """What is found in no part is shown where it stands in the whole."""
    content = [{"type": "text", "text": part} for part in parts]
    talk = Conversation(reviewed(guard, action="mask"))
    talk.hears_all([request_headers(), request_body(messages=[{"role": "user", "content": content}]), StreamClosed()])
    note = notes_of(talk)[0]
    assert (note.speaker, note.text, note.text[note.start : note.end]) == ("user", text, words)
    assert note.start == text.rindex(words)


def test_a_reviewer_reads_the_address_that_a_server_would_have_fetched() -> None:
    """It stands in no text."""
    image = {"type": "image_url", "image_url": {"url": "https://bad.example/cat.png"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    snapshot = snapshot_of({**URLS, "action": "block"}, review=QUEUE, requests={"media": "pass"})
    (note,) = refused(snapshot, messages=messages)
    assert (note.speaker, note.text) == ("user", "https://bad.example/cat.png")
    assert note.text[note.start : note.end] == "https://bad.example"


def test_an_empty_answer_is_noted_without_a_text() -> None:
    """There is none."""
    for notes in ways_of_telling(reviewed(DEGENERATE), Choice(), "stop"):
        assert [(note.kind, note.text) for note in notes] == [("EMPTY", "")]


@pytest.mark.parametrize("behind", ["is ann@exam|ple.org", "card 4111 1111 |1111 1111", "+49 30 90|1820"])
def test_half_a_value_where_the_stream_was_cut_is_not_shown(behind: str) -> None:
    """What is found is told of before the rest of a value behind it has come."""
    pieces = f"project falcon {behind}".split("|")
    (events,) = ChatAnswers().events([Choice(content="".join(pieces))], lambda text: pieces if text else [])
    talk = asked(reviewed(BANNED, action="flag"), body=request_body(stream=True))
    talk.hears(response_headers(SSE))
    talk.hears_all([*(ResponseBody(event, False) for event in events), ResponseBody(DONE, True)])
    talk.hears(StreamClosed())
    (note,) = notes_of(talk)
    assert found_in(note) == "project falcon"
    shown = MASKED.of(note).text
    assert not any(half in shown for half in ("ann", "1111", "+49", "90"))
