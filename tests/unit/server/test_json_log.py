"""The log is JSON lines at or above its level, and takes no text from exceptions or libraries."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.config.document import Log
from extproc.server.json_log import open_log, take_over_libraries, where


@pytest.fixture
def restored_root() -> Iterator[None]:
    """The standard library's root logger, put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_respected(level: str, written: int) -> None:
    """What is less severe is not written."""
    stream = io.StringIO()
    log = open_log(Log.model_validate({"level": level}), stream)
    for write in (log.debug, log.info, log.warning, log.error):
        write("something", key="value")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["debug", "info", "warning", "error"][4 - written :]
    assert {(line["event"], line["key"]) for line in lines} == {("something", "value")}
    assert all(line["timestamp"].endswith("Z") for line in lines)


def test_a_text_with_line_breaks_is_one_line() -> None:
    """No value can forge a line."""
    stream = io.StringIO()
    open_log(Log(), stream).info("something", team='x"}\n{"event": "forged"')
    assert len(stream.getvalue().splitlines()) == 1


def test_what_json_has_no_words_for_is_written_all_the_same() -> None:
    """A line is not lost for a value in it: half of a surrogate pair, or an object of Python's."""
    stream = io.StringIO()
    open_log(Log(), stream).info("something", half="\ud83d", file=Path("/a"))
    line = json.loads(stream.getvalue())
    assert (line["half"], "/a" in line["file"]) == ("\ud83d", True)


def test_bound_fields_are_in_every_line() -> None:
    """Of the log that they were bound to, and of no other."""
    stream = io.StringIO()
    log = open_log(Log(), stream)
    log.bind(worker=1).bind(side="left").info("something", key="value")
    log.info("other")
    bound, other = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (bound["worker"], bound["side"], bound["key"]) == (1, "left", "value")
    assert other.keys() == {"event", "level", "timestamp"}


class Writes(io.StringIO):
    """A stream that counts what is written to it at once."""

    count = 0

    def write(self, text: str) -> int:
        """Count."""
        self.count += bool(text)
        return super().write(text)


def test_lines_that_may_wait_are_written_together() -> None:
    """In their order, when their time has come: one write for all of them."""
    stream, due = Writes(), []
    log = open_log(Log(), stream)
    log.hold_lines(lambda seconds, call: due.append((seconds, call)))
    for number in range(3):
        log.info("something", number=number)
    assert (stream.getvalue(), len(due)) == ("", 1)
    due[0][1]()
    assert [json.loads(line)["number"] for line in stream.getvalue().splitlines()] == [0, 1, 2]
    assert stream.count == 1
    log.info("something", number=3)
    assert len(due) == 2, "the next one has a time of its own"


def test_a_warning_is_written_at_once_after_what_was_held() -> None:
    """Whoever looks for the cause of a failure finds what led to it, also when the process ends with it."""
    stream = io.StringIO()
    log = open_log(Log(), stream)
    log.hold_lines(lambda *_: None)
    log.info("first")
    log.bind(worker=1).error("second")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", "second"]


def test_not_more_lines_are_held_than_may_be() -> None:
    """Where the timer is late, memory does not grow."""
    stream = io.StringIO()
    log = open_log(Log(), stream)
    log.hold_lines(lambda *_: None)
    for _ in range(1_000):
        log.info("something")
    assert len(stream.getvalue().splitlines()) > 700


def test_after_a_flush_nothing_is_held_any_more() -> None:
    """What is said while the process ends is not lost with it."""
    stream = io.StringIO()
    log = open_log(Log(), stream)
    log.hold_lines(lambda *_: None)
    log.info("first")
    log.flush()
    log.info("second")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", "second"]


@pytest.mark.usefixtures("restored_root")
def test_what_libraries_say_is_told_without_their_words() -> None:
    """An exception of theirs, or of ours in their hands, may quote a text."""
    stream = io.StringIO()
    take_over_libraries(open_log(Log(), stream))
    try:
        raise ValueError("private words")
    except ValueError:
        logging.getLogger("grpc._cython").exception("unexpected: %s", "private words")
    logging.getLogger("asyncio").warning("took long: private words")
    logging.getLogger("asyncio").info("not worth a line")
    failed, slow = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (failed["level"], failed["library"], failed["error"]) == ("error", "grpc._cython", "ValueError")
    assert failed["where"].startswith("tests.unit.server.test_json_log:")
    assert (slow["level"], slow["library"], slow["error"]) == ("warning", "asyncio", "")
    assert "private" not in stream.getvalue()


def test_where_names_the_innermost_place() -> None:
    """Module and line, for one that was raised."""

    def inner() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        inner()
    assert where(raised.value) == f"{__name__}:{inner.__code__.co_firstlineno + 1}"
    assert where(ValueError()) == ""
    assert where(None) == ""
