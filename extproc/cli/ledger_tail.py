"""The newest entries of the ledger, and those that follow: for ``extproc ledger tail`` and ``extproc tail``."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from extproc.cli.ledger_output import EntryLines, entry_data
from extproc.cli.ledger_store import opened
from extproc.cli.output import print_json
from extproc.cli.progress import progress
from extproc.cli.tables import result_console

if TYPE_CHECKING:
    from extproc.ledger.query import EntryQuery

FOLLOW_S: Final = 0.5


class Tail(NamedTuple):
    """How entries are shown. ``lines``: before the next ones; ``findings``: with what guards found."""

    lines: int
    follow: bool
    as_json: bool
    findings: bool


def show_tail(config: Path, wanted: EntryQuery, tail: Tail) -> None:
    """Show the newest entries, the newest last, and go on with the next ones until a signal comes."""
    from extproc.ledger.query import in_order, newest

    with ExitStack() as undo:
        with progress("Reading the entries"):
            ledger = undo.enter_context(opened(config))
            found = newest(ledger.store, wanted, max(tail.lines, 1))[::-1]
        last = found[-1][0] if found else 0
        shown = [entry for _, entry in found] if tail.lines else []
        if tail.as_json:
            print_json({"entries": [entry_data(entry) for entry in shown]})
            return
        rows = EntryLines(result_console(), tail.findings)
        rows.head()
        rows.show(shown)
        while tail.follow:
            sys.stdout.flush()
            time.sleep(FOLLOW_S)
            for number, entry in in_order(ledger.store, wanted, last):
                rows.show([entry])
                last = number
