"""``extproc serve`` with a standard output that nobody reads, or whose disk is full: exchanges go on."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hangs import HANG_S
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, short_folder

LONG_TEXT = "\N{GRINNING FACE}" * 10_000  # 40,000 bytes, of which the log keeps each
LINES_MORE_THAN_FIT = 260
"""Of 80,000 bytes and more: what waits may have 16 MiB."""


class Pipe:
    """A named pipe that a process writes its log to, and that is read when it is told to."""

    def __init__(self, file: Path) -> None:
        os.mkfifo(file)
        self._fd = os.open(file, os.O_RDWR)  # so that neither side waits for the other to open it
        self._content: list[bytes] = []
        self._ended = threading.Event()

    def read(self) -> None:
        """From now on, read what comes."""
        threading.Thread(target=self._read, daemon=True).start()

    def lines(self) -> list[dict[str, Any]]:
        """What came, when the process has ended."""
        os.write(self._fd, b"\0")
        assert self._ended.wait(HANG_S)
        return [json.loads(line) for line in b"".join(self._content)[:-1].splitlines()]

    def _read(self) -> None:
        while not self._content or not self._content[-1].endswith(b"\0"):
            self._content.append(os.read(self._fd, 1_048_576))
        self._ended.set()


RUNNING: list[Process] = []


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files; one that a failed test has left there is ended."""
    with short_folder() as folder:
        yield folder
        while RUNNING:
            RUNNING.pop().processor.kill()


def begun(folder: Path, log: Path, workers: int) -> Process:
    """A process that keeps texts, so that few lines are many bytes."""
    process = Process(folder, server={"workers": workers}, log={"text": True})
    process.processor.log = log
    RUNNING.append(process)
    process.processor.start()
    return process


@in_loop
async def chats(process: Process, workers: int, number: int) -> None:
    """So many, one after another, all answered."""
    async with process.channel(".0" if workers > 1 else "") as channel:
        for _ in range(number):
            whole = [request_headers(), request_body(LONG_TEXT), response_headers(), response_body(LONG_TEXT)]
            call = exchange(channel)
            assert len(await say(call, *whole)) == len(whole)
            await call.done_writing()


def is_well(process: Process) -> bool:
    """What the pages say."""
    alive = json.loads(process.processor.page("/livez"))
    return bool(alive["alive"]) and process.readiness()[0] == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_that_nobody_reads_stops_no_exchange(folder: Path, workers: int) -> None:
    """attack 7: more lines than a pipe holds and than may wait; the reader who comes back is told what is missing."""
    pipe = Pipe(folder / "pipe")
    process = begun(folder, folder / "pipe", workers)
    chats(process=process, workers=workers, number=LINES_MORE_THAN_FIT)
    assert is_well(process)
    dropped = process.metric("llm_log_lines_dropped_total", level="info")
    assert 0 < dropped < LINES_MORE_THAN_FIT / 2
    pipe.read()
    assert process.processor.stop() == 0
    lines = pipe.lines()
    events = Counter(line["event"] for line in lines)
    told = sum(line["lines"]["info"] for line in lines if line["event"] == "log lines dropped")
    assert events["exchange"] + dropped == LINES_MORE_THAN_FIT
    assert dropped <= told <= dropped + 3, "lines about the end of the process may be among them"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_ends_though_nobody_reads_its_log(folder: Path, workers: int) -> None:
    """Within seconds, and as it should."""
    Pipe(folder / "pipe")
    process = begun(folder, folder / "pipe", workers)
    chats(process=process, workers=workers, number=3)
    assert process.processor.stop() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_costs_lines_and_no_exchange(folder: Path, workers: int) -> None:
    """Each line that is lost is counted."""
    process = begun(folder, Path("/dev/full"), workers)
    chats(process=process, workers=workers, number=5)
    while process.metric("llm_log_lines_dropped_total", level="info") < 5:
        assert is_well(process)
    assert process.processor.stop() == 0
