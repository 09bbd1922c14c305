"""Asks model servers what they do, each in a thread of its own: one that hangs delays no other, nor the shipping."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from extproc.allocation.server_samples import ServerSample
from extproc.ledger.allocation.vllm_page import read_sample
from extproc.model_servers.metrics_page import FAILED, OK, MetricsPage, ScrapeFailed
from extproc.model_servers.resolve import RESOLVE_S, addresses_of

ANSWER_S_MAX: Final = 4.0
"""Time to connect, and again for the page; below the least time between two questions."""


class AskedServer(threading.Thread):
    """Asks one server until told to stop.

    Args:
        metrics: HOST:PORT of its metrics.
        interval_s: between two questions.
        take: is called in this thread with a result of ``RESULTS``, and the sample if there is one.
    """

    def __init__(self, metrics: str, interval_s: float, take: Callable[[str, ServerSample | None], None]) -> None:
        super().__init__(name="server samples", daemon=True)
        self.metrics = metrics
        self.interval_s = interval_s
        self._take = take
        self._stopped = threading.Event()

    def run(self) -> None:
        """Ask; at once, and then in equal steps."""
        next_s = time.monotonic()
        with contextlib.closing(MetricsPage(self.metrics, ANSWER_S_MAX)) as page:
            while not self._stopped.wait(max(0.0, next_s - time.monotonic())):
                next_s = max(next_s + self.interval_s, time.monotonic())
                self._take(*_asked(page))

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()


def _asked(page: MetricsPage) -> tuple[str, ServerSample | None]:
    """The time of a sample is halfway between the question and the answer."""
    asked_us = time.time_ns() // 1_000
    try:
        sample = page.ask(lambda content: read_sample(content, asked_us))
    except ScrapeFailed as failed:
        (result,) = failed.args
        return result, None
    except Exception:  # a fault of this program must not end the thread: nobody would ask any more
        page.close()
        return FAILED, None
    lasted_us = max(time.time_ns() // 1_000 - asked_us, 0)  # the clock may be set meanwhile
    return OK, sample._replace(at_us=asked_us + min(lasted_us, int(ANSWER_S_MAX * 1e6)) // 2)


class ResolvedNames(threading.Thread):
    """Resolves names again and again, as Envoy does. The last good addresses of a name stay.

    Attributes:
        names: to resolve; may be replaced.
        addresses: IP:PORT of each, as far as they are known.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        resolve: Callable[[str], tuple[str, ...]] = addresses_of,
        pause_s: float = RESOLVE_S,
    ) -> None:
        super().__init__(name="server names", daemon=True)
        self.names = names
        self.addresses: dict[str, tuple[str, ...]] = {}
        self._resolve = resolve
        self._pause_s = pause_s
        self._stopped = threading.Event()

    def run(self) -> None:
        """Resolve; at once, and again after each pause."""
        while True:
            for name in self.names:
                with contextlib.suppress(OSError):
                    self.addresses = {**self.addresses, name: self._resolve(name) or self.addresses.get(name, ())}
            if self._stopped.wait(self._pause_s):
                return

    def stop(self) -> None:
        """Resolve no more."""
        self._stopped.set()
