"""What is in flight, by the slots of each process: as it would be stored if the process was killed now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetSums
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.ledger.in_flight import with_in_flight
from extproc.ledger.lines import outcome_of
from extproc.ledger.spool import OPEN
from tests.unit.ledger.crashes import kill, sink_of
from tests.unit.ledger.records import record_of

NOW_US = time.time_ns() // 1_000
PERIOD = BudgetPeriod(NOW_US - 10**12, NOW_US + 10**12)
TOKENS = BudgetSums("daily", "team", "tokens", PERIOD, {}, {})
MONEY = TOKENS._replace(name="money", per="project", of="micro_usd")

GPUS = TOKENS._replace(name="gpus", of="gpu_seconds")


def recent(exchange: str, **changed: Any) -> ExchangeRecord:
    """An exchange that was sent on a moment ago."""
    now_ns = time.monotonic_ns()
    return record_of(exchange, started_ns=now_ns, sent_ns=now_ns, **changed)


def test_open_exchanges_are_estimated_and_ended_ones_counted(tmp_path: Path) -> None:
    """By spool and key, in each budget's unit; a process that is gone counts until it is shipped."""
    one, another = sink_of(tmp_path), sink_of(tmp_path)
    for sink, exchange, team in ((one, "a", "search"), (one, "b", "hr"), (another, "c", "search")):
        sink.exchange_sent(recent(exchange, team=team))
    ended = record_of("d", started_ns=time.monotonic_ns(), team="hr")
    one.exchange_sent(ended)
    one.exchange_ended(ended)
    kill(another)
    tokens, money, gpus = with_in_flight(tmp_path, [TOKENS, MONEY, GPUS], NOW_US)
    assert gpus.in_flight[one.folder.name] == {"search": 0, "hr": 0}  # it is allocated when they have ended
    assert set(tokens.in_flight) == {one.folder.name, another.folder.name}
    mine, others = tokens.in_flight[one.folder.name], tokens.in_flight[another.folder.name]
    assert mine["search"] == others["search"] > 50  # 440 bytes
    assert mine["hr"] == mine["search"] + 107
    assert money.in_flight[another.folder.name]["index"] > 50
    assert one.turn()
    (left,) = with_in_flight(tmp_path, [TOKENS], NOW_US)
    assert left.in_flight[one.folder.name] == {"search": mine["search"], "hr": mine["search"]}


def test_exchanges_of_another_period_do_not_count(tmp_path: Path) -> None:
    """Nor those that reached no model."""
    sink = sink_of(tmp_path)
    sink.exchange_sent(recent("a"))
    over = TOKENS._replace(period=BudgetPeriod(0, NOW_US - 10**10))
    assert with_in_flight(tmp_path, [over], NOW_US)[0].in_flight == {}
    unreached = record_of("b", outcome=Outcome.LOCAL_REPLY, started_ns=time.monotonic_ns())
    assert outcome_of(unreached) == "unreachable"
    other = sink_of(tmp_path, refused=True)
    other.exchange_sent(unreached)
    other.exchange_ended(unreached)
    assert set(with_in_flight(tmp_path, [TOKENS], NOW_US)[0].in_flight) == {sink.folder.name}


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """A slot that changes meanwhile, a file that is half made, and a folder without one."""
    sink, other = sink_of(tmp_path), sink_of(tmp_path)
    for number in range(3):
        sink.exchange_sent(recent(f"{number}"))
    (whole,) = with_in_flight(tmp_path, [TOKENS], NOW_US)
    (whole_tokens,) = whole.in_flight[sink.folder.name].values()
    content = bytearray((sink.folder / OPEN).read_bytes())
    content[4_096 + 8 + 40 : 4_096 + 8 + 60] = b"\0" * 20
    (sink.folder / OPEN).write_bytes(content)
    (other.folder / OPEN).write_bytes(b"")
    (tmp_path / "p-none").mkdir()
    (left,) = with_in_flight(tmp_path, [TOKENS], NOW_US)
    assert left.in_flight == {sink.folder.name: {"search": whole_tokens * 2 // 3}}
