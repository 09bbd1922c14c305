"""The official client against a stub of the API server: what it asks, and what an answer means that is none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from extproc.ledger.allocation.pods import api as api_module
from extproc.ledger.allocation.pods.api import PODS_MAX, PodsApi
from extproc.ledger.allocation.pods.pod_gpus import LookUpFailed
from tests.quiet_server import QuietServer
from tests.unit.ledger.allocation.pods.samples import ADDRESS, H100, LABEL, node, pod
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving

SELECTOR = f"status.podIP={ADDRESS}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """With two pods, one of each namespace, and their node."""
    with serving(ApiServer()) as running:
        running.put(pod())
        running.put(pod(name="other", address="10.0.0.8"))
        running.put(pod(namespace="batch"))
        running.put(node())
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, running.url)))
        yield running


@pytest.fixture
def api(server: ApiServer) -> Iterator[PodsApi]:
    """Of that server."""
    assert server.url
    made = PodsApi()
    yield made
    made.close()


def test_pods_by_address_and_by_name(server: ApiServer, api: PodsApi) -> None:
    """Of one namespace, and no others."""
    for selector in (SELECTOR, "metadata.name=vllm-0"):
        assert [one["metadata"]["uid"] for one in api.pods("models", selector)] == ["uid-models-vllm-0"]
    assert api.pods("models", "status.podIP=10.0.0.9") == ()
    assert set(server.asked) == {("GET", "/api/v1/namespaces/models/pods")}


def test_labels_of_a_node(api: PodsApi) -> None:
    """As they are now."""
    assert api.node_labels("node-1")[LABEL] == H100


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (
            401,
            "The API server does not accept the token of this service account, to list pods of the namespace models.",
        ),
        (
            403,
            "This service account may not list pods of the namespace models. Give it a Role with `list` of pods in each"
            " namespace, and a ClusterRole with `get` of nodes: deploy/kustomize/components/gpu-pods has such roles.",
        ),
        (503, "The API server refuses to list pods of the namespace models, with status 503."),
    ],
)
def test_a_refusal_says_what_to_do(server: ApiServer, api: PodsApi, status: int, told: str) -> None:
    """In a sentence that is alike for all servers."""
    server.failing = [status]
    with pytest.raises(LookUpFailed) as refused:
        api.pods("models", SELECTOR)
    assert str(refused.value) == told


def test_an_api_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody accepts the connection; or there is no configuration of one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, url)))
    with pytest.raises(LookUpFailed, match=r"The API server cannot be reached \(\w+\), to get the node node-1\."):
        PodsApi().node_labels("node-1")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(LookUpFailed, match=r"The API server cannot be reached: .*set KUBECONFIG\."):
        PodsApi()


def test_an_api_server_that_hangs(server: ApiServer, api: PodsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is left after some time."""
    monkeypatch.setattr(api_module, "ANSWER_S_MAX", 0.2)
    server.holds.clear()
    with pytest.raises(LookUpFailed, match=r"has not answered within 0\.2 s, to list pods"):
        api.pods("models", SELECTOR)
    server.holds.set()


def test_an_answer_that_is_too_long(api: PodsApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not read to its end."""
    monkeypatch.setattr(api_module, "REPLY_BYTES_MAX", 100)
    with pytest.raises(LookUpFailed, match=r"^The API server sends more than 100 bytes, to list pods"):
        api.pods("models", SELECTOR)


def test_an_address_of_too_many_pods(server: ApiServer, api: PodsApi) -> None:
    """No node runs so many."""
    for number in range(PODS_MAX):
        server.put(pod(name=f"more-{number}"))
    with pytest.raises(LookUpFailed, match=rf"more than {PODS_MAX} pods of one address in models"):
        api.pods("models", SELECTOR)


@contextmanager
def answering(respond: Callable[[BaseHTTPRequestHandler], None], folder: Path) -> Iterator[Path]:
    """A server that is no API server, with the file of its client."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *_: object) -> None:
            return

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield kubeconfig(folder, f"http://127.0.0.1:{http.server_address[1]}")
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("content", [b"<html>", json.dumps([1]).encode(), b"\xff"])
def test_what_answers_is_no_api_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Such as a proxy's page."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with answering(respond, tmp_path) as file:
        monkeypatch.setenv("KUBECONFIG", str(file))
        with pytest.raises(LookUpFailed, match="What answers is no API server"):
            PodsApi().pods("models", SELECTOR)


def test_an_answer_byte_by_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is one of the whole answer, not of each byte."""
    monkeypatch.setattr(api_module, "ANSWER_S_MAX", 0.3)
    left = threading.Event()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        while not left.wait(0.01):
            handler.wfile.write(b" ")

    with answering(respond, tmp_path) as file:
        monkeypatch.setenv("KUBECONFIG", str(file))
        with pytest.raises(LookUpFailed, match=r"has not answered within 0\.3 s, to list pods"):
            PodsApi().pods("models", SELECTOR)
        left.set()
