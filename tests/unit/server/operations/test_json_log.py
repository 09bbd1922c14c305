"""The log is JSON lines at or above its level, and takes no text from exceptions or libraries."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from extproc.config.document import Log
from extproc.server.operations.json_log import open_log, take_over_libraries, where


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
    assert failed["where"].startswith("tests.unit.server.operations.test_json_log:")
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
