"""What is asked has an end, and what an admin server says is understood."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from extproc.envoy_config.doctor.asking import (
    UnanswerableError,
    ages_of,
    ask,
    envoy_pages,
    health_of,
    origin_of,
)
from extproc.envoy_config.doctor.check import CertificateAge, ClusterHealth
from extproc.envoy_config.doctor.reading import EnvoyUnreadableError, model_from
from extproc.server.sockets.free_ports import free_ports
from tests.unit.envoy_config.doctor.faults import sound

Reply = Callable[[socket.socket], object]


@contextmanager
def answering(*replies: Reply) -> Iterator[str]:
    """A server that treats one connection after another as it is told; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for reply in replies:
                with listening.accept()[0] as connection:
                    connection.recv(65_536)
                    reply(connection)

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def page(body: object, status: str = "200 OK", headers: str = "") -> Reply:
    """An answer with a length."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n{headers}\r\n".encode()
    return lambda connection: connection.sendall(head + content)


def without_end(connection: socket.socket) -> None:
    """An answer that goes on until nobody reads it."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while True:
            connection.sendall(b"x" * 1_000)
    except OSError:
        return


def silent(connection: socket.socket) -> None:
    """No answer until the other side goes."""
    connection.recv(1)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (silent, "no answer within 0.2 s"),
        (lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"), "is no HTTP"),
        (lambda connection: connection.close(), "breaks off, or is no HTTP"),
        (lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), "breaks off"),
        (page(b"x" * 101), "more than 100 bytes"),
        (without_end, "more than 100 bytes"),
    ],
)
def test_no_usable_answer_is_told(reply: Reply, said: str) -> None:
    """Why there is none; one that never ends is left."""
    with answering(reply) as address, pytest.raises(UnanswerableError, match=said):
        ask(address, "/", bytes_max=100, seconds_max=0.2)


def test_an_answer_that_trickles_is_left() -> None:
    """Each piece comes in time, and the whole does not."""
    more = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not more.wait(0.01):
                connection.sendall(b"x")
        except OSError:
            return

    with answering(trickle) as address, pytest.raises(UnanswerableError, match=r"takes more than 0\.2 s"):
        ask(address, "/", seconds_max=0.2)
    more.set()


def test_nobody_there_is_told() -> None:
    """In the words of the operating system."""
    (port,) = free_ports(1)
    with pytest.raises(UnanswerableError, match="connection refused"):
        ask(f"127.0.0.1:{port}", "/")


def test_what_is_no_host_is_told() -> None:
    """A name that no resolver takes."""
    with pytest.raises(UnanswerableError, match="no name of a host"):
        ask(f"http://{'a' * 70}.example", "/")


def test_a_redirect_is_an_answer_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of proxies is for the internet."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(page(b"", "302 Found", "location: http://127.0.0.1:1/\r\n")) as address:
        assert ask(address, "/").status == 302


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://user:secret@host/path?key=secret", "http://host"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_origin_has_no_secret(url: str, origin: str) -> None:
    """Neither a password nor a query."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "http://host:port"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """Also a port that is none."""
    with pytest.raises(ValueError, match=r".+"):
        origin_of(url)


# --- the admin server ----------------------------------------------------------------------------------------------

CLUSTERS = {
    "cluster_statuses": [
        {
            "name": "a",
            "host_statuses": [
                {"health_status": {"eds_health_status": "HEALTHY"}},
                {"health_status": {"eds_health_status": "UNHEALTHY"}},
                {"health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": True}},
                {"health_status": {"failed_active_health_check": True}},
                {},
            ],
        },
        {"name": "empty"},
    ]
}
CERTIFICATES = {
    "certificates": [
        {
            "ca_cert": [{"path": "/ca.pem", "days_until_expiration": "300"}],
            "cert_chain": [{"path": "/tls.pem", "days_until_expiration": "0"}, {"path": "/odd.pem"}],
        }
    ]
}


def test_health_is_that_of_hosts() -> None:
    """A host that fails a check or is ejected is not healthy."""
    assert health_of(CLUSTERS) == {"a": ClusterHealth(5, 2), "empty": ClusterHealth(0, 0)}


def test_certificates_have_their_days() -> None:
    """One without is left out."""
    assert ages_of(CERTIFICATES) == (CertificateAge("/tls.pem", 0), CertificateAge("/ca.pem", 300))


@pytest.mark.parametrize("page_of", [health_of, ages_of])
@pytest.mark.parametrize("data", [None, [], {"certificates": [1], "cluster_statuses": [1]}, {"cluster_statuses": 1}])
def test_pages_of_another_server_say_nothing(page_of: Callable[[object], object], data: object) -> None:
    """No exception."""
    assert len(list(page_of(data))) <= 1  # type: ignore[call-overload]


def test_an_admin_server_has_three_pages() -> None:
    """Read in order."""
    with answering(page(sound()), page(CLUSTERS), page(CERTIFICATES)) as address:
        pages = envoy_pages(address)
    assert model_from([pages.dump]).listeners
    assert (pages.health["a"].hosts, len(pages.certificates)) == (5, 2)


def test_another_server_is_no_admin_server() -> None:
    """By its status, or by what it says."""
    with (
        answering(page(b"", "404 Not Found")) as address,
        pytest.raises(UnanswerableError, match="status 404 at /config"),
    ):
        envoy_pages(address)
    with answering(page(b"<html>: [")) as address, pytest.raises(EnvoyUnreadableError, match="neither JSON nor YAML"):
        envoy_pages(address)
