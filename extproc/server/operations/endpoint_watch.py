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
from typing import Any, Final

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.model_servers.metrics_page import FAILED, OK, UNREACHABLE, MetricsPage, ScrapeFailed
from extproc.server.operations.endpoint_names import EndpointNames
from extproc.server.operations.vllm_metrics import read_load
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
TOLD_AFTER_S: Final = 10.0
"""An endpoint that fails so long is worth a line in the log."""
FOLLOW_S: Final = 0.5
"""How soon a change of the configuration is followed."""


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
        page = MetricsPage(self._endpoint, ANSWER_S_MAX)
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
    at_ns = time.monotonic_ns()
    try:
        return OK, page.ask(lambda content: read_load(content, at_ns))
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
