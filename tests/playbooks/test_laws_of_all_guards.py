"""The laws, for every guard that the registry has: one that is added is tried here, or fails for want of an example."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Kind, Stage
from extproc.exchange.events import RequestBody, ResponseBody
from extproc.exchange.snapshot import Snapshot
from extproc.filters import custom
from extproc.filters.registry import GUARDS
from extproc.payload.view import response_source
from tests.guard_examples import EXAMPLES, HONEST, GuardExample, WordDetector
from tests.playbooks.answers import DIALECTS, Choice
from tests.playbooks.driver import (
    METER,
    SSE,
    VERSION,
    Conversation,
    asked,
    request_headers,
    response_headers,
    snapshot_of,
)
from tests.playbooks.test_law import cut, interleaved, splitter
from tests.thorough import examples
from tests.unit.filters.fakes import exchange_of

NAMES = sorted(GUARDS)
PATHS = [dialect.path for dialect in DIALECTS]
CHAT = DIALECTS[PATHS.index("/v1/chat/completions")]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(custom, "installed_detector", lambda *_: WordDetector())


def snapshot(example: GuardExample) -> Snapshot:
    """A configuration with this guard alone."""
    return snapshot_of(VERSION, example.section, METER, **example.sections)


def request(dialect: Any, asks: str, stream: bool = False, **more: Any) -> RequestBody:
    """What a user says, in one of the APIs. Args: more: fields of the request."""
    messages = [{"role": "user", "content": asks}]
    by_path: dict[str, dict[str, Any]] = {
        "/v1/chat/completions": {"messages": messages},
        "/v1/completions": {"prompt": asks},
        "/v1/messages": {"max_tokens": 9, "messages": messages},
        "/v1/responses": {"input": asks},
    }
    fields = by_path[dialect.path]
    return RequestBody(json.dumps({"model": "tiny", "stream": stream, **fields, **more}).encode())


def told(example: GuardExample, dialect: Any, answers: str, seed: int | None = None) -> Conversation:
    """An honest request and an answer, whole or (with a seed) as a stream that is cut somehow."""
    asks = example.asks if example.section["guard"] == "grounding" else HONEST[:9]
    talk = asked(snapshot(example), dialect.path, request(dialect, asks, seed is not None), x_pin="v2")
    choices = (Choice(content=answers),)
    if seed is None:
        talk.hears(response_headers())
        talk.hears(ResponseBody(dialect.whole(choices), True))
    else:
        random = Random(seed)
        events = interleaved(dialect.events(choices, splitter(random)), random)
        talk.hears(response_headers(SSE))
        talk.hears_all(cut(dialect.first() + events + dialect.last(choices), random))
    assert not talk.errors
    return talk


def found(record: ExchangeRecord) -> bool:
    """Whether the guard has found anything."""
    return bool(record.findings or record.refusals or record.other_refusals)


def test_every_guard_brings_an_example() -> None:
    """And no example is of a guard that has gone."""
    assert EXAMPLES.keys() == GUARDS.keys()
    assert all(example.section["guard"] == name for name, example in EXAMPLES.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_guard_finds_what_its_example_has(name: str) -> None:
    """In the request or in the answer: wherever the example says something that is not honest."""
    example = EXAMPLES[name]
    asks_badly = example.asks != HONEST or bool(example.request)
    if asks_badly and not example.asynchronous and name != "grounding":
        talk = Conversation(snapshot(example))
        talk.hears(request_headers(CHAT.path))
        talk.hears(request(CHAT, example.asks, **example.request))
        assert found(talk.exchange.record)
    if example.answers != HONEST:
        assert found(told(example, CHAT, example.answers).record)
    assert asks_badly or example.answers != HONEST or example.asynchronous


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=examples(10))
@given(seed=st.integers(0, 1 << 32), words=st.lists(st.sampled_from([HONEST, "", "12", " ", "\n"]), max_size=2))
def test_a_stream_is_judged_as_the_whole_answer(name: str, path: str, seed: int, words: list[str]) -> None:
    """What the client sees, what is found and how it ends, however the bytes are cut."""
    example, dialect = EXAMPLES[name], DIALECTS[PATHS.index(path)]
    answers = "".join([*words, example.answers, *words])
    whole, streamed = told(example, dialect, answers), told(example, dialect, answers, seed)
    assert dialect.seen_streamed(streamed.client) == dialect.seen_whole(whole.client)
    for seen in ("findings", "verdicts", "refusals", "other_refusals", "outcome", "coverage", "text_counts"):
        assert getattr(streamed.record, seen) == getattr(whole.record, seen), seen


@pytest.mark.parametrize("name", NAMES)
def test_coverage_adds_up(name: str) -> None:
    """Of all texts that came, each is accounted for before the guard, in both directions."""
    record = told(EXAMPLES[name], CHAT, EXAMPLES[name].answers).record
    for direction, texts in record.text_counts.items():
        covered = [count for (_, where, _), count in record.coverage.items() if where == direction]
        assert sum(covered) in (0, texts), direction


def may_look_at(name: str, direction: str) -> bool:
    """Whether a guard can be told to look there alone."""
    return direction in get_args(SECTIONS_BY_GUARD[name].model_fields["on"].annotation)


@pytest.mark.parametrize("name", [name for name in NAMES if may_look_at(name, "response")])
def test_a_guard_of_answers_leaves_requests_alone(name: str) -> None:
    """Whatever they say."""
    example = replace(EXAMPLES[name], section={**EXAMPLES[name].section, "on": "response"})
    talk = Conversation(snapshot(example))
    talk.hears(request_headers(CHAT.path))
    talk.hears(request(CHAT, example.asks, **example.request))
    assert talk.server is not None
    assert not found(talk.exchange.record)


@pytest.mark.parametrize("name", [name for name in NAMES if may_look_at(name, "request")])
def test_a_guard_of_requests_leaves_answers_alone(name: str) -> None:
    """Whatever they say."""
    example = replace(EXAMPLES[name], section={**EXAMPLES[name].section, "on": "request"})
    talk = told(example, CHAT, example.answers)
    assert CHAT.seen_whole(talk.client) == CHAT.seen_whole(CHAT.whole((Choice(content=example.answers),)))
    assert not found(talk.record)


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if example.answers != HONEST])
@pytest.mark.parametrize("action", ["as it is", "flag"])
@given(data=st.data())
def test_a_fork_of_a_stage_ends_as_the_stage_does_and_tells_nobody(name: str, action: str, data: st.DataObject) -> None:
    """It only finds out what would become of a text; the stage goes on as if there were none."""
    example = EXAMPLES[name]
    changes = {} if action == "as it is" else {"action": action}
    compiled = snapshot_of(VERSION, {**example.section, **changes}, METER, **example.sections)
    exchange = exchange_of(compiled.models)
    (guard,) = [one for one in compiled.policies[-1].guards if one.name == name]
    stage = guard.stage(response_source(Kind.CONTENT, 0), exchange)
    if stage is None:
        return
    at = data.draw(st.integers(0, len(example.answers)))
    stage.feed(example.answers[:at])
    held, before = stage.held(), dict(exchange.record.findings)
    foreseen = ended(stage.fork(), example.answers[at:])
    assert (stage.held(), exchange.record.findings) == (held, before)
    assert ended(stage, example.answers[at:]) == foreseen


def ended(stage: Stage, rest: str) -> tuple[str, bool]:
    """What a stage releases of the rest of its text, and whether it rejects it."""
    released = "" if stage.rejected else stage.feed(rest)
    return released + ("" if stage.rejected else stage.close()), stage.rejected
