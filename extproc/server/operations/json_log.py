"""The log: one JSON object per line, or a line for a person, without any text that a user sent to a model.

Exceptions are logged by type and location, as their messages may quote text; so are log records of libraries. A log
that cannot be written, because its reader is gone or hangs, does not end an exchange.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from extproc.config.document import Log
from extproc.server.operations.log_lines import LineStream, LogLines
from extproc.server.operations.text_log import LineWriter, line_writer

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_DROPPED_HINT: Final = "The reader of standard output hangs, is too slow, or has no disk space."


def open_log(section: Log, stream: LineStream, level: str | None = None, terminal_fd: int | None = None) -> JsonLog:
    """A log on ``stream``.

    Args:
        level: in place of the configured one.
        terminal_fd: the descriptor of ``stream``; ``format: auto`` writes text where it is a terminal.
    """
    on_terminal = terminal_fd is not None and os.isatty(terminal_fd)
    line: LineWriter = json_line
    if section.format == "text" or (section.format == "auto" and on_terminal):
        line = line_writer(on_terminal, colors=on_terminal and not os.environ.get("NO_COLOR"))
    return JsonLog(LogLines(stream), _LEVELS[level or section.level], {}, line)


def json_line(level: str, event: str, bound: Mapping[str, Any], fields: Mapping[str, Any]) -> bytes:
    """A line as one JSON object."""
    line = {"event": event, "level": level, "timestamp": datetime.now(UTC), **bound, **fields}
    try:
        return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # for example half of a surrogate pair: escape it instead of losing the line
        return json.dumps(line, default=str).encode() + b"\n"


class JsonLog:
    """Writes one line per call: the event, the bound fields, and the call's fields."""

    __slots__ = ("_bound", "_level", "_lines", "_write_line")

    def __init__(self, lines: LogLines, level: int, bound: dict[str, Any], write_line: LineWriter = json_line) -> None:
        self._lines = lines
        self._level = level
        self._bound = bound
        self._write_line = write_line

    def write_in_thread(self, count: Callable[[str, int], None]) -> None:
        """From now on write in batches from a thread, so that no caller waits for a slow reader.

        Args:
            count: callback with the number of dropped lines of a level, from any thread.
        """
        self._lines.start(
            count, lambda lines: self._line("warning", "log lines dropped", {"lines": lines, "hint": _DROPPED_HINT})
        )

    def close(self) -> None:
        """Flush pending lines, with a timeout for a reader that hangs."""
        self._lines.close()

    def bind(self, **fields: Any) -> JsonLog:
        """A log with these fields on every line."""
        return JsonLog(self._lines, self._level, {**self._bound, **fields}, self._write_line)

    def debug(self, event: str, **fields: Any) -> None:
        """Details for debugging."""
        if self._level <= logging.DEBUG:
            self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Normal operation."""
        if self._level <= logging.INFO:
            self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something that an operator should check."""
        if self._level <= logging.WARNING:
            self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """A failure."""
        if self._level <= logging.ERROR:
            self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self._lines.put(level, self._line(level, event, fields))

    def _line(self, level: str, event: str, fields: dict[str, Any]) -> bytes:
        return self._write_line(level, event, self._bound, fields)


def take_over_libraries(logger: JsonLog) -> None:
    """Redirect records of the standard library's root logger to our log, without their texts."""
    logging.basicConfig(handlers=[_Libraries(logger)], level=logging.WARNING, force=True)


def where(error: BaseException | None) -> str:
    """Module and line where an exception was raised; empty if it never was."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"


class _Libraries(logging.Handler):
    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        write = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
        write(
            "third-party log record",
            library=record.name,
            at=f"{record.module}:{record.lineno}",
            error=type(error).__name__ if error else "",
            where=where(error),
        )
