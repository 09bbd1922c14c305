"""The store of the review queue: SQLite in a file, or PostgreSQL; several processes may share it.

Every method is one short transaction, and waits at most some seconds for others. Errors are reported without the texts
involved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, and_, delete, func, insert, or_, select

from extproc.database.engine import Database
from extproc.sinks.review.entries import (
    Entry,
    FindingQuery,
    GuardCounts,
    ImportCounts,
    ImportedLabel,
    Label,
    Names,
    ReviewLabel,
    ScoreCount,
    Stored,
)
from extproc.sinks.review.imports import import_labels
from extproc.sinks.review.labels import (
    NoSuchFinding,
    add_label_if_none,
    add_labels,
    labels_of,
    take_back_label,
)
from extproc.sinks.review.schema import FINDINGS, bring_up_to_date

GUARDS_MAX = 1_000  # names in the store come from configurations, so there are few
NAMES_MAX = 1_000  # those of teams may come from clients
_DAY_MS = 86_400_000
_ENTRY_COLUMNS = tuple(field.name for field in fields(Entry))
_VERDICTS = tuple(verdict.value for verdict in ReviewLabel)


class Store:
    """One connection pool, with the tables created or migrated. ``warnings`` are for the caller.

    Args:
        url: sqlite:///PATH or postgresql://..., as in the configuration.
        folder: base of a relative PATH.
        creates: whether to create a missing file.
    Raises: StoreFailed, here and in every method.
    """

    def __init__(self, url: str, folder: Path, *, creates: bool = True) -> None:
        self._database = Database(url, folder, bring_up_to_date, creates=creates)
        self.warnings = self._database.warnings
        self._writing, self._reading = self._database.writing, self._database.reading

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    # --- findings --------------------------------------------------------------------------------------------------

    def add(self, entries: Sequence[Entry]) -> None:
        """Add findings, all or none."""
        with self._writing() as connection:
            connection.execute(insert(FINDINGS), [asdict(entry) for entry in entries])

    def prune(self, now_ms: int, rows_max: int, days_max: int) -> int:
        """Delete findings beyond their age, then beyond the limit: oldest first, those without a label first. Returns
        how many.
        """
        with self._writing() as connection:
            old = connection.execute(delete(FINDINGS).where(FINDINGS.c.seen_at_ms < now_ms - days_max * _DAY_MS))
            excess = connection.execute(select(func.count()).select_from(FINDINGS)).scalar_one() - rows_max
            if excess <= 0:
                return old.rowcount
            last = FINDINGS.c.verdict.is_not(None), FINDINGS.c.id
            chosen = select(FINDINGS.c.id).order_by(*last).limit(excess)
            many = connection.execute(delete(FINDINGS).where(FINDINGS.c.id.in_(chosen)))
            return old.rowcount + many.rowcount

    def find(self, wanted: FindingQuery, limit: int) -> list[Stored]:
        """The newest findings that match a query, newest first."""
        query = _chosen(select(FINDINGS), wanted).order_by(FINDINGS.c.id.desc()).limit(limit)
        with self._reading() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def find_all(self, wanted: FindingQuery, rows_at_once: int = 500) -> Iterator[tuple[Stored, Label | None]]:
        """All findings that match a query, with their last labels, oldest first; read in batches, each as
        of its time.
        """
        last_id = 0
        while True:
            query = _chosen(select(FINDINGS), wanted).where(FINDINGS.c.id > last_id)
            with self._reading() as connection:
                part = [_stored(row) for row in connection.execute(query.order_by(FINDINGS.c.id).limit(rows_at_once))]
                labels = labels_of(connection, [stored.id for stored in part])
            for stored in part:
                said = labels.get(stored.id)
                yield stored, said[-1] if said else None
            if len(part) < rows_at_once:
                return
            last_id = part[-1].id

    def get(self, finding_id: int) -> tuple[Stored, list[Label]]:
        """One finding and all its labels, oldest first. Raises: NoSuchFinding."""
        with self._reading() as connection:
            row = connection.execute(select(FINDINGS).where(FINDINGS.c.id == finding_id)).one_or_none()
            if row is None:
                raise NoSuchFinding([finding_id])
            return _stored(row), labels_of(connection, [finding_id]).get(finding_id, [])

    def numbers(self, wanted: FindingQuery) -> list[int]:
        """The numbers of all findings that match a query, in order."""
        with self._reading() as connection:
            return list(connection.execute(_chosen(select(FINDINGS.c.id), wanted).order_by(FINDINGS.c.id)).scalars())

    def names(self) -> Names:
        """The guards, teams and versions of the findings."""
        with self._reading() as connection:
            some = {
                column: list(connection.execute(select(column).distinct().limit(NAMES_MAX)).scalars())
                for column in (FINDINGS.c.guard, FINDINGS.c.team)
            }
            both = connection.execute(select(FINDINGS.c.model, FINDINGS.c.version).distinct().limit(NAMES_MAX))
            versions = [f"{model}/{version}" for model, version in both if version]
        guards, teams = some.values()
        return Names(frozenset(guards), frozenset(teams), frozenset(versions))

    def scores(self, wanted: FindingQuery) -> list[ScoreCount]:
        """How many findings that match a query have which score and label, by score."""
        columns = FINDINGS.c.score, FINDINGS.c.verdict
        query = _chosen(select(*columns, func.count()), wanted).group_by(*columns).order_by(*columns)
        with self._reading() as connection:
            return [
                ScoreCount(score, ReviewLabel(verdict) if verdict else None, number)
                for score, verdict, number in connection.execute(query)
            ]

    # --- labels ----------------------------------------------------------------------------------------------------

    def label(self, finding_id: int, label: Label) -> None:
        """Add a label; the last one counts, earlier ones are kept. Raises: NoSuchFinding."""
        self.label_all({finding_id: label})

    def label_all(self, labels: Mapping[int, Label]) -> None:
        """Add a label to each of these findings, or none. Raises: NoSuchFinding with all that are not there."""
        if labels:
            with self._writing() as connection:
                add_labels(connection, labels)

    def label_waiting(self, finding_id: int, label: Label) -> Label | None:
        """Label a finding if nobody has. Returns: the label that it has already. Raises: NoSuchFinding."""
        with self._writing() as connection:
            return add_label_if_none(connection, finding_id, label)

    def take_back(self, finding_id: int, label: Label) -> Label | None:
        """Remove a label that is the finding's last. Returns: another label that is, which stays. Raises:
        NoSuchFinding.
        """
        with self._writing() as connection:
            return take_back_label(connection, finding_id, label)

    def import_labels(self, lines: Sequence[ImportedLabel]) -> ImportCounts:
        """Add the labels of a file, all or none. Raises: NoSuchFinding, OtherFinding."""
        with self._writing() as connection:
            return import_labels(connection, lines)

    def counts(self) -> list[GuardCounts]:
        """Counts of right and wrong findings by guard."""
        columns = FINDINGS.c.guard, FINDINGS.c.verdict
        query = select(*columns, func.count()).group_by(*columns).limit(GUARDS_MAX * (len(_VERDICTS) + 1))
        with self._reading() as connection:
            counted = {(guard, verdict): number for guard, verdict, number in connection.execute(query)}
        confirmed, rejected = _VERDICTS
        return [
            GuardCounts(
                guard,
                counted.get((guard, confirmed), 0),
                counted.get((guard, rejected), 0),
                counted.get((guard, None), 0),
            )
            for guard in sorted({guard for guard, _ in counted})
        ]


def _chosen(query: Select[Any], wanted: FindingQuery) -> Select[Any]:
    columns = FINDINGS.c
    conditions = []
    if wanted.guard is not None:
        conditions.append(columns.guard == wanted.guard)
    if wanted.team is not None:
        conditions.append(columns.team == wanted.team)
    if wanted.version is not None:
        full = columns.model + "/" + columns.version
        conditions.append(or_(columns.version == wanted.version, full == wanted.version))
    if wanted.labelled is not None:
        conditions.append(columns.verdict.is_not(None) if wanted.labelled else columns.verdict.is_(None))
    if wanted.exchange is not None:
        conditions.append(columns.exchange == wanted.exchange)
    if wanted.since_ms is not None:
        conditions.append(columns.seen_at_ms >= wanted.since_ms)
    return query.where(and_(True, *conditions))


def _stored(row: Row[Any]) -> Stored:
    values = row._mapping
    entry = Entry(**{name: values[name] for name in _ENTRY_COLUMNS})
    return Stored(values["id"], entry, ReviewLabel(values["verdict"]) if values["verdict"] else None)
