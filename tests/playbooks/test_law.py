"""The law: guarding a stream and guarding the whole answer are the same thing.

For any answer, any filters and any cut of the bytes, what a client sees of each text, what was found and how it ended
are the same streamed and unstreamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from extproc.detectors.pii.kinds import DEFAULT_ENTITIES
from extproc.detectors.pii.postal_addresses import POSTAL_ADDRESS
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.events import RequestBody, ResponseBody
from tests.playbooks.answers import DIALECTS, Call, Choice
from tests.playbooks.driver import JSON, METER, PII, REFUSAL, SSE, Conversation, asked, response_headers, snapshot_of
from tests.thorough import THOROUGH

PERSONAL = (
    "bob@example.org",
    "4111 1111 1111 1111",
    "4111111111111111",
    "GB29 NWBK 6016 1331 9268 19",
    "+49 30 901820",
    "(415) 555-2671",
    "192.0.2.44",
    "078-05-1120",
    "ghp_1234567890abcdefghij1234567890abcdefgh",
    "a@b.co",
    "12 Oak Street, Boston, MA 02110",
    "Am Markt 5\n10115 Berlin",
)
ORDINARY = (
    "hello",
    "I'm sorry, but I can't help with that.",
    "I don't have access to your files.",
    "However, I can tell you what is known in general.",
    "Please consult a lawyer about it.",
    "The card is",
    "call me at",
    "I live at",
    "12 Oak Street",
    "Lindenweg",
    "12",
    "AB",
    "+",
    "(",
    "中文",
    "\U0001f600",
    'say "yes"',
    "back\\slash",
    "data: {}\n\n",
    "[DONE]",
    "<EMAIL>",
    "é",
)
BETWEEN = ("", "", " ", " ", " ", "\u00a0", ", ", ". ", "\n", "-", "/", "\u2028")
LONG = st.builds(
    lambda unit, chars: (unit * chars)[:chars], st.sampled_from(("x", "4111 ", "7", "a.b@")), st.integers(1_900, 4_200)
)


@st.composite
def texts(draw: st.DrawFn, words_max: int = 6) -> str:
    """A text with some personal data in it; now and then one word is longer than a cell may be."""
    words = draw(
        st.lists(st.sampled_from(PERSONAL) | st.sampled_from(ORDINARY) | st.text(max_size=4), max_size=words_max)
    )
    if draw(st.integers(0, 24)) == 0:
        words.append(draw(LONG))
    return "".join(word + draw(st.sampled_from(BETWEEN)) for word in words)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """A tool call; its arguments are JSON, written in one of the ways that models write it."""
    values = (
        texts(words_max=3)
        | st.sampled_from([4111111111111111, 12, 1.5, None, True])
        | st.lists(texts(words_max=2), max_size=2)
    )
    arguments = draw(
        st.dictionaries(st.sampled_from(["to", "card", "note"]) | st.text(max_size=3), values, min_size=1, max_size=3)
    )
    name = draw(st.sampled_from(["send", "send", "send", "bob@example.org"]))
    between = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]))
    return Call(name, json.dumps(arguments, separators=between, ensure_ascii=draw(st.booleans())))


CHOICES = st.builds(Choice, texts(), texts(), st.lists(calls(), max_size=2).map(tuple))
PII_GUARDS = st.builds(
    lambda action, on, entities: {**PII, "action": action, "on": on, "entities": entities},
    st.sampled_from(["mask", "mask", "block", "block", "flag", "shadow"]),
    st.sampled_from(["both", "response"]),
    st.sampled_from([DEFAULT_ENTITIES, (*DEFAULT_ENTITIES, POSTAL_ADDRESS)]),
)
REFUSAL_GUARDS = st.builds(
    lambda action, chars: {**REFUSAL, "action": action, "prefix_chars": chars},
    st.sampled_from(["flag", "shadow"]),
    st.sampled_from([20, 45, 200]),
)
SEVERAL = st.lists(
    st.builds(
        lambda entities, action: {**PII, "name": "_".join(entities).lower(), "entities": entities, "action": action},
        st.sampled_from([["EMAIL"], ["PHONE", "IBAN"], ["CREDIT_CARD", "US_SSN", "IP_ADDRESS"], [POSTAL_ADDRESS]]),
        st.sampled_from(["mask", "block", "block", "flag"]),
    ),
    min_size=2,
    unique_by=lambda guard: guard["name"],
)
"""Several guards on one text: some mask, some end it, each its own kinds."""
GUARDS_OF_PII: st.SearchStrategy[list[dict[str, Any]]] = PII_GUARDS.map(lambda guard: [guard]) | SEVERAL | st.just([])
FILTERS = st.tuples(GUARDS_OF_PII, st.none() | REFUSAL_GUARDS).flatmap(
    lambda some: st.permutations([*some[0], *([] if some[1] is None else [some[1]]), METER])
)


SINGLE_BYTES_MAX = 20_000 if THOROUGH else 3_000
"""A longer stream is not cut byte by byte, which would take most of the time of all laws."""


@dataclass(frozen=True)
class Case:
    """One answer under some filters, and a seed for how its stream is cut."""

    choices: tuple[Choice, ...]
    filters: tuple[dict[str, Any], ...]
    full_duplex: bool
    seed: int


CASES = st.builds(
    Case,
    st.lists(CHOICES, min_size=1, max_size=3).map(tuple),
    FILTERS.map(tuple),
    st.booleans(),
    st.integers(0, 1 << 32),
)


def splitter(random: Random) -> Callable[[str], list[str]]:
    """Cuts texts into deltas: a few long ones, or many short ones."""
    cuts_max = random.choice([0, 1, 3, 40])

    def split(text: str) -> list[str]:
        places = sorted(random.randrange(len(text) + 1) for _ in range(random.randint(0, cuts_max)))
        return [text[start:end] for start, end in pairwise([0, *places, len(text)]) if start < end]

    return split


def interleaved(streams: list[list[bytes]], random: Random) -> bytes:
    """Several choices' events in one stream, each choice's in order."""
    waiting = [list(reversed(stream)) for stream in streams if stream]
    events = []
    while waiting:
        stream = random.choice(waiting)
        events.append(stream.pop())
        waiting = [one for one in waiting if one]
    return b"".join(events)


def cut(stream: bytes, random: Random) -> list[ResponseBody]:
    """The bytes in chunks, inside characters and line ends too; the end comes with the last, or after it."""
    sizes = [7, 200, 100_000] if len(stream) > SINGLE_BYTES_MAX else [1, 7, 200, 100_000]
    bytes_max = random.choice(sizes) if len(stream) < 20_000 else 5_000
    chunks = []
    position = 0
    while position < len(stream):
        size = random.randint(1, bytes_max)
        chunks.append(ResponseBody(stream[position : position + size], False))
        position += size
    if random.random() < 0.5:
        return [*chunks, ResponseBody(b"", True)]
    return [*chunks[:-1], ResponseBody(chunks[-1].body, True)]


def begun(dialect: Any, case: Case, stream: bool) -> Conversation:
    """The exchange up to the answer."""
    mode = "full_duplex" if case.full_duplex else "streamed"
    snapshot = snapshot_of(*case.filters, envoy={"response_stream_mode": mode})
    body = {"model": "tiny", "stream": stream, **dialect.request}
    if len(case.choices) > 1:
        body["n"] = len(case.choices)
    return asked(snapshot, dialect.path, RequestBody(json.dumps(body).encode()))


def whole(dialect: Any, case: Case) -> tuple[dict[Any, str], ExchangeRecord]:
    """What a client sees of the unstreamed answer."""
    talk = begun(dialect, case, stream=False)
    talk.hears(response_headers(JSON))
    talk.hears(ResponseBody(dialect.whole(case.choices), True))
    assert not talk.errors
    return dialect.seen_whole(talk.client), talk.record


def streamed(dialect: Any, case: Case) -> tuple[dict[Any, str], ExchangeRecord]:
    """What a client sees of the stream."""
    random = Random(case.seed)
    events = dialect.events(case.choices, splitter(random))
    stream = dialect.first() + interleaved(events, random) + dialect.last(case.choices)
    note(stream)
    talk = begun(dialect, case, stream=True)
    talk.hears(response_headers(SSE))
    talk.hears_all(cut(stream, random))
    assert not talk.errors
    note(talk.client)
    return dialect.seen_streamed(talk.client), talk.record


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.path)
@given(case=CASES)
def test_a_stream_is_guarded_as_the_whole_answer_is(dialect: Any, case: Case) -> None:
    """Texts, findings, verdicts, refusals of each kind, outcome and coverage are the same streamed and unstreamed."""
    if dialect.path in ("/v1/messages", "/v1/responses"):
        case = Case(case.choices[:1], case.filters, case.full_duplex, case.seed)
    seen_whole, record = whole(dialect, case)
    seen_streamed, record_streamed = streamed(dialect, case)
    if dialect.path == "/v1/messages" and record.outcome is Outcome.CUT:
        # An input that was cut is no JSON any more: unstreamed it is empty, streamed it is cut.
        seen_whole, seen_streamed = (
            {channel: text for channel, text in seen.items() if channel[1] != "input"}
            for seen in (seen_whole, seen_streamed)
        )
    assert seen_streamed == seen_whole
    assert record_streamed.findings == record.findings
    assert record_streamed.verdicts == record.verdicts
    assert record_streamed.refusals == record.refusals
    assert record_streamed.other_refusals == record.other_refusals
    assert record_streamed.outcome == record.outcome
    assert record_streamed.coverage == record.coverage
