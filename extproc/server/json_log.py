"""The log: one JSON object a line, and nothing in it that a person wrote to a model.

Exceptions are told by type and place, since their messages may quote a text; so are the warnings of libraries. A log
that cannot be written, because its reader has gone, does not end an exchange.
"""

from __future__ import annotations

import contextlib
import json
import logging
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from extproc.config.document import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def open_log(section: Log, stream: TextIO) -> JsonLog:
    """A log that writes to ``stream``, from the configured level on."""
    return JsonLog(stream, _LEVELS[section.level], {})


class JsonLog:
    """Writes one line for each call: what happened, the fields bound to the log, and those of the call."""

    __slots__ = ("_bound", "_level", "_stream")

    def __init__(self, stream: TextIO, level: int, bound: dict[str, Any]) -> None:
        self._stream = stream
        self._level = level
        self._bound = bound

    def bind(self, **fields: Any) -> JsonLog:
        """A log whose every line has these fields too."""
        return JsonLog(self._stream, self._level, {**self._bound, **fields})

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
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or a stream that is closed
            self._stream.write(written + "\n")
            self._stream.flush()


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
