"""Log lines leave the process by a thread and a bounded queue: whoever logs waits for nobody."""

from __future__ import annotations

import gc
import io
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.config.document import Log
from extproc.server.operations import log_lines as module
from extproc.server.operations.json_log import JsonLog, open_log
from extproc.server.operations.log_lines import LINES_BYTES_MAX, LINES_MAX, URGENT_LINES_MAX, LogLines, Output
from extproc.sinks.metrics import Metrics


class Reader:
    """A pipe that is read when it is told to, and what came out of it."""

    def __init__(self) -> None:
        self._reading, self.fd = os.pipe()
        self._thread: threading.Thread | None = None
        self._content = b""

    def read(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def lines(self) -> list[dict[str, Any]]:
        """All lines, when nobody writes any more."""
        os.close(self.fd)
        if self._thread is None:
            self.read()
        assert self._thread is not None
        self._thread.join(10)
        return [json.loads(line) for line in self._content.splitlines()]

    def _read(self) -> None:
        with os.fdopen(self._reading, "rb") as stream:
            self._content = stream.read()


class Dropped(Counter[str]):
    """What was counted, by level."""

    def count(self, level: str, lines: int) -> None:
        """As ``Metrics.log_lines_dropped``."""
        self[level] += lines


@pytest.fixture
def reader() -> Reader:
    """One that does not read yet."""
    return Reader()


def told(lines: list[dict[str, Any]]) -> Counter[str]:
    """How many lines are missing, as the log itself says."""
    missing: Counter[str] = Counter()
    for line in lines:
        if line["event"] == "log lines dropped":
            assert line["level"] == "warning"
            missing.update(line["lines"])
    return missing


def test_whoever_logs_does_not_wait_for_a_reader_and_what_is_missing_is_counted_and_told(reader: Reader) -> None:
    """attack 7: 64 KiB of lines that nobody read stopped the event loop."""
    dropped = Dropped()
    log = open_log(Log(), Output(reader.fd)).bind(worker=3)
    log.write_in_thread(dropped.count)
    brought = LINES_MAX + 500
    for number in range(brought):
        log.info("exchange", number=number)
    assert dropped["info"] > 0
    reader.read()
    log.close()
    lines = reader.lines()
    written = [line["number"] for line in lines if line["event"] == "exchange"]
    assert written == sorted(written)
    assert len(written) + dropped["info"] == brought
    assert told(lines) == dropped
    assert all(line["worker"] == 3 for line in lines)


def test_warnings_and_errors_have_room_that_lines_of_exchanges_cannot_take(reader: Reader) -> None:
    """They come out in the order in which they came; past their own limit they are dropped too."""
    dropped = Dropped()
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(dropped.count)
    while not dropped:
        log.info("exchange")
    for number in range(URGENT_LINES_MAX + 100):
        log.warning("warning", number=number)
    assert 0 < dropped["warning"] <= 100
    reader.read()
    log.close()
    lines = reader.lines()
    warned = [line["number"] for line in lines if line["event"] == "warning"]
    assert warned == list(range(URGENT_LINES_MAX + 100 - dropped["warning"]))
    assert told(lines) == dropped


def test_what_waits_has_a_limit_in_bytes(reader: Reader) -> None:
    """Few long lines are as many bytes as many short ones."""
    dropped = Dropped()
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(dropped.count)
    size = LINES_BYTES_MAX // 20
    for _ in range(25):
        log.info("long", text="x" * size)
    assert 5 <= dropped["info"] <= 7
    reader.read()
    log.close()
    assert told(reader.lines()) == dropped


def test_a_reader_that_stands_still_does_not_keep_the_process_from_ending(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end waits for so long and no longer, and what is logged after it waits for nobody either."""
    monkeypatch.setattr(module, "CLOSE_S_MAX", 0.1)
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(Dropped().count)
    for _ in range(5):
        log.error("long", text="x" * 100_000)
    log.close()
    log.error("last words")
    assert [line["event"] for line in _let_go(reader)][:5] == ["long"] * 5


def _let_go(reader: Reader) -> list[dict[str, Any]]:
    """Read what a thread still writes, so that it can end, which it may do at the first byte read."""
    (thread,) = (each for each in threading.enumerate() if each.name == "log" and each.is_alive())
    reader.read()
    thread.join(10)
    return reader.lines()


def test_errors_before_the_end_come_out(reader: Reader) -> None:
    """After what was held; also what is said when the thread has ended."""
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(Dropped().count)
    log.info("first")
    log.error("second")
    log.close()
    log.info("third")
    assert [line["event"] for line in reader.lines()] == ["first", "second", "third"]


def test_a_disk_that_is_full_costs_lines_and_nothing_else() -> None:
    """``/dev/full`` is one. Each line is counted once."""
    with open("/dev/full", "wb", buffering=0) as full:
        dropped = Dropped()
        log = open_log(Log(), Output(full.fileno()))
        log.write_in_thread(dropped.count)
        for _ in range(1_000):
            log.info("exchange")
        log.warning("warning")
        log.close()
    assert dropped == {"info": 1_000, "warning": 1}


class Disk(io.StringIO):
    """One that is full for a while."""

    is_full = True

    def write(self, text: str) -> int:
        """Raises: OSError."""
        if self.is_full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_when_there_is_room_again_the_log_says_what_is_missing_once() -> None:
    """With the first line that can be written."""
    disk, dropped = Disk(), Dropped()
    log = open_log(Log(), disk)
    log.write_in_thread(dropped.count)
    for _ in range(10):
        log.info("exchange")
    _until(lambda: dropped["info"] == 10)
    disk.is_full = False
    log.info("exchange")
    log.close()
    lines = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["exchange", "log lines dropped"]
    assert told(lines) == {"info": 10}


def test_a_line_that_was_torn_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may become full within a line."""
    file = tmp_path / "log"
    room = [10]
    write = os.write

    def into(fd: int, content: Any) -> int:
        if not room:
            return write(fd, content)
        if not (part := content[: room.pop()] if room[0] else b""):
            raise OSError(28, "No space left on device")
        room.append(0)
        return write(fd, part)

    with file.open("wb", buffering=0) as stream:
        output = Output(stream.fileno())
        monkeypatch.setattr(os, "write", into)
        with pytest.raises(OSError, match="No space"):
            output.write('{"event": "a line of some length"}\n')
        room.clear()
        output.write('{"event": "whole"}\n')
        output.write('{"event": "whole too"}\n')
    assert file.read_text() == '{"event": \n{"event": "whole"}\n{"event": "whole too"}\n'


def test_an_output_that_does_not_block_is_waited_for(reader: Reader) -> None:
    """Whoever else has it may have made it so; a line that does not fit at once is no line lost."""
    os.set_blocking(reader.fd, False)
    dropped = Dropped()
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(dropped.count)
    for _ in range(20):
        log.info("long", text="x" * 50_000)
    reader.read()
    log.close()
    assert (len(reader.lines()), dropped) == (20, {})


def test_what_is_collected_while_a_line_is_taken_may_log(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destructor runs at any allocation; none may wait for a lock that its own thread holds."""
    monkeypatch.setattr(module, "LINES_MAX", 100)
    metrics = Metrics(10)
    log = open_log(Log(), Output(reader.fd))
    log.write_in_thread(metrics.log_lines_dropped)

    class Complains:
        def __init__(self, log: JsonLog) -> None:
            self.me, self.log = self, log

        def __del__(self) -> None:
            self.log.error("task was never awaited")

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(3_000):
            Complains(log)
            log.error("exchange")
            metrics.step("request_body", 1)
    finally:
        gc.set_threshold(*threshold)
    reader.read()
    log.close()
    lines = reader.lines()
    dropped = metrics.registry.get_sample_value("llm_log_lines_dropped_total", {"level": "error"}) or 0
    collected = sum(line["event"] == "task was never awaited" for line in lines)
    assert (collected > 0, dropped > 0) == (True, True)
    assert told(lines)["error"] == pytest.approx(dropped, abs=10), "a count that is interrupted may miss one"


def test_many_lines_are_written_at_once() -> None:
    """An exchange does not pay for a system call."""

    class Writes(io.StringIO):
        count = 0

        def write(self, text: str) -> int:
            self.count += 1
            return super().write(text)

    stream = Writes()
    lines = LogLines(stream)
    lines.start(lambda *_: None, lambda _: b"")
    for number in range(1_000):
        lines.put("info", b"%d\n" % number)
    lines.close()
    assert stream.getvalue().splitlines() == [str(number) for number in range(1_000)]
    assert stream.count < 50


def _until(holds: Callable[[], bool]) -> None:
    """Wait for the thread that writes."""
    waiting = threading.Event()
    for _ in range(1_000):
        if holds():
            return
        waiting.wait(0.01)
    raise AssertionError("not in time")
