"""The process that ships asks model servers while GPUs are configured, and stores what they said when it ends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.ledger.allocation.settings import ConfiguredServer, SamplingSettings
from extproc.ledger.allocation.stored_samples import read_samples
from extproc.ledger.shipper_process import COMMAND
from extproc.ledger.store import LedgerStore
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.model_pages import PageServer
from tests.unit.ledger.allocation.test_sampling import until

ROOT = Path(__file__).parents[4]


@pytest.fixture
def server() -> Iterator[PageServer]:
    """It runs."""
    made = PageServer()
    yield made
    made.close()


def gpus(server: PageServer) -> dict[str, Any]:
    """Settings, as the process that serves tells them."""
    configured = ConfiguredServer(server.endpoint, 2, "H100", "h100")
    settings = SamplingSettings(0.02, 400, False, (configured,))
    return {**settings._asdict(), "servers": [list(configured)]}


class Child:
    """A shipper as a process, with settings that change."""

    def __init__(self, folder: Path, **watched: Any) -> None:
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=ROOT)
        self.tell({"ledger": {}, "folder": str(folder), "spool": str(folder / "spool"), **watched})

    def tell(self, settings: dict[str, Any]) -> None:
        """A line of its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(settings).encode() + b"\n")
        self.process.stdin.flush()

    def leave(self) -> int:
        """Its parent ends. Returns: its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(HANG_S)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    """It asks nobody yet."""
    made = Child(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()


def test_servers_are_asked_from_a_change_of_the_configuration_on(
    tmp_path: Path, server: PageServer, child: Child
) -> None:
    """And what they said is stored when the process ends, though no minute is over."""
    child.tell({"gpus": gpus(server)})
    until(lambda: server.asked > 3)
    assert child.leave() == 0
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    with store.reading() as connection:
        assert len(read_samples(connection, server.endpoint, 0, 1 << 62).at_us) >= 3
    store.close()


def test_without_gpus_nobody_is_asked_any_more(tmp_path: Path, server: PageServer, child: Child) -> None:
    """What was said until then is stored at once."""
    child.tell({"gpus": gpus(server)})
    until(lambda: server.asked > 3)
    child.tell({"gpus": None})
    store = LedgerStore("sqlite:///ledger.db", tmp_path)

    def stored() -> int:
        with store.reading() as connection:
            return len(read_samples(connection, server.endpoint, 0, 1 << 62).at_us)

    until(stored)
    count, asked = stored(), server.asked
    assert child.leave() == 0
    assert stored() == count
    assert server.asked <= asked + 1  # one may have been on its way
    store.close()
