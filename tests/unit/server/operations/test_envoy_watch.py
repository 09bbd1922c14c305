"""An Envoy that does not follow the configuration is told of, once, and when it has followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from extproc.server.operations.envoy_watch import TOLD_AFTER_LOOKS, EnvoyWatch
from extproc.server.operations.health import Health
from extproc.sinks.metrics import Metrics
from tests.unit.server.fakes import Logged

KEYS = ["models.tiny.versions.c"]


class Watched:
    """A watch over what ``stale`` says at the moment."""

    def __init__(self) -> None:
        self.stale: list[str] | None = None
        self.health, self.metrics, self.logged = Health(), Metrics(10), Logged()
        self._watch = EnvoyWatch(self._ask(), self.health, self.metrics, self.logged.logger)

    def _ask(self) -> Callable[[], Awaitable[list[str] | None]]:
        async def ask() -> list[str] | None:
            return self.stale

        return ask

    def look(self, stale: list[str] | None, times: int = 1) -> None:
        """Look that often while Envoys state this."""
        self.stale = stale
        for _ in range(times):
            asyncio.run(self._watch.look())

    @property
    def gauge(self) -> float | None:
        """The metric."""
        return self.metrics.registry.get_sample_value("llm_envoy_stale_keys")


@pytest.fixture
def watched() -> Watched:
    """A watch at its beginning."""
    return Watched()


def test_what_is_not_known_is_shown_at_once_and_logged_once_it_lasts(watched: Watched) -> None:
    """The readiness page and the metric say it from the first look on; the log once."""
    watched.look(KEYS, TOLD_AFTER_LOOKS - 1)
    assert (watched.health.envoy_stale, watched.gauge, watched.logged.lines) == (KEYS, 1, [])
    watched.look(KEYS, 3 * TOLD_AFTER_LOOKS)
    (line,) = watched.logged.lines
    assert (line["level"], line["keys"]) == ("warning", KEYS)
    assert "extproc envoy-config" in line["event"]
    assert watched.health.detail()["envoy_stale"] == KEYS


def test_an_envoy_that_follows_soon_is_not_told_of(watched: Watched) -> None:
    """It takes some seconds, and nothing was lost."""
    watched.look(KEYS, TOLD_AFTER_LOOKS - 1)
    watched.look([], 3 * TOLD_AFTER_LOOKS)
    assert (watched.health.envoy_stale, watched.gauge, watched.logged.lines) == ([], 0, [])


def test_that_it_is_over_is_told_too(watched: Watched) -> None:
    """Once."""
    watched.look(KEYS, TOLD_AFTER_LOOKS)
    watched.look([], 2 * TOLD_AFTER_LOOKS)
    assert [line["level"] for line in watched.logged.lines] == ["warning", "info"]
    assert watched.gauge == 0


def test_without_calls_the_last_word_stands(watched: Watched) -> None:
    """An Envoy that is quiet at night has not followed because of that."""
    watched.look(KEYS, TOLD_AFTER_LOOKS)
    watched.look(None, TOLD_AFTER_LOOKS)
    assert (watched.health.envoy_stale, watched.gauge) == (KEYS, 1)
