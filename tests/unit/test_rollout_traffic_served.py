"""``extproc serve`` in two pods of a mesh: their rollout is written into a route, and their exchanges are its arms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from grpc import aio
from sqlalchemy import select

from extproc.ledger.rollouts.by_hand import change_by_hand
from extproc.ledger.rollouts.kubernetes.keeper import QUIET_S, SETTLE_S
from extproc.ledger.rollouts.kubernetes.objects import KINDS, ReadObject, is_same, places_of, share_in
from extproc.ledger.rollouts.states import RolloutState, rollouts
from extproc.ledger.schema import ENTRIES
from extproc.ledger.store import LedgerStore
from extproc.rollout.journal import JournalKind
from tests.unit.databases import Server
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.server.clients import exchange, say
from tests.unit.server.envoy import request_body, request_headers, response_body, response_headers
from tests.unit.server.loops import in_loop_within
from tests.unit.server.processes import Process, later, short_folder

ROUTE = EXAMPLES["HTTPRoute"]
ROLLOUT = {
    **{"name": "chat-v2", "model": "tiny-chat", "stable": "v1", "canary": "v2", "warm_up_s": 0},
    "traffic": ROUTE.traffic.model_dump(),
}
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
    """For sockets and files of all pods."""
    with short_folder() as folder:
        yield folder


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """With the route, whose weights nobody manages."""
    with serving(ApiServer()) as server:
        server.create("httproutes", ROUTE.trees[0], "people", KINDS["HTTPRoute"].owns)
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(folder, server.url)))
        yield server


def pod(folder: Path, version: str, url: str) -> Process:
    """One that serves a version, with the ledger of all."""
    (folder / version).mkdir()
    sections = {"role": "guard", "guard_version": f"tiny-chat/{version}", "ledger": {"url": url}, "rollouts": [ROLLOUT]}
    process = Process(folder / version, **sections)
    text = process.config.replace("filters:\n  - filter: version\n", V2).replace(
        "meter\n", "meter\n  - filter: signals\n"
    )
    process.file.write_text(text)
    return process


async def answered(channel: aio.Channel) -> None:
    """A chat that ends as it should."""
    call = exchange(channel)
    await say(call, request_headers(), request_body("Hi"), response_headers(), response_body("Good morning"))
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.OK


@pytest.mark.timeout(240)
@in_loop_within(2 * (QUIET_S + SETTLE_S))
async def test_two_pods_roll_out_by_a_route(folder: Path, server: ApiServer, postgres: Server) -> None:
    """One of both writes the first share; then each exchange is of the arm of its pod; a person rolls back."""
    url = postgres.new_database()
    pods = {version: pod(folder, version, url) for version in ("v1", "v2")}
    for process in pods.values():
        process.processor.start()
    (path,) = server.objects
    (place,) = places_of(ROUTE.traffic)

    def has(share: float) -> bool:
        return is_same(share_in(ROUTE.traffic, [ReadObject(place, server.objects[path])]), share)

    await later(lambda: has(0.05))
    with closing(LedgerStore(url, folder)) as store:

        def arms() -> set[tuple[str, str]]:
            with store.reading() as connection:
                query = select(ENTRIES.c.version, ENTRIES.c.arm).where(ENTRIES.c.arm != "")
                return {(version, arm) for version, arm in connection.execute(query)}

        channels = [process.channel() for process in pods.values()]
        while await asyncio.to_thread(arms) != {("v1", "stable"), ("v2", "canary")}:
            for channel in channels:
                await answered(channel)
            await asyncio.sleep(0.1)  # the pace of traffic, until the share has settled
        (state,) = await asyncio.to_thread(_states, store)
        await asyncio.to_thread(_roll_back, store, state)
        await later(lambda: has(0.0))
        for channel in channels:
            await channel.close()
    for process in pods.values():
        assert await asyncio.to_thread(process.processor.stop) == 0


def _states(store: LedgerStore) -> list[RolloutState]:
    with store.reading() as connection:
        return rollouts(connection)


def _roll_back(store: LedgerStore, state: RolloutState) -> None:
    with store.writing() as connection:
        change_by_hand(connection, state, JournalKind.ROLLED_BACK, "kim", "", state.changed_at_us + 1)
