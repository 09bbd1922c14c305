"""What a model server says of itself in headers is not believed: ``x-llm-*`` is the gateway's word."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from extproc.domain.record import SERVER_CHARS_MAX
from extproc.exchange.events import ContinueHeaders, Event, RequestBody, ResponseHeaders, StreamClosed
from tests.playbooks.driver import (
    ALL,
    JSON,
    METER,
    SSE,
    Conversation,
    asked,
    dumps,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

FORGED = ("x-llm-version", "x-llm-model", "x-llm-served-version", "x-llm-", "x-llm-anything-new")
HONEST = {"x-other": "1", "content-type": "application/json", "x-llmx": "1"}


def chat() -> Conversation:
    """The model server has the request."""
    return asked(snapshot_of(*ALL))


def stream() -> Conversation:
    """The same for a stream."""
    return asked(snapshot_of(*ALL), body=request_body(stream=True))


def embeddings() -> Conversation:
    """An answer that is passed on as it comes."""
    return asked(snapshot_of(*ALL), "/v1/embeddings", RequestBody(dumps({"model": "tiny", "input": "Hi"})))


def unread() -> Conversation:
    """A path that nobody reads."""
    talk = Conversation(snapshot_of(*ALL))
    talk.hears(request_headers("/v1/models", "GET", end=True))
    return talk


def without_end(**headers: str) -> Event:
    """An error that has no body."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return ResponseHeaders({":status": "503", **said}, end=True, details="via_upstream")


ANSWERS: dict[str, tuple[Callable[[], Conversation], Callable[..., Event]]] = {
    "whole": (chat, response_headers),
    "held": (chat, lambda **headers: response_headers(content_length="", **headers)),
    "stream": (stream, lambda **headers: response_headers(SSE, **headers)),
    "embeddings": (embeddings, response_headers),
    "unread": (unread, response_headers),
    "error": (chat, lambda **headers: response_headers(status=400, **headers)),
    "error without a body": (chat, without_end),
    "Envoy's own": (chat, lambda **headers: response_headers(status=503, details="no_healthy_upstream", **headers)),
}


def removed(kind: str, **headers: str) -> set[str]:
    """The headers that do not reach the client; no other change is made."""
    begun, comes = ANSWERS[kind]
    (action,) = begun().hears(comes(**headers))
    assert isinstance(action, ContinueHeaders)
    assert action.changes.set == ()
    return set(action.changes.remove) - {"content-length"}


@pytest.mark.parametrize(("kind", "name"), list(product(ANSWERS, FORGED)))
def test_forged_headers_reach_nobody(kind: str, name: str) -> None:
    """attack 10: an upstream's ``x-llm-version`` and ``x-llm-model`` reached the client, whatever kind of answer."""
    assert removed(kind, **{name: "tiny/v9"}) == {name}
    assert removed(kind, **dict.fromkeys(FORGED, "v9") | HONEST) == set(FORGED)


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_envoy_says_of_the_version_that_answered_stays(kind: str) -> None:
    """It overwrites the server's own, and names a version of the configuration; the client gets it too."""
    assert removed(kind, x_llm_served_version="tiny/v2") == set()
    assert removed(kind, x_llm_served_version="tiny/v2", x_llm_version="v2", **HONEST) == {"x-llm-version"}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_version_that_is_said_twice_is_none(kind: str) -> None:
    """Values of one name are joined; neither is Envoy's alone."""
    assert removed(kind, x_llm_served_version="tiny/v2,tiny/v1") == {"x-llm-served-version"}


@pytest.mark.parametrize(
    ("upstream", "server"),
    [
        ("10.0.0.7:8000", "10.0.0.7:8000"),
        ("[fd00::7]:8000", "[fd00::7]:8000"),
        ("", ""),
        ("envoy://v1__egress/", ""),
        ("/" + "x" * SERVER_CHARS_MAX, ""),
    ],
)
@pytest.mark.parametrize("details", ["via_upstream", "upstream_response_timeout"])
def test_the_server_is_the_one_that_envoy_asked(upstream: str, server: str, details: str) -> None:
    """Also where it did not answer in time: it had the request. An internal listener is no server."""
    talk = chat()
    headers = {":status": "200" if details == "via_upstream" else "504", "content-type": JSON, "content-length": "9"}
    talk.hears(ResponseHeaders(headers, False, details, upstream))
    talk.hears_all([StreamClosed()])
    assert talk.record.server == server


@pytest.mark.parametrize("details", ["via_upstream", "upstream_response_timeout"])
def test_a_guard_names_the_server_next_to_it(details: str) -> None:
    """Its address is the same in all pods."""
    gpus = {
        "server": "vllm-7",
        "servers": [{"endpoint": "vllm-7", "gpus": 1, "kind": "L4", "price": "l4", "metrics": "127.0.0.1:8000"}],
        "prices": [{"name": "l4", "per_gpu_hour": "0.70"}],
    }
    price = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
    models = {"tiny": {"versions": {"v1": {"weight": 1, "price": price}}}}
    terms: dict[str, Any] = {"role": "guard", "guard_version": "tiny/v1", "ledger": {}, "gpus": gpus}
    talk = asked(snapshot_of(METER, models=models, **terms))
    talk.hears(ResponseHeaders({":status": "200", "content-type": JSON}, False, details, "127.0.0.1:8000"))
    talk.hears_all([StreamClosed()])
    assert talk.record.server == "vllm-7"
