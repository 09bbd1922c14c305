"""Feedback in the ledger's store: one row for each exchange, user and type, so nothing counts twice."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, and_, case, or_, select, update

from extproc.domain.feedback import FeedbackClaim, FeedbackResult, RatedExchange
from extproc.ledger.entry import NOT_REACHED
from extproc.ledger.schema import ENTRIES, FEEDBACK
from extproc.ledger.slots import insert_into

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


def store_feedback(connection: Connection, claim: FeedbackClaim, rated: RatedExchange, now_us: int) -> FeedbackResult:
    """Add a feedback, or replace what the same user has said before with this type.

    Args: rated: the exchange; its time is not stored, as the entry has it.
    """
    given = claim.given
    said = {"score": given.score, "comment_hash": claim.comment_hash(rated.exchange)}
    place = {"exchange": rated.exchange, "user_id": claim.user, "type": given.type.value}
    facts = {name: value for name, value in rated._asdict().items() if name in FEEDBACK.c}
    row: dict[str, Any] = {**facts, **place, **said, "created_at_us": now_us, "changed_at_us": now_us}
    insert = insert_into(connection, FEEDBACK).values(row).on_conflict_do_nothing().returning(FEEDBACK.c.exchange)
    if connection.execute(insert).one_or_none() is not None:
        return FeedbackResult.CREATED
    is_it = and_(*(FEEDBACK.c[name] == value for name, value in place.items()))
    differs = or_(*(FEEDBACK.c[name].is_distinct_from(value) for name, value in said.items()))
    change = update(FEEDBACK).where(is_it, differs).values(**said, changed_at_us=now_us)
    changed = connection.execute(change.returning(FEEDBACK.c.exchange)).one_or_none()
    return FeedbackResult.REPEATED if changed is None else FeedbackResult.UPDATED
