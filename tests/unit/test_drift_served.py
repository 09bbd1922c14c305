"""``extproc serve`` with ``drift``: from answers that change to an alarm that people get."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from extproc.domain.record import VersionFacts
from extproc.domain.signals import REFUSED, AnswerSignals
from extproc.domain.usage import Prices
from extproc.ledger.quality.adding import ANSWERS
from extproc.ledger.quality.tables import BLOCKS, SUMS
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.crashes import sink_of
from tests.unit.ledger.hooks import SECRET, Hook, serving
from tests.unit.ledger.records import record_of
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder

VERSION = VersionFacts("tiny-chat", "v1", "f1", Prices(1, 1, 1), "", "", "c1")
SIGNAL = {"model": "tiny-chat", "version": "v1", "signal": "refused"}
DRIFT = {"reference": "pinned", "first_answers": 1_000, "webhook_file": "drift.url"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files."""
    with short_folder() as folder:
        yield folder


def made(folder: Path, **server: Any) -> Process:
    """A process that watches drift."""
    process = Process(folder, ledger={"url": "sqlite:///ledger.db"}, drift=DRIFT, server=server)
    process.config = process.config.replace("  - filter: meter\n", "  - filter: meter\n  - filter: signals\n")
    process.file.write_text(process.config)
    return process


def spool_answers(folder: Path, answers: int, refused: int) -> None:
    """Answers of another worker on this machine: entries in its spool."""
    sink = sink_of(folder / "ledger-spool")
    for number in range(answers):
        signals = AnswerSignals()
        signals.judge(REFUSED, number < refused)
        record = record_of(f"{answers}-{number}", signals=signals, version=VERSION)
        sink.exchange_sent(record)
        sink.exchange_ended(record)
    assert sink.turn()
    sink.close()


def make_due(folder: Path) -> None:
    """The minute of the open block is over."""
    with closing(LedgerStore("sqlite:///ledger.db", folder)) as store, store.writing() as connection:
        connection.execute(update(BLOCKS).values(opened_at_us=0))


async def compared(process: Process, folder: Path, answers: int, refused: int) -> None:
    """Answers are stored, and their block is read."""
    before = process.metric("llm_extproc_ledger_stored_total")
    await asyncio.to_thread(spool_answers, folder, answers, refused)
    await later(lambda: process.metric("llm_extproc_ledger_stored_total") == before + answers)
    await later(lambda: blocks_of(folder)[0] > 1)
    block = blocks_of(folder)[0]
    make_due(folder)
    await later(lambda: blocks_of(folder)[1] >= block)


def blocks_of(folder: Path) -> tuple[int, int]:
    """The block that is open, and the one that was read last."""
    with closing(LedgerStore("sqlite:///ledger.db", folder)) as store:
        (row,) = store.rows(select(BLOCKS))
    return row["open_block"], row["read_block"]


@in_loop
async def test_answers_that_drift_raise_an_alarm(folder: Path) -> None:
    """On the page, in the log and at the webhook: once; the next process still knows."""
    with serving(Hook()) as hook:
        (folder / "drift.url").write_text(hook.url)
        process = made(folder)
        process.processor.start()
        await compared(process, folder, 1_500, 600)
        await later(lambda: process.metric("llm_quality_drift_compared", **SIGNAL) == 0)
        await compared(process, folder, 600, 240)
        await later(lambda: process.metric("llm_quality_drift_compared", **SIGNAL) == 1)
        assert process.metric("llm_quality_drift_alarm", **SIGNAL) == 0
        assert abs(process.metric("llm_quality_drift", **SIGNAL)) < 0.2
        await compared(process, folder, 400, 400)
        await later(lambda: process.metric("llm_quality_drift_alarm", **SIGNAL) == 1)
        assert process.metric("llm_quality_drift", **SIGNAL) > 0.3
        assert process.metric("llm_quality_drift_evidence", **SIGNAL) >= 1
        await later(lambda: process.metric("llm_quality_drift_alarms_total", kind="raised", **SIGNAL) == 1)
        await later(lambda: process.lines("answers drift"))
        await later(lambda: hook.got)
        assert await asyncio.to_thread(process.processor.stop) == 0
        (line,) = process.lines("answers drift")
        assert [line[key] for key in ("level", "model", "version", "signal", "stratum")] == [
            *("warning", "tiny-chat", "v1", "refused", "all")
        ]
        assert line["low"] < line["effect"] < line["high"]
        assert SECRET not in process.log.read_text()
        again = made(folder)
        again.processor.start()
        await later(lambda: again.metric("llm_quality_drift_alarm", **SIGNAL) == 1)
        assert again.metric("llm_quality_drift_alarms_total") == 0
        assert await asyncio.to_thread(again.processor.stop) == 0
    assert [(one["kind"], one["model"], one["signal"]) for one in hook.got] == [("raised", "tiny-chat", "refused")]


@in_loop
async def test_answers_of_workers_are_in_one_sum(folder: Path) -> None:
    """An exchange over the wire is an answer; a configuration without drift adds none."""
    process = made(folder, workers=2, reload_interval_ms=50)
    process.processor.start()
    for suffix in (".0", ".1"):
        await answered(process, suffix)
    await later(lambda: process.metric("llm_extproc_ledger_stored_total") == 2)
    assert answers_in(folder) == 2
    revision = process.readiness()[1]["revision"]
    process.file.write_text("".join(line for line in process.config.splitlines(True) if not line.startswith("drift")))
    await later(lambda: process.readiness()[1]["revision"] != revision)
    while answers_in(folder) == stored_by(process):  # the process that ships is told a moment later
        await answered(process, ".0")
        await later(lambda: stored_by(process) == spooled_by(process))
    assert await asyncio.to_thread(process.processor.stop) == 0


def stored_by(process: Process) -> float:
    """Entries."""
    return process.metric("llm_extproc_ledger_stored_total")


def spooled_by(process: Process) -> float:
    """Likewise those that were written."""
    return process.metric("llm_extproc_ledger_entries_total")


async def answered(process: Process, suffix: str) -> None:
    """A chat that ends as it should."""
    async with process.channel(suffix) as channel:
        call = exchange(channel)
        await say(call, request_headers(), request_body("Hi"), response_headers(), response_body("Good morning"))
        await call.done_writing()
        await call.code()


def answers_in(folder: Path) -> int:
    """How many answers the sums have."""
    with closing(LedgerStore("sqlite:///ledger.db", folder)) as store:
        (row,) = store.rows(select(func.sum(SUMS.c.count).label("answers")).where(SUMS.c.signal == ANSWERS))
    return int(row["answers"] or 0)
