"""Each upgrade and each crash once under load: nobody gets an unguarded answer, graceful ones are not noticed.

``make upgrade-check`` does the same for a minute each, with 200 requests a second.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from extproc.demo.installation import TRANSPORT_VARIABLE
from extproc.demo.steady_clients import SteadyClients
from tests.e2e.harness import require_envoy
from tests.upgrades.answers import GUARDED, Noticed, judge
from tests.upgrades.installations import UPGRADES, Upgrade

RATE, CLIENTS = 50, 100
BEFORE, AFTER = 25, 50
TURNS = 1
LONG_S = 0.8
PATIENCE_MS = 30_000
"""A busy machine may take long to start a processor."""

pytestmark = pytest.mark.skipif(
    os.environ.get(TRANSPORT_VARIABLE) == "grpc", reason="the grpc library does not say that a call was not read"
)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", UPGRADES, ids=lambda kind: kind.__name__)
def test_an_upgrade_under_load(kind: type[Upgrade], tmp_path: Path) -> None:
    """Only what was in flight at a crash fails, in its API's shape."""
    require_envoy()
    with (
        kind(tmp_path, LONG_S, PATIENCE_MS) as upgrade,
        SteadyClients(upgrade.base_url, RATE, CLIENTS, judge=judge) as clients,
    ):
        for _ in range(TURNS):
            clients.until_answered(BEFORE)
            upgrade.act()
        clients.until_answered(AFTER)
    noticed = Noticed(clients.received, upgrade.moments)
    assert (noticed.unguarded, noticed.shapeless, noticed.late) == (0, 0, [])
    if kind.is_graceful:
        assert noticed.failed == []
    assert Counter(one.judged for one in clients.received)[GUARDED] >= TURNS * BEFORE + AFTER - len(noticed.failed)
