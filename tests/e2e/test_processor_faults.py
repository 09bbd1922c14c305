"""Our own processor behind a real Envoy when something goes wrong: killed, ended, given another configuration.

The model servers' answers hold an address that the processor masks, so an answer that was not guarded is recognized.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from tests.e2e.asking import CHAT, CLIENTS, Asking
from tests.e2e.harness import RELOAD_S_MAX, Answer, Stack, require_envoy, wait_until
from tests.e2e.measured import Measured
from tests.json_lines import json_lines
from tests.tools.prometheus import promtool

MESSAGES = "/v1/messages"
ADDRESS = "bob@example.com"
JSON_TYPE = ("content-type", "application/json")
SSE_TYPE = ("content-type", "text/event-stream")


def chat(**more: Any) -> dict[str, Any]:
    """A request that chat completions and messages both take."""
    return {"model": "tiny-chat", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}], **more}


def unstreamed(path: str) -> Scripted:
    """An answer with an address in it, in the path's own shape."""
    text = f"Write to {ADDRESS} today."
    document: dict[str, Any] = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }
    if path == MESSAGES:
        usage = {"input_tokens": 5, "output_tokens": 3}
        document = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}], "usage": usage}
    body = json.dumps(document).encode()
    return Scripted(200, (JSON_TYPE, ("content-length", str(len(body)))), [body])


def event(text: str, finish: str | None = None) -> bytes:
    """One event of a streamed chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


class Models:
    """What the model servers do: a streamed answer waits in its middle until the gate is opened."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.servers = {name: ModelServer(name, respond=self._respond) for name in ("v1", "v2")}

    def reset(self) -> None:
        """Close the gate, and forget what was seen."""
        self.gate = Gate()
        for server in self.servers.values():
            server.seen.clear()

    def seen(self, version: str) -> list[Request]:
        """The requests that reached a version."""
        return [seen.request for seen in self.servers[version].seen]

    def _respond(self, request: Request) -> Scripted:
        if not request.document.get("stream"):
            return unstreamed(request.path)
        rest = [event(f"or to {ADDRESS} now."), event("", "stop"), b"data: [DONE]\n\n"]
        return Scripted(200, (SSE_TYPE,), [event("Write to us "), self.gate, *rest])


@pytest.fixture(scope="module")
def running_models() -> Models:
    """Scripted model servers."""
    return Models()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, running_models: Models) -> Iterator[Stack]:
    """The demo's installation with them."""
    require_envoy()
    with Stack(tmp_path_factory.mktemp("faults"), models=running_models.servers) as stack:
        yield stack


@pytest.fixture
def models(running_models: Models) -> Models:
    """They have seen nothing yet."""
    running_models.reset()
    return running_models


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The same for each test: afterwards its processor runs again, with the configuration of before."""
    before = running.config.read_text()
    yield running
    if not is_serving(running):
        running.processor.start()
    if running.config.read_text() != before:
        running.reloaded(lambda: running.config.write_text(before))


def is_serving(stack: Stack) -> bool:
    """Whether its processor runs."""
    try:
        return bool(stack.revision())
    except OSError:
        return False


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    """Threads for clients that ask at the same time."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def is_masked(answer: Answer) -> bool:
    """Whether this is the model's answer, guarded."""
    return answer.status == 200 and b"<EMAIL>" in answer.body and ADDRESS.encode() not in answer.body


def is_refused(answer: Answer, path: str) -> bool:
    """Whether this is a 503 or 504 in the shape of the path's API."""
    if answer.status not in (503, 504) or answer.headers["content-type"] != "application/json":
        return False
    document = answer.document
    if path == MESSAGES:
        return document["type"] == "error" and set(document["error"]) == {"type", "message"}
    return set(document) == {"error"} and set(document["error"]) == {"message", "type", "param", "code"}


def begun_stream(stack: Stack, models: Models, clients: ThreadPoolExecutor) -> Future[Answer]:
    """A streamed answer of which the client has the first part, and whose rest waits at the gate."""
    measured = Measured(stack)
    running = clients.submit(stack.curl, CHAT, body=chat(stream=True), timeout_s=20.0)
    servers = models.servers.values()
    wait_until(lambda: any(seen.events_sent for server in servers for seen in server.seen), "the answer has begun")
    wait_until(
        lambda: measured.rise("llm_extproc_step_seconds_count", phase="response_body"), "its first part was guarded"
    )
    return running


# --- killed --------------------------------------------------------------------------------------------------------


@pytest.mark.transport
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_killed_amid_traffic_no_answer_is_unguarded(stack: Stack, path: str) -> None:
    """Clients get errors of their API until it is back, for which Envoy need not be restarted; nothing else."""
    with Asking(stack, path) as asking:
        answers = asking.answers
        asking.more(2 * CLIENTS)
        stack.processor.kill()
        wait_until(lambda: any(map(is_error, answers)), "clients get errors")
        stack.processor.start()
        later = len(answers) + 2 * CLIENTS  # each has asked anew
        wait_until(lambda: any(map(is_masked, answers[later:])), "clients are served again")
    assert [answer for answer in answers if not (is_masked(answer) or is_refused(answer, path))] == []
    assert answers[-1].status == 200


def is_error(answer: Answer) -> bool:
    """Whether there was no answer of a model."""
    return answer.status != 200


@pytest.mark.transport
def test_killed_in_mid_stream_the_client_sees_a_broken_answer(
    stack: Stack, models: Models, clients: ThreadPoolExecutor
) -> None:
    """Never a clean end, which would look like a whole answer; and nothing of what came later."""
    running = begun_stream(stack, models, clients)
    stack.processor.kill()
    answer = running.result()
    models.gate.open()
    assert (answer.exit_code, answer.status) == (18, 200)
    assert b"[DONE]" not in answer.body
    assert ADDRESS.encode() not in answer.body


# --- asked to end --------------------------------------------------------------------------------------------------


@pytest.mark.transport
def test_asked_to_end_it_finishes_the_stream_and_takes_no_other(
    stack: Stack, models: Models, clients: ThreadPoolExecutor
) -> None:
    """A new request is a 503 at once; the running answer is guarded to its end; then the process ends with 0."""
    lines = len(json_lines(stack.processor.log))
    running = begun_stream(stack, models, clients)
    stack.processor.signal(signal.SIGTERM)
    wait_until(lambda: '"draining"' in stack.processor.log_tail(), "it drains")
    assert is_refused(stack.curl(CHAT, body=chat()), CHAT)
    assert not running.done()
    models.gate.open()
    answer = running.result()
    assert (answer.exit_code, is_masked(answer), answer.body.endswith(b"data: [DONE]\n\n")) == (0, True, True)
    assert stack.processor.wait() == 0
    ended = [line for line in json_lines(stack.processor.log)[lines:] if line["event"] == "exchange"]
    assert [line["outcome"] for line in ended] == ["completed"]
    stack.processor.start()
    assert is_masked(stack.curl(CHAT, body=chat()))


# --- another configuration -----------------------------------------------------------------------------------------


def prompt_seen(request: Request) -> str:
    """The system prompt that a model was given."""
    return str(request.document["messages"][0]["content"])


def test_a_changed_prompt_file_is_what_the_model_sees_next(stack: Stack, models: Models, tmp_path: Path) -> None:
    """Within two seconds, without a change of the configuration itself."""
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Be brief.")

    def one_version(data: dict[str, Any]) -> None:
        data["models"]["tiny-chat"]["versions"]["v2"]["weight"] = 0
        data["models"]["tiny-chat"]["versions"]["v1"]["prompt"]["file"] = str(prompt)

    stack.reloaded(lambda: stack.write_config(one_version))
    stack.curl(CHAT, body=chat())
    stack.reloaded(lambda: prompt.write_text("Be verbose."))
    stack.curl(CHAT, body=chat())
    assert [prompt_seen(request) for request in models.seen("v1")] == ["Be brief.", "Be verbose."]


def test_changed_weights_move_traffic(stack: Stack, models: Models) -> None:
    """All of it to the other version, within two seconds."""
    for weight_of_v1 in (1, 0):

        def weigh(data: dict[str, Any], weight: int = weight_of_v1) -> None:
            data["models"]["tiny-chat"]["versions"]["v1"]["weight"] = weight
            data["models"]["tiny-chat"]["versions"]["v2"]["weight"] = 1 - weight

        stack.reloaded(partial(stack.write_config, weigh))
        for number in range(4):
            stack.curl(CHAT, "-H", f"x-conversation-id: {number}", body=chat())
    assert [len(models.seen(version)) for version in ("v1", "v2")] == [4, 4]


def test_a_stream_keeps_the_configuration_that_it_began_with(
    stack: Stack, models: Models, clients: ThreadPoolExecutor
) -> None:
    """The guard is switched off while it runs: it is guarded to its end, the next one is not."""

    def without_pii(data: dict[str, Any]) -> None:
        policy = data["policies"][-1]
        policy["guards"] = [each for each in policy["guards"] if each["guard"] != "pii"]

    running = begun_stream(stack, models, clients)
    stack.reloaded(lambda: stack.write_config(without_pii))
    models.gate.open()
    answer = running.result()
    assert (answer.exit_code, is_masked(answer)) == (0, True)
    assert ADDRESS.encode() in stack.curl(CHAT, body=chat()).body


def test_a_bad_configuration_changes_nothing(stack: Stack) -> None:
    """Serving goes on under the old one; readiness says what is wrong until it is mended."""
    good = stack.config.read_text()
    measured, before = Measured(stack), stack.revision()
    stack.config.write_text(good.replace('"weight"', '"wieght"'))
    wait_until(lambda: "wieght" in stack.processor.page("/readyz"), "the error is told", RELOAD_S_MAX)
    assert is_masked(stack.curl(CHAT, body=chat()))
    assert (stack.revision(), measured.rise("llm_config_reloads_total", result="invalid")) == (before, 1)
    stack.config.write_text(good)
    wait_until(lambda: "wieght" not in stack.processor.page("/readyz"), "the error is gone", RELOAD_S_MAX)
    assert is_masked(stack.curl(CHAT, body=chat()))


# --- measured ------------------------------------------------------------------------------------------------------


def test_the_metrics_page_after_traffic_is_as_prometheus_wants_it(stack: Stack, models: Models) -> None:
    """Answers of every kind, then promtool."""
    models.gate.open()
    measured = Measured(stack)
    for path, body in [(CHAT, chat()), (CHAT, chat(stream=True)), (MESSAGES, chat()), ("/v1/none", {})]:
        stack.curl(path, "-H", "x-team: search", body=body)
    wait_until(lambda: measured.rise("llm_requests_total") >= 4, "all are measured")
    page = stack.processor.page("/metrics")
    assert promtool("check", "metrics", page=page) == (0, "")
    assert measured.rise("llm_cost_micro_usd_total", team="search") > 0
