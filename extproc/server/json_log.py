"""The log: one JSON object a line, and nothing in it that a person wrote to a model.

Exceptions are told by type and place, since their messages may quote a text; so are the warnings of libraries. A log
that cannot be written, because its reader has gone, does not end an exchange.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any, TextIO

import structlog

from extproc.config.document import Log

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def open_log(section: Log, stream: TextIO) -> Any:
    """A structlog logger that writes JSON lines to ``stream``."""
    return structlog.wrap_logger(
        _Lines(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[section.level]),
    )


def take_over_libraries(logger: Any) -> None:
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


class _Lines:
    """Writes one line for each call, whatever the level."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, or a stream that is closed
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = msg


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
