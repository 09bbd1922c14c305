"""A version that is down, overloaded or silent: another one answers, and the client sees nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from tests.e2e.apis import APIS, CHAT, JSON_TYPE, SSE_TYPE, Api, events_of
from tests.e2e.harness import Answer, Stack, free_ports, require_envoy, wait_until
from tests.e2e.measured import Measured
from tests.e2e.scripted_models import Reset, Silent

TEXT = "Good morning from the other one."
FIRST_BYTE_MS = 400
REASONS = {
    "refused": "connect_failure",
    "unavailable": "gateway_error",
    "busy": "rate_limit",
    "silent": "timeout",
    "reset": "reset",
}
"""Why a model falls back, by the name of the model."""
NEVER = Gate()
CONTEXT_TOKENS = 100
PROMPT = "You are the other one."


def refusal(status: int, *headers: tuple[str, str]) -> Scripted:
    """An error of a model server."""
    body = json.dumps({"error": {"message": "not now", "type": "server_error", "code": None}}).encode()
    return Scripted(status, (JSON_TYPE, ("content-length", str(len(body))), *headers), [body])


FAILURES: dict[str, Scripted] = {
    "unavailable": refusal(503),
    "busy": refusal(429, ("retry-after", "7")),
    "silent": Silent(gate=NEVER),
    "reset": Reset(),
    "internal": refusal(500),
    "broken_off": Scripted(
        200, (SSE_TYPE,), [CHAT.head() + CHAT.delta(TEXT * 40), CHAT.delta(TEXT)], 0.2, "close_abruptly"
    ),
}


def fail(request: Request) -> Scripted:
    """What the broken server does, by the model that it is asked for."""
    return FAILURES[request.document["model"].split(":")[0]]


def answer(request: Request) -> Scripted:
    """What the good server says, in every API."""
    api = next(one for one in APIS if one.path == request.path)
    if request.document.get("stream"):
        return Scripted(200, (SSE_TYPE,), [api.head() + api.delta(TEXT), api.tail(TEXT)])
    body = json.dumps(api.answer(TEXT)).encode()
    return Scripted(200, (JSON_TYPE, ("content-length", str(len(body)))), [body])


def configure(data: dict[str, Any], broken: int, good: int, refused: int, prompt: Path) -> None:
    """One model for each failure, which falls back to one that answers."""
    price = data["models"]["tiny-chat"]["versions"]["v1"]["price"]
    helped: dict[str, Any] = {"name": "helped", "when": [{"models": ["helped"]}], "version": "gone/v1"}
    helped["fallback"] = {"to": ["other/good"], "on": ["connect_failure"]}
    data["routes"], data["route_tests"] = [helped, {"name": "default"}], []  # others get the model that they name
    data["models"] = {
        "other": {
            "versions": {
                "good": {
                    "weight": 1,
                    "served_model": "other-served",
                    "endpoints": [f"127.0.0.1:{good}"],
                    "prompt": {"file": str(prompt)},
                    "price": price,
                }
            }
        }
    }
    fallback = {"to": ["other/good"], "first_byte_ms": FIRST_BYTE_MS, "unstreamed_first_byte_ms": FIRST_BYTE_MS}

    def version(name: str, port: int, weight: int = 1, **more: Any) -> dict[str, Any]:
        return {"weight": weight, "served_model": name, "endpoints": [f"127.0.0.1:{port}"], "price": price, **more}

    for name in (*REASONS, "internal", "broken_off"):
        served = version(f"{name}:served", refused if name == "refused" else broken)
        data["models"][name] = {"versions": {"v1": served}, "fallback": fallback}
    data["models"]["plain"] = {"versions": {"v1": version("broken_off:plain", broken)}}
    data["models"]["overloaded"] = {
        "versions": {"v1": version("busy:1", broken), "v2": version("unavailable:2", broken, 0)},
        "fallback": {"to": ["v2"]},
    }
    data["models"]["gone"] = {
        "versions": {"v1": version("gone-1", refused), "v2": version("gone-2", refused, 0)},
        "fallback": {"to": ["v2"]},
    }
    data["models"]["short"] = {
        "versions": {
            "v1": version("short-1", good, context_tokens_max=CONTEXT_TOKENS),
            "v2": version("short-2", good, 0, context_tokens_max=4 * CONTEXT_TOKENS),
        },
        "fallback": {"to": ["v2"]},
    }


class Servers:
    """A server that fails and one that answers."""

    def __init__(self) -> None:
        self.broken = ModelServer("broken", respond=fail)
        self.good = ModelServer("good", respond=answer)

    def reset(self) -> None:
        """Forget what was seen."""
        self.broken.seen.clear()
        self.good.seen.clear()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Both, running."""
    servers = Servers()
    with servers.broken, servers.good:
        yield servers


@pytest.fixture(scope="module")
def falling(tmp_path_factory: pytest.TempPathFactory, servers: Servers) -> Iterator[Stack]:
    """A gateway before both."""
    require_envoy()
    directory = tmp_path_factory.mktemp("falling")
    prompt = directory / "other.txt"
    prompt.write_text(PROMPT)
    (refused,) = free_ports(1)

    def change(data: dict[str, Any]) -> None:
        configure(data, servers.broken.port, servers.good.port, refused, prompt)

    with Stack(directory, models={}, change=change) as running:
        yield running


@pytest.fixture
def stack(falling: Stack, servers: Servers) -> Stack:
    """The gateway; nothing was seen yet."""
    servers.reset()
    return falling


def ask(stack: Stack, api: Api, model: str, *, stream: bool, text: str = "Hello") -> Answer:
    """One request for a model."""
    return stack.curl(api.path, body={**api.request(text, stream=stream), "model": model}, timeout_s=20.0)


def said(api: Api, answer: Answer, *, stream: bool) -> str:
    """The text of an answer."""
    if not stream:
        return api.text_of_answer(answer.document)
    return "".join(api.text_of_event(event) for event in events_of(answer.body))


def last_line(stack: Stack, exchange: str) -> dict[str, Any]:
    """The line of the exchange log."""

    def found() -> dict[str, Any] | None:
        for line in (stack.directory / "processor.log").read_text().splitlines():
            if '"exchange"' in line and (read := json.loads(line)).get("exchange") == exchange and "outcome" in read:
                return dict(read)
        return None

    return wait_until(found, "the exchange is logged") or {}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
@pytest.mark.parametrize("model", REASONS)
def test_another_version_answers(stack: Stack, servers: Servers, model: str, api: Api, stream: bool) -> None:
    """The client gets the good answer under the name that it asked for, and it is billed to who gave it."""
    measured = Measured(stack)
    answered = ask(stack, api, model, stream=stream)
    assert (answered.exit_code, answered.status) == (0, 200), answered.body
    assert said(api, answered, stream=stream) == TEXT
    names = {found for event in (events_of(answered.body) if stream else [answered.document]) for found in named(event)}
    assert names == {model}
    (seen,) = servers.good.seen
    asked = json.loads(seen.body)
    assert asked["model"] == "other-served"
    assert (PROMPT in seen.body.decode()) == (api.name != "completions")
    assert measured.outcomes() == {"completed": 1}
    assert measured.rise("llm_requests_total", model="other", version="good") == 1
    assert measured.rise("llm_completion_tokens_total", model=model) == 0
    assert measured.rise("llm_policy_texts_total", direction="request") == 1  # guarded once
    assert measured.rise("llm_fallback_total", **{"from": f"{model}/v1", "to": "other/good"}) == 1
    line = last_line(stack, answered.headers["x-llm-exchange-id"])
    assert (line["model"], line["version"]) == ("other", "good")
    reason = line["attempts"][0].split()[-1]
    assert line["chosen_version"] == f"{model}/v1"
    assert line["attempts"] in (
        [f"{model}/v1 {REASONS[model]}", "other/good answered"],
        ["other/good answered"],  # after some failures Envoy asks the other one first
    ), reason


def named(event: dict[str, Any]) -> set[str]:
    """The names of the model in an event, wherever its API has them."""
    holders = [event, event.get("message") or {}, event.get("response") or {}]
    return {holder["model"] for holder in holders if "model" in holder}


def test_an_error_that_no_retry_avoids_is_passed_on(stack: Stack, servers: Servers) -> None:
    """A request may cause a 500: nobody else is asked."""
    answered = ask(stack, APIS[0], "internal", stream=False)
    assert answered.status == 500
    assert not servers.good.seen


def test_when_all_are_busy_the_client_is_told_how_long(stack: Stack, servers: Servers) -> None:
    """The last one answers 503 without a time; the first one has said seven seconds."""
    measured = Measured(stack)
    answered = ask(stack, CHAT, "overloaded", stream=False)
    assert (answered.status, answered.headers["retry-after"]) == (503, "7")
    assert [json.loads(seen.body)["model"] for seen in servers.broken.seen] == ["busy:1", "unavailable:2"]
    assert measured.outcomes() == {"upstream_error": 1}
    assert measured.tokens() == 0


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_when_all_are_gone_the_client_reads_an_error_of_its_api(stack: Stack, api: Api) -> None:
    """Envoy's own, from behind the internal listener; nobody is billed."""
    measured = Measured(stack)
    answered = ask(stack, api, "gone", stream=True)
    assert answered.status == 503
    error = answered.document["error"]
    assert error["message"] == "The model service is not available. Please retry shortly."
    assert error["type"] == ("overloaded_error" if api.name == "messages" else "service_unavailable_error")
    assert measured.outcomes() == {"upstream_error": 1}
    assert measured.tokens() == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_route_has_a_list_of_its_own(stack: Stack, servers: Servers, stream: bool) -> None:
    """In place of that of the model, which leads nowhere here; whoever names the model itself does not have it."""
    measured = Measured(stack)
    answered = ask(stack, CHAT, "helped", stream=stream)
    assert (answered.status, said(CHAT, answered, stream=stream)) == (200, TEXT)
    assert measured.rise("llm_requests_total", model="other", version="good") == 1
    assert measured.rise("llm_route_total", route="helped") == 1
    assert len(servers.good.seen) == 1
    assert ask(stack, CHAT, "gone", stream=stream).status == 503
    assert len(servers.good.seen) == 1


def test_a_client_of_http_2(stack: Stack) -> None:
    """Its stream is another one than that behind the internal listener."""
    body = {**CHAT.request(stream=True), "model": "busy"}
    answered = stack.curl(CHAT.path, "--http2-prior-knowledge", body=body)
    assert (answered.exit_code, answered.status) == (0, 200)
    assert said(CHAT, answered, stream=True) == TEXT


@pytest.mark.parametrize(("tokens", "served"), [(20, ["short-1"]), (200, ["short-2"])])
def test_a_request_goes_where_it_fits(stack: Stack, servers: Servers, tokens: int, served: list[str]) -> None:
    """A version whose context is too short is left out, and its server not asked."""
    answered = stack.curl(CHAT.path, body={**CHAT.request(), "model": "short", "max_tokens": tokens})
    assert (answered.status, answered.document["model"]) == (200, "short")
    assert [json.loads(seen.body)["model"] for seen in servers.good.seen] == served


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_a_request_that_fits_nowhere_is_refused(stack: Stack, servers: Servers, api: Api) -> None:
    """With the error of its API, and as often as the client likes: that is nobody's failure."""
    for _ in range(8):
        answered = ask(stack, api, "short", stream=False, text="word " * 8_000)
        assert answered.status == 400
        error = answered.document["error"]
        assert error["type"] == "invalid_request_error"
        assert "context" in error["message"]
    assert not servers.good.seen
    assert ask(stack, api, "short", stream=False).status == 200


def test_after_the_first_byte_nothing_is_tried_again(stack: Stack, servers: Servers) -> None:
    """The client has a part of one answer; another one would not continue it. And no server is ejected for it."""
    for model in ("plain", *["broken_off"] * 6):  # as without a fallback
        measured = Measured(stack)
        answered = ask(stack, CHAT, model, stream=True)
        assert (answered.exit_code, answered.status) == (18, 200)
        assert "Good morning" in answered.body.decode()
        assert measured.outcomes() == {"aborted": 1}
    assert len(servers.broken.seen) == 7
    assert not servers.good.seen


def test_a_long_body_is_sent_whole_to_the_other_one(stack: Stack, servers: Servers) -> None:
    """Past the size that is handled at once."""
    text = "word " * 100_000
    answered = ask(stack, CHAT, "busy", stream=False, text=text)
    assert answered.status == 200, answered.body
    (seen,) = servers.good.seen
    assert json.loads(seen.body)["messages"][-1]["content"] == text


def test_clients_cannot_take_the_second_step(stack: Stack, servers: Servers) -> None:
    """Neither by headers of ours, nor by those of Envoy that decide about retries."""
    headers = ("x-llm-egress: other/good", "x-llm-attempts: other/good=answered=", "x-envoy-retry-on: 5xx")
    options = [part for header in headers for part in ("-H", header)]
    answered = stack.curl(CHAT.path, *options, body={**CHAT.request("Write to jo@example.com"), "model": "internal"})
    assert answered.status == 500
    assert len(servers.broken.seen) == 1
    assert "jo@example.com" not in servers.broken.seen[0].body.decode()
    line = last_line(stack, answered.headers["x-llm-exchange-id"])
    assert "attempts" not in line
