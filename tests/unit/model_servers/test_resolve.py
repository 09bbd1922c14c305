"""The addresses of a name, as the system's resolver has them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from extproc.model_servers.resolve import ADDRESSES_MAX, addresses_of


def infos(*addresses: str) -> Sequence[Any]:
    """As the system's resolver answers."""
    made = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        at = (address, 8000, 0, 0) if ":" in address else (address, 8000)
        made += [(family, socket.SOCK_STREAM, 6, "", at)] * 2
    return made


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["10.0.0.2", "10.0.0.1"], ("10.0.0.1:8000", "10.0.0.2:8000")),
        (["10.0.0.1", "fd00::2", "fd00::1"], ("[fd00::1]:8000", "[fd00::2]:8000")),
        (["fe80::1%eth0", "10.0.0.1"], ("10.0.0.1:8000",)),
        ([], ()),
    ],
)
def test_addresses_are_chosen_as_in_envoy(
    found: list[str], expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """IPv6 where there is any; each once, always in the same order."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos(*found))
    assert addresses_of("vllm:8000") == expected


def test_addresses_of_a_name_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver may answer thousands."""
    many = [f"10.0.{number // 250}.{number % 250}" for number in range(1_000)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos(*many))
    assert len(addresses_of("vllm:8000")) == ADDRESSES_MAX


def test_the_systems_resolver_is_asked() -> None:
    """It knows this machine."""
    assert set(addresses_of("localhost:8000")) <= {"127.0.0.1:8000", "[::1]:8000"}


@pytest.mark.parametrize("name", ["a..b:8000", f"{'a' * 64}.test:8000"])
def test_what_cannot_be_a_name_is_an_error_of_the_resolver(name: str) -> None:
    """The pattern of an endpoint allows it, and the system is not asked."""
    with pytest.raises(OSError, match="Invalid argument"):
        addresses_of(name)
