"""The log: one JSON object a line, and nothing in it that a person wrote to a model.

Exceptions are told by type and place, since their messages may quote a text; so are the warnings of libraries. A log
that cannot be written, because its reader has gone, does not end an exchange.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from extproc.config.document import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


LINES_HELD_S_MAX = 0.05
_LINES_HELD_MAX = 256
_MAY_WAIT = frozenset({"debug", "info"})


def open_log(section: Log, stream: TextIO) -> JsonLog:
    """A log that writes to ``stream``, from the configured level on."""
    return JsonLog(_Lines(stream), _LEVELS[section.level], {})


class _Lines:
    """The lines on their way out. Once there is a ``timer``, several are written at once."""

    __slots__ = ("_lines", "_stream", "timer")

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self.timer: Callable[[float, Callable[[], None]], object] | None = None

    def write(self, line: str, at_once: bool) -> None:
        """Write a line; one that may wait is written with those of the next ``LINES_HELD_S_MAX``."""
        self._lines.append(line)
        if at_once or self.timer is None or len(self._lines) > _LINES_HELD_MAX:
            self.flush()
        elif len(self._lines) == 1:
            self.timer(LINES_HELD_S_MAX, self.flush)

    def flush(self) -> None:
        """Write what is held."""
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or a stream that is closed
            self._stream.write("".join(lines))
            self._stream.flush()


class JsonLog:
    """Writes one line for each call: what happened, the fields bound to the log, and those of the call.

    Warnings and errors are written at once, and what was held before them.
    """

    __slots__ = ("_bound", "_level", "_lines")

    def __init__(self, lines: _Lines, level: int, bound: dict[str, Any]) -> None:
        self._lines = lines
        self._level = level
        self._bound = bound

    def hold_lines(self, timer: Callable[[float, Callable[[], None]], object]) -> None:
        """From now on write what may wait several lines at once: an exchange should not pay for a system call.

        Args:
            timer: calls a function after so many seconds, on the thread that writes what may wait.
        """
        self._lines.timer = timer

    def flush(self) -> None:
        """Write what is held, and hold nothing any more."""
        self._lines.timer = None
        self._lines.flush()

    def bind(self, **fields: Any) -> JsonLog:
        """A log whose every line has these fields too."""
        return JsonLog(self._lines, self._level, {**self._bound, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        """For those who look for a fault."""
        if self._level <= logging.DEBUG:
            self._write("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happens as it should."""
        if self._level <= logging.INFO:
            self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What somebody should look at."""
        if self._level <= logging.WARNING:
            self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """What has failed."""
        if self._level <= logging.ERROR:
            self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        line = {"event": event, "level": level, "timestamp": datetime.now(UTC), **self._bound, **fields}
        try:
            written = orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z).decode()
        except TypeError:  # half of a surrogate pair, say: written all the same, rather than lost
            written = json.dumps(line, default=str)
        self._lines.write(written + "\n", level not in _MAY_WAIT)


def take_over_libraries(logger: JsonLog) -> None:
    """Have what libraries log to the standard library's root written as our lines, without their texts."""
    logging.basicConfig(handlers=[_Libraries(logger)], level=logging.WARNING, force=True)


def where(error: BaseException | None) -> str:
    """Module and line at which an exception was raised; empty if it never was."""
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
            "a library complains",
            library=record.name,
            at=f"{record.module}:{record.lineno}",
            error=type(error).__name__ if error else "",
            where=where(error),
        )
