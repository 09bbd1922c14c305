"""Feedback in the store, on both databases: once for each exchange, user and type."""

from __future__ import annotations

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

from sqlalchemy import select, text

from extproc.domain.feedback import FeedbackClaim, FeedbackResult, FeedbackType, RatedExchange
from extproc.ledger.entry import EntryOutcome
from extproc.ledger.feedback_table import OF_EXCHANGE_MAX, find_rated, store_feedback
from extproc.ledger.schema import FEEDBACK
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.feedback_samples import RATED, claim
from tests.unit.ledger.samples import NOON_US, bare_entry, entry

POSITIVE, NEGATIVE = FeedbackType.POSITIVE, FeedbackType.NEGATIVE


def gave(store: LedgerStore, one: FeedbackClaim, now_us: int = NOON_US, rated: RatedExchange = RATED) -> FeedbackResult:
    """It is given."""
    with store.writing() as connection:
        rated = rated._replace(exchange=one.given.exchange)
        return store_feedback(connection, one, rated, now_us, one.comment_hash(rated.exchange)).result


def rows(store: LedgerStore) -> list[dict[str, Any]]:
    """What is stored."""
    found = store.rows(select(FEEDBACK).order_by(FEEDBACK.c.exchange, FEEDBACK.c.user_id, FEEDBACK.c.type))
    return [dict(row) for row in found]


def by_version(store: LedgerStore) -> list[dict[str, Any]]:
    """What a person reads."""
    found = store.rows(text("SELECT * FROM feedback_by_version ORDER BY model, version"))
    return [dict(row) for row in found]


def test_an_exchange_is_found_by_its_entry(store: LedgerStore) -> None:
    """If a model had the request."""
    store.add([entry(), bare_entry(), entry(exchange="c", outcome=EntryOutcome.UNREACHABLE)])
    with store.reading() as connection:
        assert find_rated(connection, claim()) == RATED
        found = [find_rated(connection, claim(exchange=one)) for one in ("ab12-9", "c", "ab12", "%")]
        assert found == [None] * 4


def test_an_exchange_is_found_by_the_id_of_its_response(store: LedgerStore) -> None:
    """Of several the last one of the team; that of another team only if the team has none: it is refused then."""
    store.add(
        [
            entry(response_id="chatcmpl-7"),
            entry(exchange="b", response_id="chatcmpl-7"),
            entry(exchange="c", response_id="chatcmpl-7", team="atlas"),
            entry(exchange="d", response_id="chatcmpl-8", team="atlas"),
            entry(exchange="e", response_id=""),
        ]
    )
    with store.reading() as connection:
        found = [find_rated(connection, claim(exchange="", response=f"chatcmpl-{number}")) for number in (7, 8, 9)]
    assert [None if one is None else (one.exchange, one.team) for one in found] == [
        ("b", "search"),
        ("d", "atlas"),
        None,
    ]


def test_a_feedback_is_stored_once(store: LedgerStore) -> None:
    """With all that led to the answer; a repetition changes nothing, another score or comment replaces."""
    assert gave(store, claim()) is FeedbackResult.CREATED
    assert gave(store, claim(), NOON_US + 1) is FeedbackResult.REPEATED
    assert gave(store, claim(score=0.5), NOON_US + 2) is FeedbackResult.UPDATED
    assert gave(store, claim(score=0.5, comment="no"), NOON_US + 3) is FeedbackResult.UPDATED
    assert gave(store, claim(score=0.5, comment="no"), NOON_US + 4) is FeedbackResult.REPEATED
    assert rows(store) == [
        {
            "exchange": "ab12-1",
            "user_id": "ann",
            "type": "negative",
            "created_at_us": NOON_US,
            "changed_at_us": NOON_US + 3,
            "score": 0.5,
            "comment_hash": claim(comment="no").comment_hash("ab12-1"),
            "team": "search",
            "project": "index",
            "route": "night",
            "model": "tiny",
            "version": "v2",
            "fingerprint": "f2",
            "prompt": "helper",
            "prompt_fingerprint": "p1",
        }
    ]
    assert gave(store, claim(), NOON_US + 5) is FeedbackResult.UPDATED
    assert (rows(store)[0]["score"], rows(store)[0]["comment_hash"]) == (None, "")


def test_users_and_types_and_exchanges_are_apart(store: LedgerStore) -> None:
    """Each counts."""
    several = [claim(), claim(user=""), claim(POSITIVE), claim(exchange="b")]
    assert [gave(store, one) for one in several] == [FeedbackResult.CREATED] * 4
    assert [gave(store, one) for one in several] == [FeedbackResult.REPEATED] * 4
    assert len(rows(store)) == 4


def test_an_exchange_has_a_bounded_number(store: LedgerStore) -> None:
    """Of users that a client names. What is there can be changed and repeated."""
    for number in range(OF_EXCHANGE_MAX):
        assert gave(store, claim(user=f"u-{number}")) is FeedbackResult.CREATED
    assert gave(store, claim(user="one more")) is FeedbackResult.TOO_MANY
    assert gave(store, claim(POSITIVE, user="u-1")) is FeedbackResult.TOO_MANY
    assert gave(store, claim(user="u-1")) is FeedbackResult.REPEATED
    assert gave(store, claim(user="u-1", score=1)) is FeedbackResult.UPDATED
    assert gave(store, claim(exchange="b")) is FeedbackResult.CREATED
    assert len(rows(store)) == OF_EXCHANGE_MAX + 1


def test_many_at_once_store_it_once(url: str, store: LedgerStore) -> None:
    """From several processes: one of them creates it."""
    assert rows(store) == []
    results: list[FeedbackResult] = []
    barrier = Barrier(4)

    def give() -> None:
        own = LedgerStore(url, Path("/"))
        barrier.wait()
        results.extend(gave(own, claim(exchange=f"e-{number}")) for number in range(20))
        own.close()

    threads = [Thread(target=give) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (results.count(FeedbackResult.CREATED), results.count(FeedbackResult.REPEATED)) == (20, 60)
    assert len(rows(store)) == 20


def test_feedback_by_version(store: LedgerStore) -> None:
    """Counts of each type, and the mean of all scores."""
    other = RATED._replace(version="v3", fingerprint="f3")
    gave(store, claim(exchange="a", score=1))
    gave(store, claim(exchange="b", user="bob", score=3))
    gave(store, claim(FeedbackType.COPY, exchange="a"))
    gave(store, claim(POSITIVE, exchange="c"), rated=other)
    same = {"model": "tiny", "prompt": "helper", "prompt_fingerprint": "p1", "route": "night"}
    none = {"positive": 0, "negative": 0, "regenerate": 0, "copy": 0, "custom": 0}
    assert by_version(store) == [
        {**same, "version": "v2", "fingerprint": "f2", **none, "negative": 2, "copy": 1, "mean_score": 2.0},
        {**same, "version": "v3", "fingerprint": "f3", **none, "positive": 1, "mean_score": None},
    ]


def test_of_two_opposite_thumbs_the_later_one_counts(store: LedgerStore) -> None:
    """Of one user: who changes their mind has one opinion. What else they did stays."""

    def thumbs() -> tuple[int, int, int]:
        (row,) = by_version(store)
        return row["positive"], row["negative"], row["copy"]

    gave(store, claim(POSITIVE), NOON_US)
    gave(store, claim(FeedbackType.COPY), NOON_US)
    assert thumbs() == (1, 0, 1)
    gave(store, claim(NEGATIVE), NOON_US + 1)
    assert thumbs() == (0, 1, 1)
    assert gave(store, claim(POSITIVE), NOON_US + 2) is FeedbackResult.UPDATED  # as before, but the last word again
    assert thumbs() == (1, 0, 1)
    assert gave(store, claim(POSITIVE), NOON_US + 2) is FeedbackResult.REPEATED
    gave(store, claim(NEGATIVE, user="bob"), NOON_US + 3)
    assert thumbs() == (1, 1, 1)
    gave(store, claim(POSITIVE, user="bob"), NOON_US + 3)  # at the same time: the worse one
    assert thumbs() == (1, 1, 1)
