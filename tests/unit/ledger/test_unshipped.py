"""Entries that the store has not got, read by somebody else than the shipper."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from extproc.ledger.places import SpoolPlace
from extproc.ledger.segments import segment_file
from extproc.ledger.unshipped import UnshippedEntries
from tests.unit.ledger.crashes import MemoryStore, ShipperInTurn, sink_of
from tests.unit.ledger.records import record_of


def nowhere(_: str) -> SpoolPlace | None:
    """Nothing is known of any spool."""
    return None


@given(st.lists(st.integers(0, 4), max_size=8), st.integers(0, 4))
def test_each_entry_behind_the_store_is_read_once(parts: list[int], stored: int) -> None:
    """In order, whatever was written between two reads; what the store has is not."""
    with tempfile.TemporaryDirectory(prefix="llm-") as folder:
        root, names, found = Path(folder), list[str](), list[str]()
        sink, shipper = sink_of(root), ShipperInTurn(root, MemoryStore())
        entries = UnshippedEntries(root, shipper.place_stored)
        for number, count in enumerate(parts):
            for place in range(count):
                record = record_of(f"{number}-{place}")
                sink.exchange_sent(record)
                sink.exchange_ended(record)
                names.append(record.id)
            sink.turn()
            if number < stored:
                shipper.ship()
                names.clear()
            else:
                found += [entry.exchange for entry in entries.read()]
            if number % 2:
                sink._writer.close()  # the next one goes to another segment
        sink.close()
        if len(parts) > stored:
            assert found == names


def test_of_an_unknown_spool_the_last_segment_is_read(tmp_path: Path) -> None:
    """An old backlog would hold up what happens now."""
    sink = sink_of(tmp_path)
    for name in ("old", "new"):
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
        sink.turn()
        sink._writer.close()
    assert [entry.exchange for entry in UnshippedEntries(tmp_path, nowhere).read()] == ["new"]
    sink.close()


def test_a_damaged_line_hides_no_other(tmp_path: Path) -> None:
    """Nor does a line that is being written."""
    sink = sink_of(tmp_path)
    for name in ("a", "b", "c"):
        sink.exchange_sent(record_of(name))
        sink.exchange_ended(record_of(name))
    sink.turn()
    sink.close()
    file = segment_file(sink.folder, 1)
    content = file.read_bytes()
    file.write_bytes(content.replace(b'[["b"', b'[["x"')[:-5])
    entries = UnshippedEntries(tmp_path, nowhere)
    assert [entry.exchange for entry in entries.read()] == ["a"]
    file.write_bytes(content.replace(b'[["b"', b'[["x"'))
    assert [entry.exchange for entry in entries.read()] == ["c"]
