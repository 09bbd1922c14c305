"""Where spans go, as the configuration has it: TLS, headers, and who sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest

from extproc.config.otel import Otel
from extproc.tracing import OtelUnavailable
from extproc.tracing.otlp import exporter_terms, resource_of
from extproc.tracing.sink import OtelSink
from tests.unit.server.authority import Authority
from tests.unit.tracing.collector import Collector, collecting
from tests.unit.tracing.records import Counted, ended

LOCAL = "http://127.0.0.1:4317"


def send(folder: Path, **terms: Any) -> Counted:
    """One exchange. Returns: what became of it."""
    counted = Counted()
    sink = OtelSink(Otel(timeout_ms=500, **terms), folder, 100, counted, counted, threaded=False)
    sink.exchange_ended(ended())
    sink.turn()
    sink.close()
    return counted


def secured(collector: Collector) -> str:
    """Its endpoint, by the name in its certificate."""
    return f"https://127.0.0.1:{collector.port}"


def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    """And with a certificate of this process, where the collector asks for one."""
    authority = Authority()
    server, client = authority.issue("127.0.0.1"), authority.issue("gateway.example")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    client.write(tmp_path, "client")
    credentials = grpc.ssl_server_credentials([(server.key, server.certificate)], authority.pem, True)
    files = {"ca_file": "ca.pem", "certificate_file": "client.crt", "key_file": "client.key"}
    with collecting(credentials) as collector:
        assert send(tmp_path, endpoint=secured(collector), **files).exported == {("traces", "ok"): 1}
        assert send(tmp_path, endpoint=secured(collector), ca_file="ca.pem").lost == {"failed": 1}
        assert send(tmp_path, endpoint=secured(collector)).lost == {"failed": 1}
        assert len(collector.traces) == 1


def test_headers_are_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line each; they win over those of the environment."""
    (tmp_path / "headers").write_text("# of the collector\nauthorization: Bearer sesame:1\n\nx-scope: team a\n")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-other=1")
    with collecting() as collector:
        send(tmp_path, endpoint=collector.endpoint, headers_file="headers")
        send(tmp_path, endpoint=collector.endpoint)
        first, second = collector.metadata
    assert (first["authorization"], first["x-scope"], "x-other" in first) == ("Bearer sesame:1", "team a", False)
    assert (second["x-other"], "authorization" in second) == ("1", False)


@pytest.mark.parametrize("line", ["sesame", "Authorization: sesame", "a b: sesame", "a: ses\x01ame", "\u00e4: sesame"])
def test_a_line_that_is_no_header_is_refused_without_it(tmp_path: Path, line: str) -> None:
    """A token may be in it."""
    (tmp_path / "headers").write_text(f"a: b\n{line}\n")
    with pytest.raises(OtelUnavailable) as refused:
        exporter_terms(Otel(endpoint=LOCAL, headers_file="headers"), tmp_path)
    assert str(refused.value) == (
        "otel.headers_file: headers: line 2 is no header: expected `name: value` in ASCII, the name in lower case."
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the key that has it."""
    with pytest.raises(
        OtelUnavailable, match=r"^otel\.ca_file: .*/ca\.pem cannot be read \(No such file or directory\)"
    ):
        exporter_terms(Otel(endpoint="https://127.0.0.1:4317", ca_file="ca.pem"), tmp_path)


def test_a_proxy_of_the_environment_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take spans to a server that nobody named."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with collecting() as collector:
        assert send(tmp_path, endpoint=collector.endpoint).exported == {("traces", "ok"): 1}


def test_who_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the configuration, by the variables that platforms set, or else by default."""
    monkeypatch.delenv("OTEL_SERVICE_NAME", raising=False)
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES", raising=False)
    assert resource_of(Otel(endpoint=LOCAL)).attributes["service.name"] == "llm-extproc"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "of-the-platform")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=gateway-1")
    found = resource_of(Otel(endpoint=LOCAL)).attributes
    assert (found["service.name"], found["k8s.pod.name"]) == ("of-the-platform", "gateway-1")
    found = resource_of(Otel(endpoint=LOCAL, service_name="gateway")).attributes
    assert (found["service.name"], found["k8s.pod.name"]) == ("gateway", "gateway-1")
    assert found["service.instance.id"] != resource_of(Otel(endpoint=LOCAL)).attributes["service.instance.id"]
