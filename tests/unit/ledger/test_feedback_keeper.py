"""What takes feedback in a process: whose exchange it is, how old, and what happens while the store fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import select

from extproc.domain.feedback import CommentFate, FeedbackClaim, FeedbackResult, FeedbackType, RatedExchange
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices
from extproc.exchange.recent_exchanges import RecentExchanges
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.feedback_keeper import AGAIN_MAX, AHEAD_US_MAX, WAITING_MAX, FeedbackKeeper
from extproc.ledger.schema import FEEDBACK
from extproc.ledger.store import LedgerStore
from tests.unit.databases import Server, running
from tests.unit.ledger.feedback_samples import WEEK_US, claim
from tests.unit.ledger.samples import entry
from tests.unit.server.loops import in_loop

CREATED, NOT_FOUND = FeedbackResult.CREATED, FeedbackResult.NOT_FOUND
UNAVAILABLE = FeedbackResult.UNAVAILABLE


class Counts:
    """What was counted."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str]] = []

    def given(self, feedback_type: str, model: str, version: str) -> None:
        """One that is new."""
        self.all.append((feedback_type, model, version))


class Comments:
    """The queue of comments, with room for some."""

    def __init__(self, room: int = 10) -> None:
        self.room = room
        self.taken: list[tuple[str, RatedExchange]] = []

    def take_comment(self, claim: FeedbackClaim, rated: RatedExchange) -> bool:
        """One more, if there is room."""
        if len(self.taken) >= self.room:
            return False
        self.taken.append((claim.given.comment, rated))
        return True


class Log:
    """The lines that were logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, message: str, **_: Any) -> None:
        """One."""
        self.lines.append(message)

    warning = error


class Kept:
    """A keeper with all that it needs; its thread is the test's, unless it is threaded."""

    def __init__(
        self, url: str, *, comments: Comments | None = None, again_s: float = 1_000.0, threaded: bool = False
    ) -> None:
        self.counts, self.log, self.comments = Counts(), Log(), comments
        recent, parts = RecentExchanges(100), (comments, self.log)
        self.keeper = FeedbackKeeper(url, Path("/"), recent, self.counts, *parts, again_s=again_s, threaded=threaded)
        self.recent = recent

    async def gives(self, one: FeedbackClaim) -> FeedbackClaim:
        """The answer to a feedback."""
        asked = asyncio.ensure_future(self.keeper.ask(one))
        await asyncio.sleep(0)  # it is queued
        await asyncio.to_thread(self.keeper.turn)
        return await asked


@pytest.fixture
def kept(url: str, store: LedgerStore) -> Iterator[Kept]:
    """Of a store with one entry, which ended just now."""
    store.add([now_ended()])
    made = Kept(url, comments=Comments())
    yield made
    made.keeper.close()


def now_us() -> int:
    """Now. [us since 1970]"""
    return time.time_ns() // 1_000


def now_ended(**changed: Any) -> LedgerEntry:
    """An entry."""
    return entry(**({"ended_at_us": now_us()} | changed))


def ended(exchange: str, team: str = "search") -> ExchangeRecord:
    """The record of an exchange that has just ended, whose entry is on its way."""
    record = ExchangeRecord(exchange, "", 0, 1, team=team, outcome=Outcome.COMPLETED)
    record.version, record.ended_ns = VersionFacts("tiny", "v9", "f9", Prices(0, 0, 0)), time.monotonic_ns()
    return record


@in_loop
async def test_feedback_is_joined_to_the_entry(kept: Kept, store: LedgerStore) -> None:
    """Counted once, with the version that answered."""
    assert (await kept.gives(claim())).result is CREATED
    assert (await kept.gives(claim())).result is FeedbackResult.REPEATED
    assert (await kept.gives(claim(score=1))).result is FeedbackResult.UPDATED
    assert (await kept.gives(claim(FeedbackType.COPY))).result is CREATED
    assert kept.counts.all == [("negative", "tiny", "v2"), ("copy", "tiny", "v2")]
    (copy, negative) = store.rows(select(FEEDBACK).order_by(FEEDBACK.c.type))
    assert (negative["version"], negative["prompt"], negative["route"], negative["team"]) == (
        "v2",
        "helper",
        "night",
        "search",
    )
    assert copy["type"] == "copy"
    assert abs(negative["created_at_us"] - now_us()) < 600_000_000


@in_loop
async def test_it_may_come_before_the_entry(kept: Kept, store: LedgerStore) -> None:
    """The process remembers what it has had; another one finds it when the entry is there."""
    kept.recent.exchange_ended(ended("new-1"))
    assert (await kept.gives(claim(exchange="new-1"))).result is CREATED
    assert kept.counts.all == [("negative", "tiny", "v9")]
    assert (await kept.gives(claim(exchange="new-2"))).result is NOT_FOUND
    store.add([now_ended(exchange="new-2")])
    assert (await kept.gives(claim(exchange="new-2"))).result is CREATED


@in_loop
async def test_it_is_looked_again_for_an_exchange_of_another_worker(url: str, store: LedgerStore) -> None:
    """Its entry is on its way. Those that are nowhere are refused then, and at once if many wait for that."""
    kept = Kept(url, again_s=0.0)
    asked = asyncio.ensure_future(kept.keeper.ask(claim()))
    await asyncio.sleep(0)
    await asyncio.to_thread(kept.keeper.turn)
    store.add([now_ended()])
    await asyncio.to_thread(kept.keeper.turn)
    assert (await asked).result is CREATED
    asked = asyncio.ensure_future(kept.keeper.ask(claim(exchange="none")))
    for _ in range(2):
        await asyncio.sleep(0)
        await asyncio.to_thread(kept.keeper.turn)
    assert (await asked).result is NOT_FOUND
    patient = Kept(url, again_s=10.0)
    waiting = [asyncio.ensure_future(patient.keeper.ask(claim(exchange="none"))) for _ in range(AGAIN_MAX + 2)]
    await asyncio.sleep(0)
    for _ in waiting:
        await asyncio.to_thread(patient.keeper.turn)
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 2:
        more, _ = await asyncio.wait(set(waiting) - done, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert [one.result().result for one in done] == [NOT_FOUND] * 2
    for one in waiting:
        one.cancel()
    for each in (kept, patient):
        each.keeper.close()


@in_loop
async def test_the_exchange_of_another_team_is_refused_as_late_as_one_that_is_nowhere(
    url: str, store: LedgerStore
) -> None:
    """The time tells nothing of it."""
    store.add([now_ended()])
    kept = Kept(url, again_s=0.0)
    for one, result in ((claim(team="hr"), FeedbackResult.FOREIGN), (claim(exchange="none"), NOT_FOUND)):
        asked = asyncio.ensure_future(kept.keeper.ask(one))
        for _ in range(2):
            assert not asked.done()
            await asyncio.sleep(0)
            await asyncio.to_thread(kept.keeper.turn)
        assert (await asked).result is result
    kept.keeper.close()


@in_loop
async def test_an_answer_may_be_named_by_its_own_id(kept: Kept, store: LedgerStore) -> None:
    """Remembered or stored: it is the same feedback, and the client learns of which exchange."""
    record = ended("new-1")
    record.response_id = "chatcmpl-7"
    kept.recent.exchange_ended(record)
    given = await kept.gives(claim(exchange="", response="chatcmpl-7", comment="no"))
    assert (given.result, given.exchange) == (CREATED, "new-1")
    assert (await kept.gives(claim(exchange="new-1", comment="no"))).result is FeedbackResult.REPEATED
    stored = await kept.gives(claim(exchange="", response="chatcmpl-1"))
    assert (stored.result, stored.exchange) == (CREATED, "ab12-1")
    assert len(store.rows(select(FEEDBACK))) == 2
    for team, result in (("atlas", FeedbackResult.FOREIGN), ("search", FeedbackResult.REPEATED)):
        assert (await kept.gives(claim(exchange="", response="chatcmpl-1", team=team))).result is result
    assert (await kept.gives(claim(exchange="", response="chatcmpl-7", team="atlas"))).result is NOT_FOUND


@in_loop
async def test_only_the_team_of_an_exchange_may_rate_it(kept: Kept, store: LedgerStore) -> None:
    """Remembered or stored; nothing is written for others."""
    kept.recent.exchange_ended(ended("new-1"))
    for exchange in ("ab12-1", "new-1"):
        for team in ("atlas", "unknown", "other", "", "Search"):
            assert (await kept.gives(claim(exchange=exchange, team=team))).result is FeedbackResult.FOREIGN
    assert store.rows(select(FEEDBACK)) == []
    assert kept.counts.all == []


@in_loop
async def test_an_old_exchange_is_rated_no_more(kept: Kept, store: LedgerStore) -> None:
    """By the end of it. That of another team is foreign all the same."""
    store.add([now_ended(exchange="old", ended_at_us=now_us() - WEEK_US - 1_000_000)])
    store.add([now_ended(exchange="late", ended_at_us=now_us() - WEEK_US + 60_000_000)])
    assert (await kept.gives(claim(exchange="old"))).result is FeedbackResult.TOO_LATE
    assert (await kept.gives(claim(exchange="old", team="atlas"))).result is FeedbackResult.FOREIGN
    assert (await kept.gives(claim(exchange="late"))).result is CREATED


@in_loop
async def test_an_exchange_of_tomorrow_is_not_there_yet(kept: Kept, store: LedgerStore) -> None:
    """Where a clock was wrong; a little ahead is none: machines differ."""
    store.add([now_ended(exchange="tomorrow", ended_at_us=now_us() + 86_400_000_000)])
    store.add([now_ended(exchange="soon", ended_at_us=now_us() + AHEAD_US_MAX // 2)])
    assert (await kept.gives(claim(exchange="tomorrow"))).result is NOT_FOUND
    assert (await kept.gives(claim(exchange="soon"))).result is CREATED


@in_loop
async def test_a_comment_goes_to_the_queue_once(kept: Kept) -> None:
    """A changed one again; one of a feedback that is refused never."""
    assert kept.comments is not None
    fates = [
        (await kept.gives(one)).comment_fate
        for one in (
            claim(comment="no"),
            claim(comment="no"),
            claim(comment="no", score=1),
            claim(FeedbackType.POSITIVE),
            claim(comment="no", score=1),  # the last word again
            claim(comment="not so"),
            claim(),
        )
    ]
    assert fates == [CommentFate.KEPT] * 3 + [CommentFate.NONE] + [CommentFate.KEPT] * 2 + [CommentFate.NONE]
    assert (await kept.gives(claim(comment="no", team="atlas"))).comment_fate is CommentFate.NONE
    assert [(comment, rated.exchange, rated.version) for comment, rated in kept.comments.taken] == [
        ("no", "ab12-1", "v2"),
        ("not so", "ab12-1", "v2"),
    ]


@in_loop
async def test_a_comment_without_a_place_is_dropped(url: str, store: LedgerStore) -> None:
    """The feedback is stored, the client is told, and the ledger has not even a hash."""
    store.add([now_ended()])
    kept = Kept(url)
    for result in (CREATED, FeedbackResult.REPEATED):
        given = await kept.gives(claim(comment="no"))
        assert (given.result, given.comment_fate) == (result, CommentFate.DROPPED)
    (row,) = store.rows(select(FEEDBACK))
    assert row["comment_hash"] == ""
    kept.keeper.close()


@in_loop
async def test_a_comment_that_found_no_room_may_come_again(url: str, store: LedgerStore) -> None:
    """It is counted once all the same."""
    store.add([now_ended()])
    comments = Comments(room=0)
    kept = Kept(url, comments=comments)
    full = await kept.gives(claim(comment="no"))
    comments.room = 1
    again = [await kept.gives(claim(comment="no")) for _ in range(2)]
    assert [(one.result, one.comment_fate) for one in (full, *again)] == [
        (CREATED, CommentFate.DROPPED),
        (FeedbackResult.UPDATED, CommentFate.KEPT),
        (FeedbackResult.REPEATED, CommentFate.KEPT),
    ]
    assert len(comments.taken) == len(kept.counts.all) == 1
    kept.keeper.close()


# --- when it fails ---------------------------------------------------------------------------------------------------


@in_loop
async def test_while_the_store_is_gone_nothing_is_taken(tmp_path: Path, store: LedgerStore) -> None:
    """Told and logged once; then it goes on by itself."""
    assert store.count() == 0
    folder = tmp_path / "not there yet"
    kept = Kept(f"sqlite:///{folder / 'store.db'}")
    for _ in range(3):
        assert (await kept.gives(claim())).result is UNAVAILABLE
    assert kept.log.lines == ["feedback store failing"]
    folder.mkdir()
    assert (await kept.gives(claim())).result is NOT_FOUND
    assert kept.log.lines == ["feedback store failing", "feedback store recovered"]
    kept.keeper.close()


@in_loop
async def test_a_server_that_is_stopped_and_started_again(tmp_path: Path) -> None:
    """PostgreSQL: connections break, and feedback is stored again afterwards. What was told stays true."""
    with running() as server:
        url = server.new_database()
        store = LedgerStore(url, tmp_path)
        store.add([now_ended()])
        kept = Kept(url)
        assert (await kept.gives(claim())).result is CREATED
        await asyncio.to_thread(Server.stop, server)
        assert (await kept.gives(claim(FeedbackType.COPY))).result is UNAVAILABLE
        await asyncio.to_thread(Server.start, server)
        assert (await kept.gives(claim(FeedbackType.COPY))).result is CREATED
        assert (await kept.gives(claim())).result is FeedbackResult.REPEATED
        assert kept.counts.all == [("negative", "tiny", "v2"), ("copy", "tiny", "v2")]
        kept.keeper.close()
        store.close()


@in_loop
async def test_who_waits_too_long_is_told_so(kept: Kept, store: LedgerStore) -> None:
    """And what nobody waits for any more is not begun: the client was asked to come again."""
    told = await kept.keeper.ask(claim(wait_ms=1))
    assert told.result is UNAVAILABLE
    await asyncio.to_thread(kept.keeper.turn)
    assert store.rows(select(FEEDBACK)) == []
    assert (await kept.gives(claim())).result is CREATED


@in_loop
async def test_an_answer_that_comes_too_late_changes_nothing(kept: Kept) -> None:
    """The claim that a client was answered by is its own."""
    one = claim(wait_ms=50)
    told = await kept.keeper.ask(one)
    one.result = CREATED
    assert told.result is UNAVAILABLE


@in_loop
async def test_a_client_that_has_gone_is_no_reason_to_forget(kept: Kept, store: LedgerStore) -> None:
    """A page that is closed sends its thumb as the last thing."""
    asked = asyncio.ensure_future(kept.keeper.ask(claim()))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.to_thread(kept.keeper.turn)
    assert len(store.rows(select(FEEDBACK))) == 1


@in_loop
async def test_too_many_that_wait_are_refused_at_once(kept: Kept, store: LedgerStore) -> None:
    """The others are stored."""
    exchanges = [f"e-{number}" for number in range(WAITING_MAX + 3)]
    store.add([now_ended(exchange=one) for one in exchanges])
    waiting = [asyncio.ensure_future(kept.keeper.ask(claim(exchange=one))) for one in exchanges]
    await asyncio.sleep(0)
    for _ in range(WAITING_MAX):
        await asyncio.to_thread(kept.keeper.turn)
    results = [one.result for one in await asyncio.gather(*waiting)]
    assert (results.count(CREATED), results.count(UNAVAILABLE)) == (WAITING_MAX, 3)
    assert len(store.rows(select(FEEDBACK))) == WAITING_MAX


@in_loop
async def test_an_internal_error_ends_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged by its kind, and the next one is taken."""

    def fail(*_: object) -> None:
        raise ValueError("xyzzy")

    with monkeypatch.context() as patched:
        patched.setattr(kept.recent, "get", fail)
        assert (await kept.gives(claim())).result is UNAVAILABLE
    assert kept.log.lines == ["feedback failed"]
    assert (await kept.gives(claim())).result is CREATED


@in_loop
async def test_what_waits_is_stored_before_the_end(url: str, store: LedgerStore) -> None:
    """Then nothing more is taken."""
    store.add([now_ended()])
    kept = Kept(url, threaded=True)
    asked = [asyncio.ensure_future(kept.keeper.ask(claim(user=str(one)))) for one in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(kept.keeper.close)
    assert [one.result for one in await asyncio.gather(*asked)] == [CREATED] * 20
    assert (await kept.keeper.ask(claim(user="late"))).result is UNAVAILABLE


@in_loop
async def test_a_loop_that_is_closed_is_not_told(kept: Kept) -> None:
    """Its process ends."""
    loop = asyncio.new_event_loop()
    done = Event()

    async def ask() -> None:
        asked = asyncio.ensure_future(kept.keeper.ask(claim()))
        await asyncio.sleep(0)
        assert not asked.done()
        done.set()

    def run() -> None:
        loop.run_until_complete(ask())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    await asyncio.to_thread(run)
    assert done.is_set()
    await asyncio.to_thread(kept.keeper.turn)
    assert kept.log.lines == []
    assert kept.counts.all == [("negative", "tiny", "v2")]
