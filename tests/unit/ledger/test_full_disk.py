"""A disk that really is full below the spool: what is declared happens, nothing crashes, and all goes on with room.

Twice: on a file system of 1 MB where one may be mounted, and everywhere with a limit on the length of files.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.unit.ledger import full_disk
from tests.unit.ledger.crashes import MemoryStore, ShipperInTurn
from tests.unit.ledger.full_disk import SLOTS, STOPPED
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder

NO_MOUNT = "no file system may be mounted here; the variant with a limit on the length of files runs"
DISKS = ["mounted", "limited"]
WORDS = {"mounted": "no space left on device", "limited": "file too large"}


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB, of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(NO_MOUNT)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, str]:
    """Its kind, a folder for the spool, and what fills it."""
    kind = str(request.param)
    if kind == "limited":
        return kind, tmp_path / "spool", "-"
    folder: Path = request.getfixturevalue("mounted")
    return kind, folder / "spool", str(folder / "ballast")


def seen_by(spool: Path, on_full: str, ballast: str) -> dict[str, Any]:
    """What a process on that disk saw; a signal that ended it is an error here."""
    command = [sys.executable, "-m", full_disk.__name__, str(spool), on_full, ballast]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, (done.returncode, done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(spool: Path) -> list[str]:
    """The exchanges that a shipper finds there."""
    store = MemoryStore()
    ShipperInTurn(spool, store).ship()
    return sorted(store.entries)


def test_new_requests_are_refused_and_nothing_is_lost(disk: tuple[str, Path, str]) -> None:
    """Until there is room: what ended meanwhile waits in memory and in its slots."""
    kind, spool, ballast = disk
    seen = seen_by(spool, "refuse", ballast)
    assert (seen["problem"], seen["refuses"], seen["went_on"]) == (WORDS[kind], True, False)
    assert (seen["written_again"], seen["refuses_again"]) == (True, False)
    assert seen["another"].startswith("ledger.spool: ")
    assert WORDS[kind] in seen["another"]
    assert seen["lines"] == ["ledger spool failing", "ledger spool recovered"]
    assert not any(seen["dropped"].values())
    assert stored(spool) == seen["ended"]
    assert len(seen["ended"]) == seen["written"] + 2 * SLOTS


def test_entries_are_dropped_and_counted_where_that_is_asked_for(disk: tuple[str, Path, str]) -> None:
    """Those that had been written are all there, and those after it."""
    kind, spool, ballast = disk
    seen = seen_by(spool, "drop", ballast)
    assert (seen["problem"], seen["refuses"]) == (WORDS[kind], False)
    assert seen["dropped"]["failed"] == SLOTS
    written = seen["written"]
    assert stored(spool) == seen["ended"][:written] + seen["ended"][written + SLOTS :]
    assert len(seen["ended"]) == written + 2 * SLOTS


def test_a_process_that_ends_meanwhile_leaves_what_it_could_not_write(disk: tuple[str, Path, str]) -> None:
    """In its slots, which had their blocks from the start."""
    _, spool, ballast = disk
    seen = seen_by(spool, STOPPED, ballast)
    assert not any(seen["dropped"].values())
    if ballast != "-":
        Path(ballast).unlink()
    assert stored(spool) == seen["ended"]


@in_loop
async def test_a_process_serves_on(mounted: Path) -> None:
    """503 while the disk is full, as the page says; then as before, with all entries."""
    with short_folder() as folder:
        process = Process(
            folder, ledger={"url": "sqlite:///ledger.db", "spool": str(mounted / "spool"), "open_max": 16}
        )
        process.processor.start()
        async with process.channel() as channel:
            running = exchange(channel)
            await say(running, request_headers(), request_body())
            ballast = mounted / "ballast"
            full_disk.Disk(ballast).fill()
            count = 2  # the one that runs, and the last
            while not process.readiness()[1]["ledger_error"]:
                count += await is_answered(channel)
            assert process.readiness()[0] == 200
            assert process.readiness()[1]["ledger_error"] == WORDS["mounted"]
            refused = exchange(channel)
            (reply,) = await say(refused, request_headers())
            assert reply.immediate_response.status.code == 503
            assert b"ledger_full" in reply.immediate_response.body
            await say(running, response_headers(), response_body())
            ballast.unlink()
            await later(lambda: process.lines("ledger spool recovered"))
            assert await is_answered(channel)
            await later(lambda: process.metric("llm_extproc_ledger_stored_total") == count)
            assert process.metric("llm_extproc_ledger_dropped_total") == 0
        assert await asyncio.to_thread(process.processor.stop) == 0


async def is_answered(channel: grpc.aio.Channel) -> bool:
    """Whether a chat is, or refused."""
    call = exchange(channel)
    (reply,) = await say(call, request_headers())
    if reply.HasField("immediate_response"):
        return False
    await say(call, request_body(), response_headers(), response_body())
    return True
