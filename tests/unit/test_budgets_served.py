"""``extproc serve`` with budgets that act: what is spent over the wire, in the store and by other workers is known."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grpc import aio

from extproc.ledger.budget_file import BUDGET_FILE
from tests.gpu_use import around_today, use_gpus
from tests.hangs import HANG_S
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder

DAILY: dict[str, Any] = {
    **{"name": "daily", "per": "team", "of": "tokens", "amount": 1, "period": "day", "warn_at": []},
    **{"on_exhausted": "block", "when_unknown": "allow"},
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the process's socket and files."""
    with short_folder() as folder:
        yield folder


def made(folder: Path, *budgets: dict[str, Any], **sections: Any) -> Process:
    """A process, not started yet."""
    return Process(folder, ledger={"url": "sqlite:///ledger.db"}, budgets=budgets or (DAILY,), **sections)


async def asked(channel: aio.Channel, team: str = "search") -> str:
    """A chat to its end. Returns: the code of its refusal; empty: it was answered."""
    call = exchange(channel)
    *_, reply = await say(call, request_headers(x_team=team), request_body("Hello"))
    if reply.HasField("immediate_response"):
        code: str = json.loads(reply.immediate_response.body)["error"]["code"]
    else:
        code = ""
        await say(call, response_headers(), response_body("Good morning"))
    await call.done_writing()
    await call.code()
    return code


async def until(channel: aio.Channel, code: str, team: str = "search") -> None:
    """Ask until the answer is that. Each one costs."""
    while await asked(channel, team) != code:
        await asyncio.sleep(0.02)


async def known(process: Process) -> None:
    """The first sums are there."""
    file = process.file.parent / "ledger-spool" / BUDGET_FILE
    await later(file.exists)


def granted(process: Process, amount: int) -> None:
    """Somebody grants more to the team."""
    command = [sys.executable, "-m", "extproc", "budget", "grant", "daily", "search", "--amount", str(amount)]
    done = subprocess.run(
        [*command, "-c", str(process.file)], capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stderr


@in_loop
async def test_what_is_spent_is_blocked_until_somebody_grants_more(folder: Path) -> None:
    """By what is in the store, and also right after an answer; a restart forgets nothing."""
    process = made(folder)
    process.processor.start()
    async with process.channel() as channel:
        await known(process)
        await until(channel, "budget_exhausted")
        assert await asked(channel, "hr") == ""
        assert process.metric("llm_extproc_budget_exchanges_total", budget="daily", act="blocked") >= 1
    assert await asyncio.to_thread(process.processor.stop) == 0
    again = made(folder, {**DAILY, "when_unknown": "block"})
    again.processor.start()
    async with again.channel() as channel:
        while (code := await asked(channel)) != "budget_exhausted":
            assert code == "budget_unknown"
            await asyncio.sleep(0.02)
        await asyncio.to_thread(granted, again, 1_000)
        await until(channel, "")
    assert await asyncio.to_thread(again.processor.stop) == 0


@in_loop
async def test_a_killed_process_has_spent_what_it_had_in_flight(folder: Path) -> None:
    """Its slots count as soon as the shipper sees them, and then its entries."""
    process = made(folder)
    process.processor.start()
    async with process.channel() as channel:
        await known(process)
        call = exchange(channel)
        await say(call, request_headers(x_team="search"), request_body("Hello"))
        os.kill(process.processor.pid, signal.SIGKILL)
        await process.ended()
    again = made(folder)
    again.processor.start()
    async with again.channel() as channel:
        await until(channel, "budget_exhausted")
    assert await asyncio.to_thread(again.processor.stop) == 0


@in_loop
async def test_workers_know_of_each_other(folder: Path) -> None:
    """What one has in flight is reserved at the other, and what one has spent is spent."""
    process = made(folder, {**DAILY, "amount": 2_000}, server={"workers": 2})
    await asyncio.to_thread(process.processor.start)
    async with process.channel(".0") as first, process.channel(".1") as second:
        await known(process)
        calls = [exchange(first) for _ in range(8)]
        for call in calls:
            body = request_body("word " * 1_000, max_tokens=1)
            (*_, reply) = await say(call, request_headers(x_team="search"), body)
            if reply.HasField("immediate_response"):
                break
        await until(second, "budget_reserved")
        for call in calls:
            call.cancel()
        await until(second, "budget_exhausted")  # by what the model servers had been asked
    assert await asyncio.to_thread(process.processor.stop) == 0


@in_loop
async def test_gpu_time_counts_once_it_is_allocated(folder: Path) -> None:
    """Nothing is known before the first time; then who has used its part is refused, and nobody else."""
    server = "127.0.0.1:9"
    budget = {**DAILY, **around_today(), "period": None, "of": "gpu_seconds", "amount": 60, "when_unknown": "block"}
    servers = [{"endpoint": server, "gpus": 2, "kind": "H100", "price": "h100"}]
    gpus = {"servers": servers, "prices": [{"name": "h100", "per_gpu_hour": "2.50"}]}
    process = made(folder, budget, gpus=gpus)
    process.file.write_text(process.config.replace("weight: 1", f'weight: 1\n        endpoints: ["{server}"]'))
    process.processor.start()
    async with process.channel() as channel:
        assert await asked(channel) == "budget_unknown"
        await until(channel, "")
        await asyncio.to_thread(use_gpus, process.file, server, 200, 29, team="search")
        await asyncio.to_thread(use_gpus, process.file, server, 100, 30, team="hr")
        await until(channel, "budget_exhausted", "hr")
        assert await asked(channel) == ""
        await asyncio.to_thread(use_gpus, process.file, server, 10, 1, team="search")
        await until(channel, "budget_exhausted")
    assert await asyncio.to_thread(process.processor.stop) == 0
    assert len(process.lines("budget sums unknown")) == len(process.lines("budget sums known again")) == 1


@in_loop
async def test_without_a_store_what_holds_is_what_is_configured(folder: Path) -> None:
    """It is told once, and counted each time; when the store is there, all is known again."""
    budget = {**DAILY, "amount": 10**9, "when_unknown": "block"}
    process = Process(folder, ledger={"url": "sqlite:///later/ledger.db"}, budgets=[budget])
    process.processor.start()
    async with process.channel() as channel:
        assert [await asked(channel) for _ in range(3)] == ["budget_unknown"] * 3
        await later(lambda: process.lines("budget sums unknown"))
        assert process.metric("llm_extproc_budget_exchanges_total", act="unknown_blocked") == 3
        (folder / "later").mkdir()
        await until(channel, "")
        await later(lambda: process.lines("budget sums known again"))
    assert await asyncio.to_thread(process.processor.stop) == 0
    (line,) = process.lines("budget sums unknown")
    assert (line["level"], line["budget"], line["exchanges"]) == ("warning", "daily", "refused")
    assert line["reason"] == "the shipper has not written them yet"
    assert len(process.lines("budget sums known again")) == 1


@in_loop
async def test_a_reload_changes_what_is_blocked(folder: Path) -> None:
    """A larger amount holds at once; a budget that is added has the sums of before."""
    process = made(folder, server={"reload_interval_ms": 50})
    process.processor.start()
    async with process.channel() as channel:
        await known(process)
        await until(channel, "budget_exhausted")
        added = {**DAILY, "name": "projects", "per": "project", "match": ["unknown"]}
        process.file.write_text(process.file.read_text().replace('"amount": 1,', '"amount": 1000000,'))
        await until(channel, "")
        text = process.file.read_text().replace("budgets: [", f"budgets: [{json.dumps(added)}, ")
        process.file.write_text(text)
        await until(channel, "budget_exhausted")
        lines = process.lines("configuration change needs a restart to take full effect")
        assert lines == []
    assert await asyncio.to_thread(process.processor.stop) == 0
