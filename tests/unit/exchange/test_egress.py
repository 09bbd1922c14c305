"""One attempt on its way to a model server: that version's name and prompt, and nothing else of the processor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.contract import TRY_TIMEOUT_HEADER
from extproc.domain.text import Direction
from extproc.exchange.egress import EgressExchange
from extproc.exchange.events import (
    Abort,
    ContinueBody,
    ContinueHeaders,
    ImmediateResponse,
    Overloaded,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    StreamClosed,
)
from extproc.exchange.snapshot import Snapshot
from tests.unit.exchange.falling import CHAT, FILTERS, FIRST, PROMPTS, RESPONSES, SECOND, SPARE, snapshot

HI = [{"role": "user", "content": "Write to a@b.co"}]


def headers(path: str = CHAT, chosen: str = FIRST) -> RequestHeaders:
    """As Envoy sends them on after the exchange in front."""
    model, _, version = chosen.partition("/")
    return RequestHeaders(
        {
            ":method": "POST",
            ":path": path,
            "content-type": "application/json",
            "x-llm-model": model,
            "x-llm-version": version,
        }
    )


def attempt(
    body: dict[str, Any], version: str = SECOND, compiled: Snapshot | None = None, path: str = CHAT
) -> ContinueBody | ImmediateResponse:
    """The reply to a request on its way to a version."""
    exchange = EgressExchange(compiled or snapshot(), version, 0)
    assert exchange.step(headers(path), 1).commands == [ContinueHeaders(Direction.REQUEST)]
    (command,) = exchange.step(RequestBody(json.dumps({"model": "tiny", **body}).encode()), 2).commands
    assert isinstance(command, ContinueBody | ImmediateResponse)
    return command


def forwarded(command: ContinueBody | ImmediateResponse) -> dict[str, Any]:
    """The body that the model server gets."""
    assert isinstance(command, ContinueBody)
    found: dict[str, Any] = json.loads(command.body or b"")
    return found


@pytest.mark.parametrize(
    ("version", "model", "prompt"), [(FIRST, "tiny", "v1.txt"), (SECOND, "tiny-next", "v2.txt"), (SPARE, "large", None)]
)
def test_each_version_gets_its_name_and_its_prompt(version: str, model: str, prompt: str | None) -> None:
    """Of the version that is tried, not of the one that was chosen."""
    body = forwarded(attempt({"messages": HI}, version))
    assert body["model"] == model
    system = [] if prompt is None else [{"role": "system", "content": PROMPTS[prompt]}]
    assert body["messages"] == [*system, *HI]  # and the guards have been here before


def test_responses_get_their_instructions() -> None:
    """In the place that the API has for a prompt."""
    body = forwarded(attempt({"input": "Hi", "instructions": "Be brief."}, path=RESPONSES))
    assert body["instructions"] == f"{PROMPTS['v2.txt']}\n\nBe brief."


def test_without_the_filter_no_prompt_is_inserted() -> None:
    """As without a fallback."""
    without = snapshot([part for part in FILTERS if part["filter"] != "prompt"])
    assert forwarded(attempt({"messages": HI}, compiled=without))["messages"] == HI


@pytest.mark.parametrize(
    ("version", "stream", "limit"),
    [(FIRST, True, "250"), (SECOND, True, "250"), (SPARE, True, None), (FIRST, False, "900"), (SPARE, False, None)],
)
def test_the_last_version_has_no_limit(version: str, stream: bool, limit: str | None) -> None:
    """Each other one has that of its kind of answer."""
    compiled = snapshot(first_byte_ms=250, unstreamed_first_byte_ms=900)
    command = attempt({"messages": HI, "stream": stream}, version, compiled)
    assert isinstance(command, ContinueBody)
    assert dict(command.changes.set).get(TRY_TIMEOUT_HEADER) == limit


def test_no_limit_where_time_starts_no_fallback() -> None:
    """Unless `timeout` is in the list, a slow server is waited for."""
    command = attempt({"messages": HI, "stream": True}, FIRST, snapshot(on=["reset"]))
    assert isinstance(command, ContinueBody)
    assert command.changes.set == ()


@pytest.mark.parametrize(("context", "tokens", "fits"), [(100, 10, True), (100, 95, False), (10, None, False)])
def test_a_version_whose_context_is_too_short_is_left_out(context: int, tokens: int | None, fits: bool) -> None:
    """The prompt, the inserted one too, and the answer that is asked for."""
    body = {"messages": HI, **({} if tokens is None else {"max_tokens": tokens})}
    command = attempt(body, compiled=snapshot(context=context))
    assert isinstance(command, ContinueBody) == fits
    if isinstance(command, ImmediateResponse):
        assert (command.status, command.code) == (421, "context_length_exceeded")


def test_a_version_that_is_gone_is_left_out() -> None:
    """The configuration has changed since Envoy was told of it."""
    (command,) = EgressExchange(snapshot(), "tiny/v9", 0).step(headers(), 1).commands
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.code) == (421, "version_unavailable")


@pytest.mark.parametrize(
    ("path", "team", "code"),
    [
        (CHAT, "search", None),
        (RESPONSES, "search", "api_not_served"),
        (CHAT, "hr", "provider_forbidden"),
        (CHAT, "legal", "provider_forbidden"),  # by the policy of the model that was chosen
    ],
)
def test_a_provider_gets_what_it_serves_and_may_have(path: str, team: str, code: str | None) -> None:
    """The rules of the exchange in front hold in each of its attempts; nothing of the body is read before."""
    asked = RequestHeaders({**headers(path).headers, "x-team": team})
    (command,) = EgressExchange(snapshot(far=True), SPARE, 0).step(asked, 1).commands
    if code is None:
        assert command == ContinueHeaders(Direction.REQUEST)
    else:
        assert isinstance(command, ImmediateResponse)
        assert (command.status, command.code) == (421, code)
    (own,) = EgressExchange(snapshot(far=True), SECOND, 0).step(asked, 1).commands
    assert own == ContinueHeaders(Direction.REQUEST)


def test_a_body_that_cannot_be_read_is_never_sent_on() -> None:
    """It fails closed; no user's text is in the error."""
    exchange = EgressExchange(snapshot(), FIRST, 0)
    exchange.step(headers(), 1)
    (command,) = exchange.step(RequestBody(b'{"model": "tiny", secret'), 2).commands
    assert isinstance(command, ImmediateResponse)
    assert command.status == 400
    assert b"secret" not in command.body


def test_without_room_the_model_server_is_not_blamed() -> None:
    """503 would eject it."""
    exchange = EgressExchange(snapshot(), FIRST, 0)
    exchange.step(headers(), 1)
    (command,) = exchange.step(Overloaded(), 2).commands
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.retry_after_s) == (429, 1)


def test_nothing_is_recorded_and_nothing_else_is_answered() -> None:
    """The exchange in front is the one that counts; what is not a request is an error of the peer."""
    exchange = EgressExchange(snapshot(), FIRST, 0)
    steps = [exchange.step(headers(), 1), exchange.step(RequestBody(b"{}"), 2), exchange.step(StreamClosed(), 3)]
    assert [step.ended for step in steps] == [None, None, None]
    assert exchange.fail("message_refused", 4).commands == []
    assert exchange.step(ResponseBody(b"", True), 5).commands == [Abort("ResponseBody in role egress")]


def test_the_prompt_of_a_route_is_for_every_version_of_the_chain() -> None:
    """The exchange in front names its route; one that is gone has no prompt."""
    routed = snapshot(routes=[{"name": "legal", "prompt": {"file": "legal.txt"}}])
    bodies = {}
    for route in ("legal", "gone"):
        exchange = EgressExchange(routed, SECOND, 0)
        begun = headers()
        exchange.step(RequestHeaders({**begun.headers, "x-llm-route": route}), 1)
        sent = RequestBody(json.dumps({"model": "tiny", "messages": HI}).encode())
        (command,) = exchange.step(sent, 2).commands
        assert isinstance(command, ContinueBody)
        bodies[route] = forwarded(command)["messages"][0]["content"]
    assert bodies == {"legal": PROMPTS["legal.txt"], "gone": PROMPTS["v2.txt"]}
