"""The pages of the demo's traffic and rollouts: what stays of a demo, and what a ledger is good for."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from extproc.database.engine import StoreFailed
from extproc.demo.ledger_tour import LEDGER_URL
from extproc.demo.stop import Stop
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.query import EntryQuery, in_order
from extproc.ledger.rollouts.states import journal_of, rollouts
from extproc.ledger.store import LedgerStore
from extproc.reports.html_parts import name_cell, table_of
from extproc.reports.rollout_page import rollout_page
from extproc.reports.traffic_page import traffic_page

_TITLE = "What went through the gateway during the demo"


def write_demo_page(file: Path | None, folder: Path, stops: Sequence[Stop]) -> Path:
    """Write it. Raises: OSError; RuntimeError: the ledger cannot be read.

    Args:
        file: where; None: a new file in the temporary folder.
        folder: of the demo, in which its ledger is.
    Returns: the file.
    """
    page = demo_page(_entries(folder), stops)
    if file is None:
        descriptor, name = tempfile.mkstemp(".html", "llm-extproc-demo-")
        os.close(descriptor)
        file = Path(name)
    file.write_text(page, encoding="utf-8")
    return file


def write_rollout_reports(folder: Path) -> list[Path]:
    """Write a page about each rollout of a demo in its folder, as ``extproc rollout report`` does.

    Raises: OSError; RuntimeError: the ledger cannot be read.
    """
    written = []
    with _opened(folder) as store, store.reading() as connection:
        for state in rollouts(connection):
            file = folder / f"rollout-{state.name}.html"
            file.write_text(rollout_page(state.id, journal_of(connection, state.id)), encoding="utf-8")
            written.append(file)
    return written


def demo_page(entries: Sequence[LedgerEntry], stops: Sequence[Stop]) -> str:
    """The page of some exchanges, and of the stops that caused them."""
    right = sum(not stop.wrong for stop in stops)
    return traffic_page(_TITLE, f"{right} of {len(stops)} stops are right.", entries, [_table_of_stops(stops)])


def _entries(folder: Path) -> list[LedgerEntry]:
    with _opened(folder) as store:
        return [entry for _, entry in in_order(store, EntryQuery())]


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[LedgerStore]:
    try:
        with contextlib.closing(LedgerStore(LEDGER_URL, folder, creates=False)) as store:
            yield store
    except StoreFailed as failed:
        raise RuntimeError(f"the ledger of the demo: {failed}") from failed


def _table_of_stops(stops: Sequence[Stop]) -> str:
    heads = [f'<th scope="col">{name}</th>' for name in ("stop", "what came of it", "found")]
    body = [
        f"<tr>{''.join(map(name_cell, (stop.title, '; '.join(stop.wrong) or stop.came_of_it, stop.found_where)))}</tr>"
        for stop in stops
    ]
    return table_of("Stops", heads, body)
