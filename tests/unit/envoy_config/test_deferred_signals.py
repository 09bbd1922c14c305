"""Signals while a child is started: they come when it is noted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from extproc.envoy_config.deferred_signals import signals_deferred


class Ended(Exception):
    """What the handler raises."""


@pytest.fixture
def raising() -> Iterator[None]:
    """SIGTERM raises."""

    def end(*_: Any) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("raising")
def test_a_signal_comes_after_the_block() -> None:
    """Once, and all of the block has run."""
    done = []

    def start() -> None:
        with signals_deferred():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            done.append("started")

    with pytest.raises(Ended):
        start()
    assert done == ["started"]
    with pytest.raises(Ended):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("raising")
def test_what_is_ignored_stays_ignored() -> None:
    """Nothing comes, and nothing is changed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with signals_deferred():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_another_thread_defers_nothing() -> None:
    """Handlers run in the main thread; they cannot be set elsewhere."""
    done = []

    def start() -> None:
        with signals_deferred():
            done.append("started")

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert done == ["started"]
