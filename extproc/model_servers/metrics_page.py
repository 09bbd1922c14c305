"""The metrics page of a model server, over a connection that is kept: bounded in time and length."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final, TypeVar

from extproc.config.endpoints import host_and_port

ReadT = TypeVar("ReadT")

PAGE_BYTES_MAX: Final = 4_194_304
_PIECE_BYTES = 65_536

OK: Final = "ok"
UNREACHABLE: Final = "unreachable"
"""No connection is accepted."""
FAILED: Final = "failed"
"""No answer in time, or another status than 200."""
UNREADABLE: Final = "unreadable"
"""A page without vLLM's numbers."""
RESULTS: Final = (OK, UNREACHABLE, FAILED, UNREADABLE)


class ScrapeFailed(Exception):
    """A page cannot be had; the message is one of ``RESULTS``."""


class MetricsPage:
    """The metrics page of one endpoint. Blocks; for one thread.

    Args:
        endpoint: HOST:PORT.
        answer_s_max: time to connect, and again for the page.
    """

    def __init__(self, endpoint: str, answer_s_max: float) -> None:
        self._answer_s_max = answer_s_max
        self._connection = HTTPConnection(*host_and_port(endpoint), timeout=answer_s_max)

    def ask(self, read: Callable[[bytes], ReadT | None]) -> ReadT:
        """What the page says now. Raises: ScrapeFailed.

        Args: read: reads a page; None: it is not one of vLLM.
        """
        connection = self._connection
        try:
            if connection.sock is not None:
                with contextlib.suppress(ConnectionError):  # the server has closed it meanwhile
                    return self._asked(read)
                self.close()
            _connect(connection)
            return self._asked(read)
        except (OSError, HTTPException) as error:
            self.close()
            raise ScrapeFailed(FAILED) from error
        except ScrapeFailed:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        self._connection.close()

    def _asked(self, read: Callable[[bytes], ReadT | None]) -> ReadT:
        found = read(self._page(time.monotonic() + self._answer_s_max))
        if found is None:
            raise ScrapeFailed(UNREADABLE)
        return found

    def _page(self, until_s: float) -> bytes:
        self._connection.request("GET", "/metrics")
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise ScrapeFailed(FAILED)
        page = bytearray()
        while piece := answer.read1(_PIECE_BYTES):
            page += piece
            if len(page) > PAGE_BYTES_MAX or time.monotonic() > until_s:
                raise ScrapeFailed(FAILED)
        if answer.length:
            raise ScrapeFailed(FAILED)  # it was cut off
        return bytes(page)


def _connect(connection: HTTPConnection) -> None:
    try:
        connection.connect()
    except OSError as error:
        raise ScrapeFailed(UNREACHABLE) from error
