"""``extproc serve``: every replica answers controllers of deliveries, with workers and without, whoever decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.rollouts import Arm
from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.states import rollouts
from extproc.ledger.store import LedgerStore
from extproc.rollout.journal import JournalKind
from tests.hangs import HANG_S
from tests.unit.ledger.rollouts.samples import add_rate
from tests.unit.server.loops import in_loop
from tests.unit.server.processes import Process, later, short_folder

ROLLOUT = {"name": "chat-v2", "model": "tiny-chat", "stable": "v1", "canary": "v2", "warm_up_s": 0}
V2 = """
      v2:
        weight: 1
        prompt: { file: prompt.txt }
        served_model: other
        price: { prompt_micro_usd_per_mtok: 1000000, completion_micro_usd_per_mtok: 2000000 }
filters:
""".lstrip("\n")


@pytest.fixture
def folder() -> Iterator[Path]:
    """For sockets and files of all replicas."""
    with short_folder() as folder:
        yield folder


def replica(folder: Path, name: str, workers: int = 1) -> Process:
    """One of several with the same store."""
    (folder / name).mkdir()
    server = {"workers": workers}
    process = Process(folder / name, ledger={"url": "sqlite:///../ledger.db"}, rollouts=[ROLLOUT], server=server)
    config = process.config.replace("filters:\n", V2).replace("meter\n", "meter\n  - filter: signals\n")
    process.file.write_text(config)
    return process


def asked(process: Process, name: str = "chat-v2", query: str = "", method: str = "GET") -> tuple[int, dict[str, Any]]:
    """What a replica answers."""
    connection = HTTPConnection(process.metrics, timeout=HANG_S)
    connection.request(method, f"/rollouts/{name}/verdict{query}", "{}" if method == "POST" else None)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


async def says(process: Process, verdict: str) -> None:
    """Wait for a verdict."""
    await later(lambda: asked(process)[1].get("verdict") == verdict)


@in_loop
async def test_every_replica_answers(folder: Path) -> None:
    """A rollout begins, and a person ends it; one replica decides, and both say the same."""
    replicas = [replica(folder, "one", workers=2), replica(folder, "two")]
    for process in replicas:
        process.processor.start()
    for process in replicas:
        await says(process, "hold")
    assert sorted(process.metric("llm_rollout_leads") for process in replicas) == [0, 1]
    answers = [asked(process, "tiny-chat")[1] for process in replicas]
    ages = [answer.pop("age_s") for answer in answers]
    assert all(0 <= age < 30 for age in ages)
    assert answers[0].pop("at")
    assert answers[1].pop("at")
    assert answers[0] == answers[1]
    assert (answers[0]["phase"], answers[0]["step"], answers[0]["share_percent"]) == ("running", 1, 5)
    assert asked(replicas[0], "chat-v3")[0] == 404
    for process in replicas:
        assert asked(process, query="?until=promoted", method="POST")[0] == 503
    with closing(LedgerStore("sqlite:///ledger.db", folder)) as store, store.writing() as connection:
        (state,) = rollouts(connection)
        change_by_hand(connection, state, JournalKind.PROMOTED, "kim", "", state.created_at_us + 1)
    for process in replicas:
        await says(process, "promoted")
        assert asked(process, query="?until=promoted", method="POST")[0] == 200
        assert await asyncio.to_thread(process.processor.stop) == 0


@in_loop
async def test_harm_is_told(folder: Path) -> None:
    """With its numbers, as soon as it is decided."""
    process = replica(folder, "one")
    process.processor.start()
    await says(process, "hold")
    rollout = asked(process)[1]["id"]
    with closing(LedgerStore("sqlite:///ledger.db", folder)) as store, store.writing() as connection:
        add_rate(connection, "error", Arm.CANARY, 40, 30, rollout=rollout)
        add_rate(connection, "error", Arm.STABLE, 760, 1, rollout=rollout)
    await says(process, "rolled_back")
    status, body = asked(process, rollout, "?until=promoted,rolled_back")
    assert (status, body["healthy"]) == (200, 0)
    assert body["reasons"] == ["30 of 40 exchanges of the canary failed, of 30 units; 1 % may fail."]
    (error,) = (gate for gate in body["gates"] if gate["gate"] == "error")
    assert error["difference"] > 70
    assert await asyncio.to_thread(process.processor.stop) == 0
