"""Feedback in the ledger's store: one row for each exchange, user and type, so nothing counts twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, exists, func, select, update

from extproc.domain.feedback import FeedbackClaim, FeedbackResult, RatedExchange
from extproc.ledger.entry import NOT_REACHED
from extproc.ledger.schema import ENTRIES, FEEDBACK
from extproc.ledger.slots import insert_into

OF_EXCHANGE_MAX: Final = 100
"""Users and types."""
_OPPOSITES: Final = {"positive": "negative", "negative": "positive"}
_OF_ENTRY: Final = [ENTRIES.c[name] for name in RatedExchange._fields]


def find_rated(connection: Connection, claim: FeedbackClaim) -> RatedExchange | None:
    """The exchange that a feedback names, from its entry. Of several with one id of a response, the last of the team:
    clients can choose such ids, and those of another team hide none.
    """
    given, columns = claim.given, ENTRIES.c
    query = select(*_OF_ENTRY).where(columns.outcome.not_in(NOT_REACHED))
    if given.exchange:
        query = query.where(columns.exchange == given.exchange)
    else:
        is_foreign = case((columns.team == claim.team, 0), else_=1)
        query = query.where(columns.response_id == given.response).order_by(is_foreign, columns.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else RatedExchange(*row)


class StoredFeedback(NamedTuple):
    """What became of a feedback. ``has_new_comment``: a comment that was not there before."""

    result: FeedbackResult
    has_new_comment: bool


def store_feedback(
    connection: Connection, claim: FeedbackClaim, rated: RatedExchange, now_us: int, comment_hash: str
) -> StoredFeedback:
    """Add a feedback, or replace what the same user has said before with this type.

    Args:
        rated: the exchange; its time is not stored, as the entry has it.
        comment_hash: of a comment that somebody keeps; otherwise empty.
    Returns: with ``TOO_MANY`` nothing is stored.
    """
    said = {"score": claim.given.score, "comment_hash": comment_hash}
    place = _place_of(claim, rated.exchange)
    before = _before(connection, place)
    if before is None:
        if _is_full(connection, rated.exchange):
            return StoredFeedback(FeedbackResult.TOO_MANY, False)
        facts = {name: value for name, value in rated._asdict().items() if name in FEEDBACK.c}
        row: dict[str, Any] = {**facts, **place, **said, "created_at_us": now_us, "changed_at_us": now_us}
        insert = insert_into(connection, FEEDBACK).values(row).on_conflict_do_nothing().returning(FEEDBACK.c.exchange)
        if connection.execute(insert).one_or_none() is not None:
            return StoredFeedback(FeedbackResult.CREATED, bool(comment_hash))
        before = _before(connection, place)  # another process was faster
    if before is not None and before.items() >= said.items() and not _was_taken_back(connection, place, before):
        return StoredFeedback(FeedbackResult.REPEATED, False)
    connection.execute(update(FEEDBACK).where(_is_at(place)).values(**said, changed_at_us=now_us))
    return StoredFeedback(FeedbackResult.UPDATED, comment_hash not in ("", before and before["comment_hash"]))


def forget_comment(connection: Connection, claim: FeedbackClaim, exchange: str) -> None:
    """Nobody keeps the comment: the same one is another one when it comes again."""
    connection.execute(update(FEEDBACK).where(_is_at(_place_of(claim, exchange))).values(comment_hash=""))


def _before(connection: Connection, place: Mapping[str, str]) -> RowMapping | None:
    """What the user has said before; nobody else changes it until the transaction ends."""
    columns = FEEDBACK.c.score, FEEDBACK.c.comment_hash, FEEDBACK.c.changed_at_us
    return connection.execute(select(*columns).where(_is_at(place)).with_for_update()).mappings().one_or_none()


def _was_taken_back(connection: Connection, place: Mapping[str, str], before: RowMapping) -> bool:
    """Whether the user has given the opposite thumb since: then this one is no repetition, but the last word."""
    opposite = _OPPOSITES.get(place["type"])
    if opposite is None:
        return False
    since = FEEDBACK.c.changed_at_us > before["changed_at_us"]
    found = select(exists().where(_is_at({**place, "type": opposite}), since))
    return bool(connection.execute(found).scalar_one())


def _is_full(connection: Connection, exchange: str) -> bool:
    """Whether an exchange has as much as is kept: clients may name ever new users."""
    of_exchange = select(FEEDBACK.c.type).where(FEEDBACK.c.exchange == exchange).limit(OF_EXCHANGE_MAX)
    return connection.execute(select(func.count()).select_from(of_exchange.subquery())).scalar_one() >= OF_EXCHANGE_MAX


def _place_of(claim: FeedbackClaim, exchange: str) -> dict[str, str]:
    return {"exchange": exchange, "user_id": claim.user, "type": claim.given.type.value}


def _is_at(place: Mapping[str, str]) -> ColumnElement[bool]:
    return and_(*(FEEDBACK.c[name] == value for name, value in place.items()))
