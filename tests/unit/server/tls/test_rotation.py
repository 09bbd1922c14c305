"""Certificates are renewed while the process serves, on both transports and both event loops."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from pathlib import Path

import pytest

from extproc.exchange.snapshot import compile_snapshot
from extproc.server.operations.config_files import ConfigReader
from extproc.server.operations.health import Health
from extproc.server.operations.reload import Reloader
from extproc.server.sockets.tls import Tls
from extproc.server.transport.fast.server import FastServer
from extproc.sinks.metrics import Metrics
from tests.unit.server.authority import Authority, Identity
from tests.unit.server.envoy import CONFIG, write_config
from tests.unit.server.tls.served import SETTINGS_TYPE, Served, Transport, exchange_prefaces, in_its_loop, serving
from tests.unit.sinks.test_metrics import value

SECRET_VOLUME = ("tls.crt", "tls.key", "ca.crt")
TLS_CONFIG = CONFIG + "server:\n  listen: 127.0.0.1:1\n  tls:\n    certificate_file: tls.crt\n    key_file: tls.key\n"
MTLS_CONFIG = TLS_CONFIG + "    client_ca_file: ca.crt\n"


@in_its_loop
async def test_new_certificates_are_for_new_connections(transport: Transport, ours: Authority) -> None:
    """Running ones go on, so that no exchange ends for it."""
    async with serving(transport, ours.server(), ours) as served:
        before = await served.shown()
        running = await asyncio.to_thread(served.connect, served.client())
        assert served.tls.use(ours.server())
        assert before != await served.shown()
        assert (await asyncio.to_thread(exchange_prefaces, running))[3] == SETTINGS_TYPE
        running.close()


@in_its_loop
async def test_a_client_ca_that_is_replaced_is_forgotten(
    transport: Transport, ours: Authority, theirs: Authority
) -> None:
    """A CA that is taken away must not let its clients in any longer."""
    new = Authority()
    old_client, new_client = theirs.issue("envoy.example"), new.issue("envoy.example")
    async with serving(transport, ours.server(clients_of=theirs), ours) as served:
        assert (await served.welcomes(identity=old_client), await served.welcomes(identity=new_client)) == (True, False)
        served.tls.use(ours.server(clients_of=new))
        assert (await served.welcomes(identity=old_client), await served.welcomes(identity=new_client)) == (False, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@in_its_loop
async def test_a_session_from_before_opens_no_door(
    transport: Transport, ours: Authority, theirs: Authority, version: ssl.TLSVersion
) -> None:
    """A client that resumes one is not asked for its certificate again: sessions end with the CA they began under."""
    async with serving(transport, ours.server(clients_of=theirs), ours) as served:
        client = served.client(identity=theirs.issue("envoy.example"), versions=(version, version))

        def talk(session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
            try:
                with served.connect(client, session) as connection:
                    return exchange_prefaces(connection), connection.session
            except OSError:
                return b"", None

        greeting, session = await asyncio.to_thread(talk, None)
        assert greeting[3] == SETTINGS_TYPE
        assert session is not None
        served.tls.use(ours.server(clients_of=Authority()))
        # In TLS 1.3 a client is done before its certificate is judged: it may see an end where another sees a reset.
        nothing, _ = await asyncio.to_thread(talk, session)
        assert nothing == b""


def test_the_same_certificates_are_no_news(ours: Authority) -> None:
    """A reload of something else changes no context."""
    tls = Tls(ours.server())
    context = tls.context
    assert not tls.use(tls.certificates)
    assert tls.context is context


class Mounted:
    """A configuration and its certificates in a folder, as a Secret's volume has them, and what watches it."""

    def __init__(self, folder: Path, identity: Identity, client_ca: Authority, config: str = MTLS_CONFIG) -> None:
        self.folder = folder
        self.swaps = 0
        for name in SECRET_VOLUME:
            (folder / name).symlink_to(f"..data/{name}")
        self.swap(identity, client_ca)
        self.reader = ConfigReader(write_config(folder, config))
        self.files = self.reader.read()
        assert self.files.certificates is not None
        self.certificates = self.files.certificates
        self.health, self.metrics = Health(), Metrics(10)

    def swap(self, identity: Identity, client_ca: Authority) -> None:
        """What the kubelet does with a new Secret: one rename for all files."""
        self.swaps += 1
        content = self.folder / f"..{self.swaps}"
        content.mkdir()
        identity.write(content, "tls")
        (content / "ca.crt").write_bytes(client_ca.pem)
        (self.folder / "..data.new").symlink_to(content.name)
        os.replace(self.folder / "..data.new", self.folder / "..data")

    def reloader(self, served: Served) -> Reloader:
        """For a server that was started with these files."""
        document, processor = self.files.loaded.document, served.wired.processor
        processor.snapshot = compile_snapshot(document, self.files.prompts)
        return Reloader(self.reader, document, processor, self.health, self.metrics, processor.logger, served.tls)


@in_its_loop
async def test_a_renewed_secret_is_used_without_a_restart(
    transport: Transport, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    """Certificate, key and client CA together, at the next look; the configuration has not changed."""
    mounted = Mounted(tmp_path, ours.issue(), theirs)
    async with serving(transport, mounted.certificates, ours) as served:
        reloader, client = mounted.reloader(served), theirs.issue("envoy.example")
        before, revision = await served.shown(identity=client), served.wired.processor.snapshot.revision
        new_clients = Authority()
        mounted.swap(ours.issue(), new_clients)
        await reloader.look()
        assert before != await served.shown(identity=client)
        assert not await served.welcomes(identity=client)
        assert await served.welcomes(identity=new_clients.issue("envoy.example"))
        assert served.wired.processor.snapshot.revision == revision
        events = [line["event"] for line in served.wired.log if line["event"] != "connection refused"]
        assert events == ["configuration loaded", "certificates replaced, new connections use them"]


@in_its_loop
async def test_the_metrics_tell_when_the_certificates_in_use_end(
    transport: Transport, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    """From the start, and after each renewal."""
    mounted = Mounted(tmp_path, ours.issue(expired=True), theirs)
    ends = "llm_extproc_certificate_not_after_timestamp_seconds"
    async with serving(transport, mounted.certificates, ours) as served:
        reloader = mounted.reloader(served)
        assert value(mounted.metrics, ends, certificate="server") < time.time()
        assert value(mounted.metrics, ends, certificate="client_ca") > time.time()
        mounted.swap(ours.issue(), theirs)
        await reloader.look()
        assert value(mounted.metrics, ends, certificate="server") > time.time()


@in_its_loop
async def test_a_bad_pair_changes_nothing_and_is_told(
    transport: Transport, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    """The last good one stays; readiness and the log say what is wrong, and a good one mends it."""
    mounted = Mounted(tmp_path, ours.issue(), theirs)
    async with serving(transport, mounted.certificates, ours) as served:
        reloader, client = mounted.reloader(served), theirs.issue("envoy.example")
        before = await served.shown(identity=client)
        mounted.swap(Identity(ours.issue().certificate, ours.issue().key), theirs)
        await reloader.look()
        await reloader.look()
        assert before == await served.shown(identity=client)
        (line,) = served.wired.log
        assert (line["level"], line["problem"]) == ("error", mounted.health.config_error)
        assert "server.tls.key_file: the private key does not belong to the first certificate" in line["problem"]
        mounted.swap(ours.issue(), theirs)
        await reloader.look()
        assert before != await served.shown(identity=client)
        assert mounted.health.config_error == ""


@pytest.mark.parametrize("change", ["client CA no more", "another certificate", "no TLS"])
def test_other_paths_wait_for_a_restart(ours: Authority, theirs: Authority, tmp_path: Path, change: str) -> None:
    """Whether clients need a certificate is not changed under way; the log and readiness say that it waits."""
    mounted = Mounted(tmp_path, ours.issue(), theirs)
    ours.issue().write(tmp_path, "other")
    changed = {
        "client CA no more": TLS_CONFIG,
        "another certificate": MTLS_CONFIG.replace("tls.crt", "other.crt").replace("tls.key", "other.key"),
        "no TLS": CONFIG + "server: { listen: '127.0.0.1:1' }\n",
    }[change]

    async def test() -> None:
        async with serving(Transport(FastServer), mounted.certificates, ours) as served:
            reloader = mounted.reloader(served)
            write_config(tmp_path, changed)
            await reloader.look()
            assert mounted.health.restart_needed == ["server.tls"]
            assert served.tls.certificates == mounted.certificates

    Transport(FastServer).run(test())
