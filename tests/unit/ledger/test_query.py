"""Which entries a person asks for, on both databases."""

from __future__ import annotations

import pytest

from extproc.ledger.query import EntryQuery, in_order, newest
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.samples import bare_entry, entry

ENTRIES = [
    entry(exchange="a"),
    entry(exchange="b", model="other", findings={"a.b-c_d/x/request/K": 1, "pii/request/URL": 1}),
    entry(exchange="c", findings={}, finding_count=0),
    bare_entry("d"),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (EntryQuery(), "abcd"),
        (EntryQuery(with_findings=True), "ab"),
        (EntryQuery(guard="pii"), "ab"),
        (EntryQuery(guard="a.b-c_d/x"), "b"),
        (EntryQuery(guard="a.b-c_d"), ""),
        (EntryQuery(guard="a.b-c-d/x"), ""),
        (EntryQuery(guard="pi_"), ""),
        (EntryQuery(guard="%"), ""),
        (EntryQuery(guard='pii/response/EMAIL": 2, "'), ""),
        (EntryQuery(model="other"), "b"),
        (EntryQuery(model="tiny", with_findings=True), "a"),
    ],
)
def test_entries_are_chosen_by_what_was_found(store: LedgerStore, wanted: EntryQuery, expected: str) -> None:
    """By any guard or by one, whose name may look like a pattern; the newest first, or in order."""
    store.add(ENTRIES)
    assert "".join(one.exchange for _, one in in_order(store, wanted)) == expected
    assert "".join(one.exchange for _, one in newest(store, wanted, 9)) == expected[::-1]
