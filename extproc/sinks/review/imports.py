"""Labels from a file, for findings that are in the store.

A label of a finding that has it already is not added again, so a file may be imported twice. An older label than the
finding's last one does not replace it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from extproc.sinks.review.entries import IDENTITY, ImportCounts, ImportedLabel, Label
from extproc.sinks.review.labels import NoSuchFinding, add_labels, labels_of, lock_findings
from extproc.sinks.review.schema import FINDINGS


class OtherFinding(Exception):
    """The store's finding of that number is not the one that the file means."""

    def __init__(self, line: int, number: int, name: str) -> None:
        super().__init__(f"finding {number} has another {name} in this store")
        self.line = line


def import_labels(connection: Connection, lines: Sequence[ImportedLabel]) -> ImportCounts:
    """Add the labels that are new. Raises: NoSuchFinding, OtherFinding; the caller rolls back."""
    numbers = [one.number for one in lines]
    found = lock_findings(connection, numbers)
    if missing := [number for number in numbers if number not in found]:
        raise NoSuchFinding(missing)
    _check_identities(connection, lines)
    said = labels_of(connection, numbers)
    new: dict[int, Label] = {}
    known = older = 0
    for one in lines:
        labels = said.get(one.number, [])
        if _is_known(one, labels):
            known += 1
        elif labels and labels[-1].at_ms > one.label.at_ms:
            older += 1
        else:
            new[one.number] = one.label
    if new:
        add_labels(connection, new)
    return ImportCounts(len(new), known, older)


def _is_known(one: ImportedLabel, labels: Sequence[Label]) -> bool:
    if one.has_time:
        return one.label in labels
    last = labels[-1] if labels else None
    return last is not None and (last.verdict, last.by, last.note) == (one.label.verdict, one.label.by, one.label.note)


def _check_identities(connection: Connection, lines: Sequence[ImportedLabel]) -> None:
    columns = [FINDINGS.c[name] for name in IDENTITY]
    for one in lines:
        if not one.identity:
            continue
        row = connection.execute(select(*columns).where(FINDINGS.c.id == one.number)).one()._mapping
        for name, value in one.identity.items():
            if row[name] != value:
                raise OtherFinding(one.line, one.number, name)
