"""The processor names the server of a request, and forgets the request however its exchange ends."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.exchange.endpoint_loads import RUNNING_CHARS, EndpointLoad
from extproc.exchange.endpoint_picks import EndpointPicks
from extproc.exchange.events import ContinueBody, ContinueHeaders, Event, ResponseBody, ResponseHeaders, StreamClosed
from extproc.exchange.machine import Exchange
from tests.playbooks.driver import (
    DONE,
    JSON,
    METER,
    PII,
    SSE,
    VERSION,
    chat_answer,
    chat_chunk,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

ENDPOINTS = ["10.0.0.1:8000", "10.0.0.2:8000"]
PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def models(**version: Any) -> dict[str, Any]:
    """One version with two servers."""
    return {"tiny": {"versions": {"v1": {"weight": 1, "price": PRICE, "endpoints": ENDPOINTS, **version}}}}


PICKING = snapshot_of(VERSION, PII, METER, models=models(pick="load"))
STREAM = [response_headers(SSE), ResponseBody(chat_chunk("Hello"), False)]
ENDS: dict[str, list[Event]] = {
    "a stream": [*STREAM, ResponseBody(chat_chunk(finish="stop") + DONE, True)],
    "a whole answer": [response_headers(), ResponseBody(chat_answer("Hello"), True)],
    "an error of the server": [response_headers(status=503), ResponseBody(b'{"error": {"message": "busy"}}', True)],
    "what is no answer": [response_headers(), ResponseBody(b"<html>", True)],
    "a client that leaves a stream": [*STREAM, StreamClosed()],
    "a client that leaves before the answer": [StreamClosed()],
}


def sent(picks: EndpointPicks, **fields: Any) -> tuple[Exchange, dict[str, str]]:
    """A request that was forwarded, and the headers that it got."""
    exchange = Exchange(PICKING, "exchange-1", 0, picks=picks)
    exchange.step(request_headers(), 1)
    (command,) = exchange.step(request_body(**fields), 2).commands
    assert isinstance(command, ContinueBody)
    return exchange, dict(command.changes.set)


def load_of(picks: EndpointPicks) -> tuple[list[int], list[int]]:
    """What each server has to compute, and how many answers it runs."""
    (known,) = picks._known.values()
    waiting = [cost - RUNNING_CHARS * running for cost, running in zip(known.costs, known.running, strict=True)]
    return waiting, known.running


@pytest.mark.parametrize("events", ENDS.values(), ids=ENDS)
def test_a_request_is_counted_at_its_server_until_its_exchange_ends(events: list[Event]) -> None:
    """However it ends; else a server would look busy for ever."""
    picks = EndpointPicks()
    exchange, headers = sent(picks, stream=True)
    index = ENDPOINTS.index(headers["x-llm-endpoint"])
    assert load_of(picks) == ([len("Good morning") if at == index else 0 for at in range(2)], [1 - index, index])
    for number, event in enumerate(events):
        exchange.step(event, 3 + number)
    exchange.step(StreamClosed(), 99)
    assert load_of(picks) == ([0, 0], [0, 0])


def test_a_stream_that_begins_has_computed_its_prompt() -> None:
    """From its first text on, not from its headers."""
    picks = EndpointPicks()
    exchange, _ = sent(picks, stream=True)
    exchange.step(STREAM[0], 3)
    assert sum(load_of(picks)[0]) > 0
    exchange.step(STREAM[1], 4)
    assert (sum(load_of(picks)[0]), sum(load_of(picks)[1])) == (0, 1)


def test_what_is_refused_is_at_no_server() -> None:
    """Nothing was picked for it."""
    picks = EndpointPicks()
    exchange = Exchange(PICKING, "exchange-1", 0, picks=picks)
    exchange.step(request_headers(), 1)
    exchange.step(request_body(model="nobody"), 2)
    assert picks._known == {}


@pytest.mark.parametrize("version", [{}, {"pick": "least_request"}, {"pick": "load", "endpoints": ENDPOINTS[:1]}])
def test_elsewhere_envoy_picks(version: dict[str, Any]) -> None:
    """Where it is not asked for, or there is nothing to pick from; a client cannot name a server either."""
    exchange = Exchange(snapshot_of(VERSION, METER, models=models(**version)), "exchange-1", 0, picks=EndpointPicks())
    (step,) = exchange.step(request_headers(x_llm_endpoint="10.0.0.9:1"), 1).commands
    assert "x-llm-endpoint" in step.changes.remove  # type: ignore[union-attr]
    (command,) = exchange.step(request_body(), 2).commands
    assert isinstance(command, ContinueBody)
    assert "x-llm-endpoint" not in dict(command.changes.set)


# --- beside an endpoint picker of the Gateway API ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "header", "picks_itself"),
    [(True, "10.0.0.9:8000", False), (True, None, True), (True, "", True), (False, "10.0.0.9:8000", True)],
    ids=["a picker has picked", "it has not", "it has picked nothing", "a client says so"],
)
def test_a_picker_before_us_has_the_word(configured: bool, header: str | None, picks_itself: bool) -> None:
    """Only where the configuration says that there is one: else the header is a client's, and changes nothing."""
    snapshot = snapshot_of(
        VERSION, METER, models=models(pick="load"), envoy={"endpoint_picker": True} if configured else {}
    )
    picks = EndpointPicks()
    exchange = Exchange(snapshot, "exchange-1", 0, picks=picks)
    event = request_headers()
    if header is not None:
        event = request_headers(x_gateway_destination_endpoint=header)
    (step,) = exchange.step(event, 1).commands
    assert isinstance(step, ContinueHeaders)
    assert "x-gateway-destination-endpoint" not in (*step.changes.remove, *dict(step.changes.set))
    (command,) = exchange.step(request_body(), 2).commands
    assert isinstance(command, ContinueBody)
    assert ("x-llm-endpoint" in dict(command.changes.set)) is picks_itself
    assert bool(picks._known) is picks_itself


def test_where_no_server_accepts_connections_envoy_picks() -> None:
    """It may know better, or a server may be back by then."""
    picks = EndpointPicks()
    for endpoint in ENDPOINTS:
        picks.report(endpoint, EndpointLoad(0, False))
    assert "x-llm-endpoint" not in sent(picks)[1]
    picks.report(ENDPOINTS[1], EndpointLoad(0, True))
    assert sent(picks)[1]["x-llm-endpoint"] == ENDPOINTS[1]


def test_a_name_is_picked_from_when_its_addresses_are_known() -> None:
    """One endpoint may be several servers; the forwarded request has the address of one."""
    picks, named = EndpointPicks(), models(pick="load", endpoints=["vllm:8000"])
    snapshot = snapshot_of(VERSION, METER, models=named)
    for number, addresses in enumerate([(), ("10.0.0.1:8000", "10.0.0.2:8000")]):
        picks.resolve("vllm:8000", addresses)
        exchange = Exchange(snapshot, f"exchange-{number}", 0, picks=picks)
        exchange.step(request_headers(), 1)
        (command,) = exchange.step(request_body(), 2).commands
        assert isinstance(command, ContinueBody)
        picked = dict(command.changes.set).get("x-llm-endpoint")
        assert picked in addresses if addresses else picked is None


@pytest.mark.parametrize("upstream", ["", "10.0.0.9:8000"])
def test_of_a_client_that_left_the_server_is_the_one_that_was_picked(upstream: str) -> None:
    """Unless Envoy has said whom it asked in its place."""
    exchange, headers = sent(EndpointPicks())
    if upstream:
        exchange.step(ResponseHeaders({":status": "200", "content-type": JSON}, upstream=upstream), 3)
    ended = exchange.step(StreamClosed(), 4).ended
    assert ended is not None
    assert ended.server == (upstream or headers["x-llm-endpoint"])
