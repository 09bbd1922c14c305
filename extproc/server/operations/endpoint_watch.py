"""Asks model servers how much they have to do, for the versions whose endpoint the processor picks.

Each endpoint has a thread of its own, with one connection that it keeps: a server that hangs delays no other, and the
event loop is given three numbers instead of a page. With several workers the supervisor asks, and passes the numbers
on: each page costs the model server some milliseconds of its own event loop (docs/decisions/0039).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Collection
from http.client import HTTPConnection, HTTPException
from typing import Any, Final

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.server.operations.endpoint_names import EndpointNames
from extproc.server.operations.vllm_metrics import read_load
from extproc.server.sockets.address import split
from extproc.sinks.metrics import Metrics

SCRAPE_S: Final = 0.2
"""The least time between two pages of an endpoint."""
SCRAPES_PER_S_MAX: Final = 200
"""Of all endpoints together: with more than 40, each is asked less often."""
ENDPOINTS_MAX: Final = 256
"""Further ones are not asked: of them only the own load is known."""
PAUSE_S: Final = 0.5
"""After a failure."""
ANSWER_S_MAX: Final = 1.0
"""Time to connect, and again for the page."""
PAGE_BYTES_MAX: Final = 4_194_304
TOLD_AFTER_S: Final = 10.0
"""An endpoint that fails so long is worth a line in the log."""
FOLLOW_S: Final = 0.5
"""How soon a change of the configuration is followed."""
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
    """The metrics page of one endpoint, over a connection that is kept. Blocks; for one thread."""

    def __init__(self, endpoint: str) -> None:
        self._connection = HTTPConnection(*split(endpoint), timeout=ANSWER_S_MAX)

    def load(self) -> EndpointLoad:
        """What the server says now. Raises: ScrapeFailed."""
        connection = self._connection
        try:
            if connection.sock is not None:
                with contextlib.suppress(ConnectionError):  # the server has closed it meanwhile
                    return self._asked()
                self.close()
            _connect(connection)
            return self._asked()
        except (OSError, HTTPException) as error:
            self.close()
            raise ScrapeFailed(FAILED) from error
        except ScrapeFailed:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        self._connection.close()

    def _asked(self) -> EndpointLoad:
        at_ns = time.monotonic_ns()
        load = read_load(self._page(time.monotonic() + ANSWER_S_MAX), at_ns)
        if load is None:
            raise ScrapeFailed(UNREADABLE)
        return load

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


class _Scraper(threading.Thread):
    """Asks one endpoint until told to stop. ``found`` is called in this thread, with a result and perhaps a load."""

    def __init__(self, endpoint: str, found: Callable[[str, EndpointLoad | None], None]) -> None:
        super().__init__(name="endpoint load", daemon=True)
        self.interval_s = SCRAPE_S
        self.asked_since_s = self.told_s = time.monotonic()
        self.is_told = False
        self._endpoint = endpoint
        self._found = found
        self._stopped = threading.Event()

    def run(self) -> None:
        page = MetricsPage(self._endpoint)
        pause_s = 0.0
        with contextlib.closing(page), contextlib.suppress(RuntimeError):  # the loop is closed
            while not self._stopped.wait(pause_s):
                begun_s = time.monotonic()
                result, load = _looked(page)
                self._found(result, load)
                pause_s = max(0.0, begun_s + self.interval_s - time.monotonic()) if result == OK else PAUSE_S

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()


def _looked(page: MetricsPage) -> tuple[str, EndpointLoad | None]:
    try:
        return OK, page.load()
    except ScrapeFailed as failed:
        (result,) = failed.args
        return result, EndpointLoad(time.monotonic_ns(), False) if result == UNREACHABLE else None
    except Exception:  # a fault of this program must not end the thread: nobody would ask any more
        page.close()
        return FAILED, None


class EndpointWatch:
    """Asks the endpoints of the configuration in force.

    Args:
        endpoints: HOST:PORT of each, of the configuration in force.
        tell: is called on the event loop, with an address (IP:PORT) and what is said there.
        tell_addresses: likewise, with an endpoint that is a name, and its addresses.
    """

    def __init__(
        self,
        endpoints: Callable[[], Collection[str]],
        tell: Callable[[str, EndpointLoad], None],
        tell_addresses: Callable[[str, tuple[str, ...]], None],
        metrics: Metrics,
        logger: Any,
    ) -> None:
        self._endpoints = endpoints
        self._tell = tell
        self._metrics = metrics
        self._logger = logger
        self._names = EndpointNames(tell_addresses)
        self._scrapers: dict[str, _Scraper] = {}

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                self.follow()
                await asyncio.sleep(FOLLOW_S)
        finally:
            self._names.close()
            self._keep(())

    def follow(self) -> None:
        """Begin with new endpoints, and leave those that are gone."""
        self._keep(sorted(self._names.addresses(self._endpoints()))[:ENDPOINTS_MAX])

    def _keep(self, endpoints: Collection[str]) -> None:
        for endpoint in self._scrapers.keys() - set(endpoints):
            self._scrapers.pop(endpoint).stop()
            self._metrics.endpoint_left(endpoint)
        for endpoint in endpoints:
            if endpoint not in self._scrapers:
                self._begin(endpoint)
        for scraper in self._scrapers.values():
            scraper.interval_s = max(SCRAPE_S, len(self._scrapers) / SCRAPES_PER_S_MAX)

    def _begin(self, endpoint: str) -> None:
        loop = asyncio.get_running_loop()

        def found(result: str, load: EndpointLoad | None) -> None:
            loop.call_soon_threadsafe(self._take, scraper, endpoint, result, load)

        scraper = self._scrapers[endpoint] = _Scraper(endpoint, found)
        self._metrics.endpoint_watched(endpoint, lambda: time.monotonic() - scraper.told_s)
        scraper.start()

    def _take(self, scraper: _Scraper, endpoint: str, result: str, load: EndpointLoad | None) -> None:
        if self._scrapers.get(endpoint) is not scraper:
            return
        self._metrics.endpoint_scraped(result)
        if load is not None:
            self._tell(endpoint, load)
        if result == OK:
            scraper.told_s = time.monotonic()
            if scraper.is_told:
                scraper.is_told = False
                self._logger.info("the load of a model server is known again", endpoint=endpoint)
        elif not scraper.is_told and time.monotonic() - scraper.told_s > TOLD_AFTER_S:
            scraper.is_told = True
            self._logger.warning(
                "the load of a model server is not known: only what this processor sent it counts for `pick: load`."
                " It is read from vLLM's /metrics at the endpoint",
                endpoint=endpoint,
                result=result,
            )
