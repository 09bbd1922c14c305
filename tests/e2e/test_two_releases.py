"""This release and the next one behind one Envoy, with one ledger, one spool and one Valkey: forward, and back again.

There is no release before this one yet; the next one is this one with more tables, and with spools of a newer format.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from extproc.demo.model_server import ModelServer
from extproc.ledger.store import LedgerStore
from tests.e2e.asking import CHAT
from tests.e2e.harness import Stack, require_envoy, wait_until
from tests.e2e.ledger_load import LedgerLoad, with_ledger
from tests.tools.valkey import valkey
from tests.unit.databases import running
from tests.upgrades.installations import WAIT_S, TwoProcessors
from tests.upgrades.releases import environment_of, next_release, this_release

pytestmark = pytest.mark.once

DATABASE = "sqlite:///ledger.db"
CLIENTS = 8
STEPS = 4
SPEED = 0.1
BETWEEN = 12
"""Answers between two restarts."""
BURST = 10
LIMIT = {"name": "few", "of": "requests", "limit": 1, "window": "day", "burst": BURST, "per": ["project"]}
ADDED = "SELECT count(*) AS many FROM ledger_entries WHERE moon = 'new'"


class TwoReleases(TwoProcessors):
    """Two processors; one after the other becomes the next release, and this one again."""

    name = "forward and back"
    is_graceful = True

    def __init__(self, folder: Path, url: str, store: str) -> None:
        super().__init__(folder, patience_ms=30_000)
        self._url, self._store = url, store
        self.models.servers = {name: ModelServer(name, speed=SPEED) for name in ("v1", "v2")}
        this: Mapping[str, str] = {}
        following = environment_of(next_release(folder / "next"))
        self._steps = iter([(1, following), (0, this), (0, following), (1, this)])

    def _change(self, data: dict[str, Any]) -> None:
        super()._change(data)
        data["ledger"] = {"url": self._url}
        limit = LIMIT | {"match": {"projects": ["limited"]}}
        data["rate_limits"] = {"limits": [limit], "store": self._store}

    def _change_second(self, data: dict[str, Any]) -> None:
        data["ledger"]["spool"] = "spool-of-the-second"  # as in a pod of its own: nobody else ships it

    def _act(self) -> None:
        self._mark()
        place, release = next(self._steps)
        processor = self.processors[place]
        processor.environment = release
        assert processor.stop(WAIT_S) == 0
        processor.start(WAIT_S)


def admitted(stack: Stack) -> int:
    """How many of twice the burst are admitted, whichever of both processors is asked."""
    body = {"model": "tiny-chat", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    statuses = [stack.curl(CHAT, "-H", "x-project: limited", body=body).status for _ in range(2 * BURST)]
    assert set(statuses) == {200, 429}
    return statuses.count(200)


@pytest.mark.timeout(240)
def test_forward_and_back(tmp_path: Path) -> None:
    """No request fails, each exchange is in the ledger once, and both count in the same limits."""
    require_envoy()
    with ExitStack() as undo:
        url = undo.enter_context(running()).new_database()
        both = undo.enter_context(TwoReleases(tmp_path, url, undo.enter_context(valkey(tmp_path)).url))
        with LedgerLoad(both.base_url, CLIENTS) as load:
            for _ in range(STEPS):
                load.until_answered(BETWEEN)
                both.act()
            load.until_answered(BETWEEN)
        for model in both.models.servers.values():
            model.speed = 0
        assert admitted(both.stack) == BURST
        assert set(load.other) <= {"left"}
        ledger = LedgerStore(url, tmp_path)
        wait_until(lambda: set(load.complete) <= stored(ledger).keys(), "all are stored", 30)
        assert set(stored(ledger).values()) == {1}
        assert [place for place in ledger.places() if place.damaged] == []
        assert ledger.rows(text(ADDED))[0]["many"] == len(stored(ledger))
        ledger.close()


@pytest.mark.timeout(240)
def test_workers_become_the_next_release(tmp_path: Path) -> None:
    """The package is replaced, and SIGUSR2 sent: new workers run it, under the supervisor of before."""
    require_envoy()
    packages = this_release(tmp_path / "packages")
    models = {name: ModelServer(name, speed=SPEED) for name in ("v1", "v2")}
    with Stack(tmp_path, models=models, change=with_ledger(DATABASE, 2), with_processor=False) as stack:
        stack.processor.environment = environment_of(packages)
        stack.processor.start(WAIT_S)
        with LedgerLoad(stack.base_url, CLIENTS) as load:
            load.until_answered(BETWEEN)
            next_release(packages)
            stack.processor.signal(signal.SIGUSR2)
            wait_until(lambda: "workers replaced" in stack.processor.log.read_text(), "all workers are new", WAIT_S)
            load.until_answered(BETWEEN)
        assert set(load.other) <= {"left"}
        ledger = LedgerStore(DATABASE, tmp_path)
        wait_until(lambda: set(load.complete) <= stored(ledger).keys(), "all are stored", 30)
        assert set(stored(ledger).values()) == {1}
        assert ledger.rows(text(ADDED))[0]["many"] == len(stored(ledger))
        ledger.close()


def stored(ledger: LedgerStore) -> dict[str, int]:
    """How often each exchange is there."""
    query = text("SELECT exchange, count(*) AS many FROM ledger_entries GROUP BY exchange")
    return {row["exchange"]: row["many"] for row in ledger.rows(query)}
