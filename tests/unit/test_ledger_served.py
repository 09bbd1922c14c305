"""``extproc serve`` with a ledger: from a request over the wire to an entry that somebody can query."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import pytest
import typer
from grpc import aio
from pyarrow.dataset import dataset
from sqlalchemy import select

from extproc.cli.serve import serve_command
from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource
from extproc.ledger.schema import ENTRIES
from extproc.ledger.spool import process_folders
from extproc.ledger.store import LedgerStore, entry_of
from tests.unit.ledger.hooks import SECRET, Hook, serving
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder

PRIVATE = "xyzzy"


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files."""
    with short_folder() as folder:
        yield folder


def made(folder: Path, server: Any = None, **ledger: Any) -> Process:
    """A process with a ledger, not started yet."""
    return Process(folder, ledger=ledger or {"url": "sqlite:///ledger.db"}, server=server or {})


async def answered(channel: aio.Channel) -> None:
    """A chat that ends as it should."""
    call = exchange(channel)
    headers = request_headers(x_team="search")
    await say(call, headers, request_body(PRIVATE), response_headers(), response_body("Good morning"))
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK


def stored(folder: Path) -> list[LedgerEntry]:
    """What is in the store, in the order in which it came."""
    store = LedgerStore("sqlite:///ledger.db", folder)
    found = [entry_of(row) for row in store.rows(select(ENTRIES).order_by(ENTRIES.c.number))]
    store.close()
    return found


def table_of(folder: Path) -> Any:
    """What readers of Parquet find."""
    return dataset(folder, format="parquet", partitioning="hive").to_table()


@in_loop
async def test_an_exchange_has_an_entry_while_the_process_serves(folder: Path) -> None:
    """Beside the configuration file; counted on the page, and without a text of anyone."""
    process = made(folder)
    process.processor.start()
    async with process.channel() as channel:
        await answered(channel)
        await later(lambda: process.metric("llm_extproc_ledger_stored_total") == 1)
        assert process.metric("llm_extproc_ledger_entries_total") == 1
        (entry,) = stored(folder)
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert (entry.outcome, entry.team, entry.endpoint, entry.model, entry.version) == (
        EntryOutcome.COMPLETED,
        "search",
        "chat",
        "tiny-chat",
        "v1",
    )
    assert (entry.model_asked, entry.status, entry.choices, entry.finish_reasons) == ("tiny-chat", 200, 1, ("stop",))
    assert entry.prompt_tokens_source is TokenSource.REPORTED
    assert entry.sent_at_us is not None
    assert entry.started_at_us <= entry.sent_at_us <= entry.ended_at_us
    assert entry.request_bytes > 0 < entry.response_bytes
    assert entry.cost_micro_usd > 0
    assert entry.price_revision
    assert PRIVATE not in repr(entry)
    assert process_folders(folder / "ledger-spool") == []


@in_loop
async def test_an_exchange_costs_what_it_did_when_it_began(folder: Path) -> None:
    """Also if the prices are changed while it runs."""
    process = made(folder, server={"reload_interval_ms": 50})
    process.processor.start()
    async with process.channel() as channel:
        running = exchange(channel)
        await say(running, request_headers(x_team="search"), request_body(), response_headers())
        revision = process.readiness()[1]["revision"]
        process.file.write_text(process.config.replace(": 1000000,", ": 5000000,"))
        await later(lambda: process.readiness()[1]["revision"] != revision)
        await answered(channel)
        await say(running, response_body("Good morning"))
        await running.done_writing()
        await later(lambda: process.metric("llm_extproc_ledger_stored_total") == 2)
    assert await asyncio.to_thread(process.processor.stop) == 0
    new, old = stored(folder)
    assert (old.revision, new.revision != revision) == (revision, True)
    assert old.price_revision != new.price_revision
    assert (old.cost_micro_usd, new.cost_micro_usd) == (5 + 2 * 3, 5 * 5 + 2 * 3)


@in_loop
async def test_what_waits_is_stored_before_the_process_ends(folder: Path) -> None:
    """The entry of the last exchange too."""
    process = made(folder)
    process.processor.start()
    async with process.channel() as channel:
        for _ in range(20):
            await answered(channel)
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert len(stored(folder)) == 20


@in_loop
async def test_workers_have_spools_of_their_own(folder: Path) -> None:
    """And one shipper."""
    process = made(folder, server={"workers": 2})
    await asyncio.to_thread(process.processor.start)
    async with process.channel(".0") as first, process.channel(".1") as second:
        for channel in (first, second, first, second):
            await answered(channel)
        assert len(process_folders(folder / "ledger-spool")) == 2
        await later(lambda: process.metric("llm_extproc_ledger_entries_total") == 4)
        await later(lambda: process.metric("llm_extproc_ledger_stored_total") == 4)
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert len(stored(folder)) == 4


@in_loop
async def test_a_killed_process_leaves_entries_of_what_was_open(folder: Path) -> None:
    """The next start finds them: what had ended as it was, what was open as `processor_died`."""
    process = made(folder)
    process.processor.start()
    async with process.channel() as channel:
        await answered(channel)
        call = exchange(channel)
        await say(call, request_headers(x_team="search"), request_body(PRIVATE), response_headers())
        os.kill(process.processor.pid, signal.SIGKILL)
        await process.ended()
    again = made(folder)
    again.processor.start()
    await later(lambda: len(stored(folder)) == 2)
    assert await asyncio.to_thread(again.processor.stop) == 0
    completed, died = stored(folder)
    assert completed.outcome is EntryOutcome.COMPLETED
    assert (died.outcome, died.team, died.model) == (EntryOutcome.PROCESSOR_DIED, "search", "tiny-chat")
    assert died.prompt_tokens > 0
    assert died.prompt_tokens_source is died.completion_tokens_source is TokenSource.ESTIMATED
    assert died.ended_at_us >= died.started_at_us


@in_loop
async def test_further_sinks_have_entries_too(folder: Path) -> None:
    """Counted for each; one that fails is told on the page of readiness, and hinders no other."""
    (folder / "broken").write_text("")
    parquet = {"folder": "broken", "every_s": 1}
    process = made(folder, url="sqlite:///ledger.db", parquet=parquet)
    process.processor.start()
    async with process.channel() as channel:
        await answered(channel)
        await later(lambda: process.metric("llm_extproc_ledger_sink_stored_total", sink="database") == 1)
        await later(lambda: process.metric("llm_extproc_ledger_sink_failures_total", sink="parquet") > 0)
        await later(lambda: process.metric("llm_extproc_ledger_sink_waiting_bytes", sink="parquet") > 0)
        assert process.readiness()[1]["ledger_error"].startswith("parquet: ")
        assert process.metric("llm_extproc_ledger_sink_waiting_bytes", sink="database") == 0
        (folder / "broken").unlink()
        await later(lambda: process.metric("llm_extproc_ledger_sink_stored_total", sink="parquet") == 1)
        assert process.readiness()[1]["ledger_error"] == ""
        await later(lambda: process.metric("llm_extproc_ledger_sink_oldest_seconds", sink="parquet") == 0)
    assert await asyncio.to_thread(process.processor.stop) == 0
    (entry,) = stored(folder)
    assert table_of(folder / "broken")["exchange"].to_pylist() == [entry.exchange]


@in_loop
async def test_what_is_spent_of_a_budget_is_told_once(folder: Path) -> None:
    """By a line, on the page and to a webhook; the next process knows that it was."""
    budget = {"name": "daily", "per": "team", "of": "tokens", "amount": 1, "period": "day"}
    sections = {"ledger": {"url": "sqlite:///ledger.db"}, "budgets": [budget], "budget_webhook_file": "hook.url"}
    with serving(Hook()) as hook:
        (folder / "hook.url").write_text(hook.url)
        process = Process(folder, **sections)
        await _spent(process, hook)
    again = Process(folder, **sections)
    again.processor.start()
    await later(lambda: again.metric("llm_extproc_budget_spent_percent", budget="daily") >= 100)
    assert again.metric("llm_extproc_budget_crossed_total") == 0
    assert await asyncio.to_thread(again.processor.stop) == 0
    assert len(hook.got) == 2


async def _spent(process: Process, hook: Hook) -> None:
    process.processor.start()
    async with process.channel() as channel:
        await answered(channel)
        await later(lambda: process.lines("budget exhausted"))
        await later(lambda: process.metric("llm_extproc_budget_crossed_total", kind="exhausted") == 1)
        await later(lambda: [one["kind"] for one in hook.got] == ["warned", "exhausted"])
    assert process.metric("llm_extproc_budget_spent_percent", budget="daily") >= 100
    assert process.metric("llm_extproc_budget_sums_timestamp_seconds") > 1_700_000_000
    assert await asyncio.to_thread(process.processor.stop) == 0
    (warned,), (exhausted,) = process.lines("budget spent to a share"), process.lines("budget exhausted")
    assert [warned[key] for key in ("budget", "key", "share_percent", "limit")] == ["daily", "search", 80, 1]
    assert [exhausted[key] for key in ("level", "budget", "key", "limit")] == ["warning", "daily", "search", 1]
    assert SECRET not in process.log.read_text()


@in_loop
async def test_a_store_that_cannot_be_used_hinders_no_exchange(folder: Path) -> None:
    """It is told, and the entries wait in the spool for a process that can store them."""
    process = made(folder, url="sqlite:///missing/ledger.db")
    process.processor.start()
    async with process.channel() as channel:
        await answered(channel)
        await later(lambda: process.lines("ledger shipper failing"))
        assert process.readiness()[1]["ledger_error"].startswith("store: ")
    assert await asyncio.to_thread(process.processor.stop) == 0
    line, *_ = process.lines("ledger shipper failing")
    assert line["reason"] == f"store: {folder}/missing/ledger.db: no such file or directory"
    again = made(folder)
    again.processor.start()
    await later(lambda: again.metric("llm_extproc_ledger_stored_total") == 1)
    assert await asyncio.to_thread(again.processor.stop) == 0


def test_a_package_that_is_not_installed_is_told_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and what to do: a ledger that is configured is never left out silently."""
    process = made(folder)
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda _: None)
    with pytest.raises(typer.Exit) as ended:
        serve_command(process.file)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        f"ledger: the store needs alembic. Install it: {sys.executable} -m pip install 'llm-extproc[ledger]'\n"
    )


def test_a_package_of_a_further_sink_that_is_not_installed_is_told_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise."""
    process = made(folder, parquet={"folder": "entries"})
    monkeypatch.setattr("extproc.domain.extras.find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    with pytest.raises(typer.Exit) as ended:
        serve_command(process.file)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        f"ledger.parquet: it needs pyarrow. Install it: {sys.executable} -m pip install 'llm-extproc[parquet]'\n"
    )
