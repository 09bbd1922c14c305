"""The shipper as a child: whatever ends it, another one is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extproc.config.budgets import Budget
from extproc.config.ledger import Ledger
from extproc.ledger import shipper_process
from extproc.ledger.shipper_process import ShipperProcess
from tests.unit.classifiers.runners import until
from tests.unit.ledger.crashes import Told
from tests.unit.server.transport.fast.peers import on_both_loops

DAILY = Budget.model_validate({"name": "daily", "per": "team", "of": "tokens", "amount": 1, "period": "day"})


class Restarts:
    """How often one has died."""

    def __init__(self) -> None:
        self.count = 0

    def shipped(self, report: Mapping[str, Any]) -> None:
        """It never comes so far."""

    def shipper_restarted(self) -> None:
        """It died."""
        self.count += 1


@on_both_loops
async def test_a_shipper_that_is_gone_is_replaced_whatever_is_written_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where uvloop has an error of its own for a pipe that is closed."""
    monkeypatch.setattr(shipper_process, "COMMAND", (sys.executable, "-c", ""))
    monkeypatch.setattr(shipper_process, "_BACK_OFF_S", (0.05,))
    restarts, told = Restarts(), Told()
    shipper = ShipperProcess(Ledger(), tmp_path / "spool", tmp_path, restarts, told)
    shipper.start()
    await until(lambda: restarts.count == 1)
    for budgets in ([DAILY], [], [DAILY]):
        shipper.watch({"budgets": [one.model_dump_json() for one in budgets]})
    await until(lambda: restarts.count >= 3)
    await shipper.stop()
    assert {event for _, event, _ in told.lines} == {"ledger shipper died, restarting"}


@pytest.mark.parametrize("program", ["import sys; sys.stdin.read()", "import signal; signal.pause()"])
@on_both_loops
async def test_a_shipper_is_replaced_at_once_and_not_taken_for_dead(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told to end, and killed if it does not. A second word meanwhile changes nothing."""
    monkeypatch.setattr(shipper_process, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(shipper_process, "_BACK_OFF_S", (3_600.0,))
    monkeypatch.setattr(shipper_process, "LAST_S_MAX", 0.2)
    restarts, told = Restarts(), Told()
    shipper = ShipperProcess(Ledger(), tmp_path / "spool", tmp_path, restarts, told)
    shipper.replace()  # none runs yet
    shipper.start()
    await until(lambda: shipper.pid is not None)
    before = shipper.pid
    shipper.replace()
    shipper.replace()
    await until(lambda: shipper.pid not in (None, before))
    await shipper.stop()
    assert restarts.count == 0
    assert [event for _, event, _ in told.lines][:1] == ["ledger shipper replaced"]
