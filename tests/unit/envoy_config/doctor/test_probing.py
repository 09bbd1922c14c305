"""Probes are harmless, say what they got, and tell llm-extproc from others."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.envoy_config.doctor.check import Probe, ProbeKind
from extproc.envoy_config.doctor.probing import FORGED, NO_SUCH_MODEL, probe, probe_directly
from tests.quiet_server import QuietServer
from tests.unit.envoy_config.doctor.faults import THROUGH


class Answering(QuietServer):
    """Answers what it is told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 404
        self.answer: Any = {"error": {"code": "model_not_found"}}
        self.headers = {"x-llm-exchange-id": "01J"}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://user:secret@127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Answering

    def do_GET(self) -> None:
        """Any path."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        content = json.dumps(self.server.answer).encode()
        self.send_response(self.server.status)
        told = {name: headers.get(name, value) for name, value in self.server.headers.items()}
        for name, value in {**told, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Answering]:
    """One that refuses as llm-extproc does, but repeats the id that it is given."""
    with Answering() as made:
        serving = threading.Thread(target=made.serve_forever)
        serving.start()
        yield made
        made.shutdown()
        serving.join()


def test_a_probe_names_a_model_that_no_one_has(server: Answering) -> None:
    """Once plainly and once with forged headers; a credential goes along."""
    probe(server.url, {"authorization": "Bearer key"}, ("llama", "v2"))
    plain, forged = server.asked
    for method, path, headers, body in (plain, forged):
        assert (method, path, headers["authorization"]) == ("POST", "/v1/chat/completions", "Bearer key")
        assert json.loads(body)["model"] == NO_SUCH_MODEL
    assert not any(name.startswith("x-llm-") for name in plain[2])
    assert (forged[2]["x-llm-model"], forged[2]["x-llm-version"]) == ("llama", "v2")


def test_what_was_got_is_told(server: Answering) -> None:
    """Status, code, and whose answer it is: a server that repeats a forged id is not ours."""
    plain, forged = probe(server.url, {}, ("llama", "v2"))
    where = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    told = ("x-llm-exchange-id",)
    assert plain == Probe(ProbeKind.UNKNOWN_MODEL, where, "", 404, "model_not_found", True, told)
    assert forged == Probe(ProbeKind.FORGED_VERSION, where, "", 404, "model_not_found", False, told)
    assert server.asked[1][2]["x-llm-exchange-id"] == FORGED


@pytest.mark.parametrize("answer", [None, [], {"error": "no"}, {"error": {"code": 1}}, "text"])
def test_any_answer_is_read(server: Answering, answer: Any) -> None:
    """One of another shape has no code."""
    server.answer, server.headers = answer, {}
    assert {(one.code, one.is_ours) for one in probe(server.url, {}, ("llama", "v2"))} == {("", False)}


def test_an_id_of_envoys_own_is_not_ours(server: Answering) -> None:
    """It adds one to its answers, whether the processor is there or not."""
    server.headers = {"x-llm-exchange-id": "f460b1a4-78dc-4ab2-bacd-7d1ffa5103c4"}
    assert not probe(server.url, {}, ("llama", "v2"))[0].is_ours


def test_a_model_server_is_asked_for_its_models(server: Answering) -> None:
    """Without a credential."""
    server.status, server.headers = 200, {}
    found = probe_directly(server.url)
    assert (found.kind, found.status, found.is_ours) == (ProbeKind.DIRECT, 200, False)
    ((method, path, headers, _),) = server.asked
    assert (method, path, "authorization" in headers) == ("GET", "/v1/models", False)


def test_equal_answers_are_equal() -> None:
    """What two requests were is no part of what they got."""
    assert THROUGH.answer == Probe(ProbeKind.FORGED_VERSION, "elsewhere", "", 404, "model_not_found", True).answer
