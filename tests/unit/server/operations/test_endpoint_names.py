"""Endpoints that are names are resolved again and again, outside of the event loop."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from extproc.server.operations import endpoint_names
from extproc.server.operations.endpoint_names import EndpointNames
from tests.hangs import HANG_S
from tests.unit.server.loops import in_loop, until


class Names:
    """A resolver that a test tells what to answer; ``None``: it fails, or waits while ``gate`` is closed."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, ...] | None] = {}
        self.asked: list[str] = []
        self.told: list[tuple[str, tuple[str, ...]]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.names = EndpointNames(lambda *told: self.told.append(told), self._resolve)

    def _resolve(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        self.threads.add(threading.get_ident())
        assert self.gate.wait(HANG_S)
        answer = self.answers[name]
        if answer is None:
            raise socket.gaierror("nothing is known")
        return answer


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not wait as long as a processor."""
    monkeypatch.setattr(endpoint_names, "RESOLVE_S", 0.005)


@in_loop
async def test_addresses_pass_and_names_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the loop, and each by one question at a time."""
    made = Names()
    made.answers["vllm:8000"] = ("10.0.0.1:8000", "10.0.0.2:8000")
    made.gate.clear()
    endpoints = {"vllm:8000", "10.0.0.9:8000", "[::1]:8000"}
    assert made.names.addresses(endpoints) == {"10.0.0.9:8000", "[::1]:8000"}
    await until(lambda: made.asked)
    asking = made.names._names["vllm:8000"].asking
    monkeypatch.setattr(endpoint_names, "RESOLVE_S", 0)
    assert made.names.addresses(endpoints) == {"10.0.0.9:8000", "[::1]:8000"}
    assert made.names._names["vllm:8000"].asking is asking
    made.gate.set()
    await until(lambda: made.told)
    assert made.told == [("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))]
    assert made.names.addresses(endpoints) == {*made.told[0][1], "10.0.0.9:8000", "[::1]:8000"}
    assert threading.get_ident() not in made.threads


@in_loop
async def test_a_change_is_followed_and_a_failure_changes_nothing() -> None:
    """The last good addresses stay, as they do in Envoy; each change is told once."""
    made = Names()

    def looked() -> set[str]:
        return made.names.addresses({"vllm:8000"})

    made.answers["vllm:8000"] = ("10.0.0.1:8000",)
    await until(lambda: looked() == {"10.0.0.1:8000"} and len(made.asked) > 2)
    for nothing in (None, ()):
        made.answers["vllm:8000"] = nothing
        made.asked.clear()
        await until(lambda: looked() == {"10.0.0.1:8000"} and len(made.asked) > 2)
    made.answers["vllm:8000"] = ("10.0.0.2:8000",)
    await until(lambda: looked() == {"10.0.0.2:8000"})
    assert made.told == [("vllm:8000", ("10.0.0.1:8000",)), ("vllm:8000", ("10.0.0.2:8000",))]


@in_loop
async def test_a_name_that_is_gone_is_forgotten() -> None:
    """Also while it is asked for: the answer is told to nobody."""
    made = Names()
    made.answers["vllm:8000"] = ("10.0.0.1:8000",)
    made.gate.clear()
    made.names.addresses({"vllm:8000"})
    await until(lambda: made.asked)
    assert made.names.addresses(set()) == set()
    made.gate.set()
    await asyncio.sleep(0.02)
    assert made.told == []
    made.names.addresses({"vllm:8000"})
    made.names.close()
    assert made.names.addresses(set()) == set()
