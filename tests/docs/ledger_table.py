"""The table of the ledger's columns, from the docstring of an entry."""

from __future__ import annotations

import inspect
import re

from sqlalchemy.dialects import postgresql

from extproc.ledger.entry import EntryOutcome, LedgerEntry
from extproc.ledger.schema import ENTRIES

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_OF_TABLE = [
    (["number"], "in the order in which entries were stored"),
    (["day"], "of `started_at_us`, in UTC"),
]


def described() -> list[tuple[list[str], str]]:
    """Names of fields, and what the docstring says of them."""
    told = str(inspect.getdoc(LedgerEntry)).partition("Attributes:\n")[2]
    lines = re.sub(r"\n {8,}", " ", told).splitlines()
    found = [line.strip().partition(": ") for line in lines if line.strip()]
    return [(names.split(", "), meaning.rstrip(".")) for names, _, meaning in found]


def ledger_table() -> str:
    """One row for each column of the table."""
    rows = ["| column | type | meaning |", "|---|---|---|"]
    for names, meaning in [*_OF_TABLE, *described()]:
        for number, name in enumerate(names):
            kind = ENTRIES.c[name].type.compile(_DIALECT).lower()
            rows.append(f"| `{name}` | {kind} | {meaning if number == 0 else 'likewise'} |")
    return "\n".join(rows)


def outcomes_table() -> str:
    """One row for each outcome, from the comments of its class."""
    rows = ["| outcome | meaning |", "|---|---|"]
    for line in inspect.getsource(EntryOutcome).splitlines():
        found = re.match(r'\s+[A-Z_]+ = "(\w+)"(?:  # (.+))?$', line)
        if found:
            rows.append(f"| `{found[1]}` | {found[2] or 'the answer ended as it should'} |")
    return "\n".join(rows)
