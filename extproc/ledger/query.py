"""Entries that match what a person asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Text, and_, cast, exists, or_, select

from extproc.domain.feedback import FeedbackType
from extproc.domain.text import Direction
from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.schema import ENTRIES, FEEDBACK
from extproc.ledger.store import ROWS_AT_ONCE, LedgerStore, entry_of


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Entries must match every given criterion.

    Attributes:
        version: VERSION or MODEL/VERSION.
        feedback: users have given such feedback for it.
        model: of that version.
        guard: which found something in the exchange.
        with_findings: only exchanges in which a guard found something.
        since_us, until_us: started at that time or later, and before that time. [us since 1970]
    """

    team: str | None = None
    project: str | None = None
    user_id: str | None = None
    endpoint: str | None = None
    version: str | None = None
    outcome: EntryOutcome | None = None
    exchange: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    feedback: FeedbackType | None = None
    model: str | None = None
    guard: str | None = None
    with_findings: bool = False


def newest(store: LedgerStore, wanted: EntryQuery, limit: int) -> list[tuple[int, LedgerEntry]]:
    """The entries that were stored last, newest first, each with its number. Raises: StoreFailed."""
    query = _chosen(wanted).order_by(ENTRIES.c.number.desc()).limit(limit)
    return [(row["number"], entry_of(row)) for row in store.rows(query)]


def in_order(store: LedgerStore, wanted: EntryQuery, after: int = 0) -> Iterator[tuple[int, LedgerEntry]]:
    """All entries behind a number, in the order in which they were stored; read in parts. Raises: StoreFailed."""
    while True:
        query = _chosen(wanted).where(ENTRIES.c.number > after).order_by(ENTRIES.c.number).limit(ROWS_AT_ONCE)
        part = store.rows(query)
        for row in part:
            yield row["number"], entry_of(row)
        if len(part) < ROWS_AT_ONCE:
            return
        after = part[-1]["number"]


def _chosen(wanted: EntryQuery) -> Select[Any]:
    columns, conditions = ENTRIES.c, []
    for name in ("team", "project", "user_id", "endpoint", "outcome", "exchange", "model"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(columns[name] == str(value))
    if wanted.version is not None:
        full = columns.model + "/" + columns.version
        conditions.append(or_(columns.version == wanted.version, full == wanted.version))
    if wanted.feedback is not None:
        given = FEEDBACK.c
        conditions.append(exists().where(given.exchange == columns.exchange, given.type == wanted.feedback.value))
    if wanted.with_findings:
        conditions.append(columns.finding_count > 0)
    if wanted.guard is not None:  # a key is GUARD/DIRECTION/KIND
        found = cast(columns.findings, Text)
        beginnings = [f'"{wanted.guard}/{direction.value}/' for direction in Direction]
        conditions.append(or_(*(found.contains(beginning, autoescape=True) for beginning in beginnings)))
    if wanted.since_us is not None:
        conditions.append(columns.started_at_us >= wanted.since_us)
    if wanted.until_us is not None:
        conditions.append(columns.started_at_us < wanted.until_us)
    return select(ENTRIES).where(and_(True, *conditions))
