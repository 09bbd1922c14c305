"""The real Envoy and our processor over mTLS, as where the processor is a service on another machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from extproc.config.document import Server
from extproc.config.envoy import EnvoyProcessor
from extproc.envoy_config.generate import SECRET_HEADING, to_yaml
from extproc.envoy_config.processor_tls import secrets
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, free_ports, wait_until
from tests.unit.server.authority import NAME, Authority, Identity

CHAT = "/v1/chat/completions"
HELLO = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}]}


class Installed:
    """Certificates of both sides in a folder, and the configuration that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers, self.clients = Authority(), Authority()
        self.servers.issue(NAME).write(folder, "server")
        self.clients.issue("envoy.example").write(folder, "envoy")
        (folder / "servers.pem").write_bytes(self.servers.pem)
        (folder / "clients.pem").write_bytes(self.clients.pem)
        (self.port,) = free_ports(1)
        self.swaps = 0

    def change(self, data: dict[str, Any]) -> None:
        """Make the demo's processor one with mTLS, and tell Envoy of it."""
        data["server"]["listen"] = f"127.0.0.1:{self.port}"
        data["server"]["reload_interval_ms"] = 50
        data["server"]["tls"] = {
            "certificate_file": str(self.folder / "server.crt"),
            "key_file": str(self.folder / "server.key"),
            "client_ca_file": str(self.folder / "clients.pem"),
        }
        data["envoy"]["processor"] = {
            "ca_file": str(self.folder / "servers.pem"),
            "server_name": NAME,
            "certificate_file": str(self.folder / "envoy.crt"),
            "key_file": str(self.folder / "envoy.key"),
        }

    def swap(self, identity: Identity) -> None:
        """Give Envoy another certificate as the kubelet does: one rename, in the folder that it watches."""
        self.swaps += 1
        content = self.folder / f"..{self.swaps}"
        content.mkdir()
        identity.write(content, "envoy")
        (self.folder / "..data.new").symlink_to(content.name)
        os.replace(self.folder / "..data.new", self.folder / "..data")

    def change_with_secrets(self, data: dict[str, Any]) -> None:
        """The same, with Envoy's files by SDS; they are written as the command writes them."""
        self.change(data)
        for name in ("envoy.crt", "envoy.key"):
            (self.folder / name).unlink()
            (self.folder / name).symlink_to(f"..data/{name}")
        data["envoy"]["processor"]["sds_folder"] = str(self.folder)
        server = Server.model_validate(data["server"])
        found_at = EnvoyProcessor.model_validate(data["envoy"]["processor"])
        for name, content in secrets(server, found_at).items():
            (self.folder / name).write_text(to_yaml(content, SECRET_HEADING))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """Two authorities, and a certificate of each."""
    return Installed(tmp_path)


def tls_connections(stack: Stack) -> int:
    """Handshakes that Envoy has made with the processor."""
    line = stack.envoy.admin("/stats?filter=cluster.llm_extproc.ssl.handshake")
    return int(line.rpartition(":")[2])


@pytest.mark.transport
def test_an_exchange_over_mtls(make_stack: MakeStack, installed: Installed) -> None:
    """The configuration that `envoy-config` writes fits; a stream goes through as well."""
    stack = make_stack(change=installed.change)
    answer = stack.curl(CHAT, body=HELLO)
    assert (answer.status, answer.headers["x-llm-served-version"][:10]) == (200, "tiny-chat/")
    streamed = stack.curl(CHAT, body=HELLO | {"stream": True})
    assert streamed.status == 200
    assert streamed.body.endswith(b"data: [DONE]\n\n")
    assert tls_connections(stack) >= 1


@pytest.mark.transport
def test_an_envoy_that_the_ca_did_not_sign_fails_closed(make_stack: MakeStack, installed: Installed) -> None:
    """503, in the API's shape; nothing reaches a model server."""
    Authority().issue("envoy.example").write(installed.folder, "envoy")
    stack = make_stack(change=installed.change)
    answer = stack.curl(CHAT, body=HELLO)
    assert answer.status == 503
    assert answer.document["error"]["type"] == "service_unavailable_error"
    assert [seen for model in stack.models.values() for seen in model.seen] == []


def test_a_processor_of_another_name_fails_closed(make_stack: MakeStack, installed: Installed) -> None:
    """The CA signed it, for somebody else: requests are not sent there, however often Envoy tries."""
    installed.servers.issue("other.example").write(installed.folder, "server")
    stack = make_stack(change=installed.change)
    assert stack.curl(CHAT, body=HELLO).status == 504
    assert [seen for model in stack.models.values() for seen in model.seen] == []


@pytest.mark.transport
def test_a_renewed_certificate_is_used_while_requests_go_on(make_stack: MakeStack, installed: Installed) -> None:
    """An expired one is mended without a restart of either side: Envoy connects again by itself."""
    expired, good = installed.servers.issue(NAME, expired=True), installed.servers.issue(NAME)
    expired.write(installed.folder, "server")
    stack = make_stack(change=installed.change)
    assert stack.curl(CHAT, body=HELLO).status == 504
    assert "certificate has expired" in stack.processor.log_tail()
    good.write(installed.folder, "server")
    wait_until(lambda: stack.curl(CHAT, body=HELLO).status == 200, "the new certificate is used")


def test_envoy_takes_a_renewed_certificate_by_sds(make_stack: MakeStack, installed: Installed) -> None:
    """With `sds_folder` its own certificate is renewed without a restart too."""
    installed.swap(Authority().issue("envoy.example"))
    stack = make_stack(change=installed.change_with_secrets)
    assert stack.curl(CHAT, body=HELLO).status == 503
    installed.swap(installed.clients.issue("envoy.example"))
    wait_until(lambda: stack.curl(CHAT, body=HELLO).status == 200, "Envoy shows the new certificate")
