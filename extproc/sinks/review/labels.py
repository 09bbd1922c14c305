"""How labels are written and taken back, each within a transaction of the store.

Findings are locked in the order of their numbers, so that two reviewers never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from extproc.sinks.review.entries import Label, ReviewLabel
from extproc.sinks.review.schema import FINDINGS, LABELS

_AT_ONCE = 500  # numbers in one statement


class NoSuchFinding(Exception):
    """There are no findings with these numbers, or no longer."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(f"no such finding: {', '.join(map(str, numbers))}")
        self.numbers = tuple(numbers)


def labels_of(connection: Connection, numbers: Sequence[int]) -> dict[int, list[Label]]:
    """Labels of some findings, oldest first."""
    said: dict[int, list[Label]] = {}
    for some in _parts(numbers):
        query = select(LABELS).where(LABELS.c.finding_id.in_(some)).order_by(LABELS.c.id)
        for row in connection.execute(query):
            label = Label(ReviewLabel(row.verdict), row.labelled_by, row.labelled_at_ms, row.note)
            said.setdefault(row.finding_id, []).append(label)
    return said


def add_labels(connection: Connection, labels: Mapping[int, Label]) -> None:
    """Label findings. Raises: NoSuchFinding with all that are not there; the caller rolls back."""
    numbers = sorted(labels)
    found = lock_findings(connection, numbers)
    if missing := [number for number in numbers if number not in found]:
        raise NoSuchFinding(missing)
    for verdict in ReviewLabel:
        for some in _parts([number for number in numbers if labels[number].verdict is verdict]):
            connection.execute(update(FINDINGS).where(FINDINGS.c.id.in_(some)).values(verdict=verdict.value))
    connection.execute(insert(LABELS), [_row(number, labels[number]) for number in numbers])


def add_label_if_none(connection: Connection, number: int, label: Label) -> Label | None:
    """Label a finding that has no label. Returns: the last label of one that has, which stays. Raises:
    NoSuchFinding.
    """
    waits = FINDINGS.c.id == number, FINDINGS.c.verdict.is_(None)
    if connection.execute(update(FINDINGS).where(*waits).values(verdict=label.verdict.value)).rowcount:
        connection.execute(insert(LABELS), [_row(number, label)])
        return None
    if not lock_findings(connection, [number]):
        raise NoSuchFinding([number])
    return labels_of(connection, [number])[number][-1]


def take_back_label(connection: Connection, number: int, label: Label) -> Label | None:
    """Remove the last label of a finding, if it is this one. Returns: the last label, if it is another, which stays.
    Raises: NoSuchFinding.
    """
    if not lock_findings(connection, [number]):
        raise NoSuchFinding([number])
    said = labels_of(connection, [number]).get(number, [])
    if not said or said[-1] != label:
        return said[-1] if said else None
    last = select(LABELS.c.id).where(LABELS.c.finding_id == number).order_by(LABELS.c.id.desc()).limit(1)
    connection.execute(delete(LABELS).where(LABELS.c.id == last.scalar_subquery()))
    before = said[-2].verdict.value if len(said) > 1 else None
    connection.execute(update(FINDINGS).where(FINDINGS.c.id == number).values(verdict=before))
    return None


def lock_findings(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """The numbers of those that exist; nobody else changes them in this transaction."""
    found: set[int] = set()
    for some in _parts(sorted(numbers)):
        query = select(FINDINGS.c.id).where(FINDINGS.c.id.in_(some)).order_by(FINDINGS.c.id).with_for_update()
        found.update(connection.execute(query).scalars())
    return found


def _row(number: int, label: Label) -> dict[str, str | int]:
    return {
        "finding_id": number,
        "verdict": label.verdict.value,
        "labelled_by": label.by,
        "labelled_at_ms": label.at_ms,
        "note": label.note,
    }


def _parts(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE)]
