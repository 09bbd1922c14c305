"""Model servers on the command line are read as people write them, and asked what they serve."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.launch.upstreams import (
    ServedVersion,
    Upstream,
    UpstreamProblem,
    grouped,
    parse_upstream,
    served_models,
)
from tests.quiet_server import QuietServer


@pytest.mark.parametrize(
    ("written", "upstream"),
    [
        ("http://127.0.0.1:8000", Upstream("127.0.0.1:8000")),
        ("http://127.0.0.1:8000/", Upstream("127.0.0.1:8000")),
        ("http://127.0.0.1:8000/v1", Upstream("127.0.0.1:8000")),
        ("127.0.0.1:8000", Upstream("127.0.0.1:8000")),
        ("vllm:8000", Upstream("vllm:8000")),
        ("http://vllm", Upstream("vllm:80")),
        ("http://[::1]:8000", Upstream("[::1]:8000")),
        ("v2=http://vllm:8000@5", Upstream("vllm:8000", "v2", 5)),
        ("v2=vllm:8000", Upstream("vllm:8000", "v2", 1)),
        ("v2=http://vllm:8000@0", Upstream("vllm:8000", "v2", 0)),
    ],
)
def test_servers_are_read_as_they_are_written(written: str, upstream: Upstream) -> None:
    """With and without scheme, path, name and weight."""
    assert parse_upstream(written) == upstream


FORM = "write it as http://HOST:PORT, or as NAME=http://HOST:PORT@WEIGHT for a version of a model."


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", f": {FORM}"),
        ("https://vllm:8000", f"https://vllm:8000: Envoy would speak HTTP without TLS to it; {FORM}"),
        ("ftp://vllm", f"ftp://vllm: {FORM}"),
        ("http://", f"http://: {FORM}"),
        ("http://vllm:8000/other", f"http://vllm:8000/other: {FORM}"),
        ("http://vllm:8000?a=b", f"http://vllm:8000?a=b: {FORM}"),
        ("http://vllm:99999", f"http://vllm:99999: Port out of range 0-65535; {FORM}"),
        ("v2=http://vllm@x", "v2=http://vllm@x: the weight `x` is no number from 0 to 1000000."),
        ("v2=http://vllm@-1", "v2=http://vllm@-1: the weight `-1` is no number from 0 to 1000000."),
        ("v2=http://vllm@1000001", "v2=http://vllm@1000001: the weight `1000001` is no number from 0 to 1000000."),
    ],
)
def test_what_is_no_server_is_told(written: str, message: str) -> None:
    """What, and how it is written."""
    with pytest.raises(UpstreamProblem) as problem:
        parse_upstream(written)
    assert str(problem.value) == message


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(written: str) -> None:
    """Nothing else is raised."""
    try:
        upstream = parse_upstream(written)
    except UpstreamProblem:
        return
    assert upstream.address.rpartition(":")[2].isdecimal()


@contextmanager
def server(status: int, body: bytes) -> Iterator[Upstream]:
    """A server that answers everything so."""

    class Always(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with QuietServer(("127.0.0.1", 0), Always) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield Upstream(f"127.0.0.1:{running.server_port}")
        finally:
            running.shutdown()
            thread.join()


def test_a_server_lists_its_models() -> None:
    """In its order."""
    with server(200, json.dumps({"data": [{"id": "llama"}, {"id": "lora"}]}).encode()) as upstream:
        assert served_models(upstream) == ["llama", "lora"]


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b"", "{}/v1/models answers with status 401: is this an OpenAI-compatible server, without an API key?"),
        (200, b"<html>", "{}/v1/models does not list models: is this an OpenAI-compatible server?"),
        (200, b"[]", "{}/v1/models does not list models: is this an OpenAI-compatible server?"),
        (200, b'{"data": [3]}', "{}/v1/models does not list models: is this an OpenAI-compatible server?"),
        (200, b'{"data": []}', "{}/v1/models lists no models. Load one, or name it: --model NAME"),
    ],
)
def test_a_server_of_another_kind_is_told(status: int, body: bytes, message: str) -> None:
    """With its address, and what to do."""
    with server(status, body) as upstream, pytest.raises(UpstreamProblem) as problem:
        served_models(upstream)
    assert str(problem.value) == message.format(upstream.url)


def test_a_server_that_is_not_there_is_told() -> None:
    """With how to start one."""
    with server(200, b"") as upstream:
        pass
    with pytest.raises(UpstreamProblem) as problem:
        served_models(upstream)
    port = upstream.address.rpartition(":")[2]
    assert str(problem.value) == (
        f"http://127.0.0.1:{port} does not answer (connection refused). Start the model server, for example: vllm serve"
        f" MODEL --port {port}. Or name its model, and start it later: --model NAME"
    )


A, B = Upstream("a:1"), Upstream("b:1")


def test_replicas_are_one_version() -> None:
    """Servers of the same model without a name."""
    assert grouped([(A, ["llama"]), (B, ["llama"])]) == {"llama": [ServedVersion("v1", 1, "llama", ("a:1", "b:1"))]}


def test_different_models_stay_apart() -> None:
    """Each at its server; a server with adapters has several."""
    assert grouped([(A, ["llama", "lora"]), (B, ["qwen"])]) == {
        "llama": [ServedVersion("v1", 1, "llama", ("a:1",))],
        "lora": [ServedVersion("v1", 1, "lora", ("a:1",))],
        "qwen": [ServedVersion("v1", 1, "qwen", ("b:1",))],
    }


def test_servers_with_names_are_versions_of_one_model() -> None:
    """Clients write the name of the first; two servers of one name are replicas."""
    old, new = Upstream("a:1", "v1", 95), Upstream("b:1", "v2", 5)
    more = Upstream("c:1", "v2", 5)
    assert grouped([(old, ["llama"]), (new, ["llama-next"]), (more, ["llama-next"])]) == {
        "llama": [ServedVersion("v1", 95, "llama", ("a:1",)), ServedVersion("v2", 5, "llama-next", ("b:1", "c:1"))]
    }


@pytest.mark.parametrize(
    ("servers", "message"),
    [
        ([A, Upstream("b:1", "v2")], "Some servers have a name and others have none. Name all versions, or none."),
        (
            [Upstream("a:1", "v1", 1), Upstream("b:1", "v1", 2)],
            "v1: its servers differ. Those of one version serve one model, with one weight.",
        ),
        (
            [Upstream("a:1", "v1", 0), Upstream("b:1", "v2", 0)],
            "Every weight is 0, so no version gets traffic. Give one of them a weight.",
        ),
    ],
)
def test_what_cannot_be_grouped_is_told(servers: list[Upstream], message: str) -> None:
    """In a sentence."""
    with pytest.raises(UpstreamProblem) as problem:
        grouped([(one, ["llama"]) for one in servers])
    assert str(problem.value) == message
