"""The folders of a spool: what is gone is recovered, and what every sink has is removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.ledger import folders
from extproc.ledger.folders import SpoolFolders
from extproc.ledger.places import SpoolPlace
from extproc.ledger.recovery import recover
from extproc.ledger.segments import segment_file, segments_of
from extproc.ledger.spool import LOCK, SpoolLock, SpoolTaken, process_folders
from tests.unit.ledger.crashes import kill, sink_of
from tests.unit.ledger.records import record_of


def left_by_a_process(root: Path, *exchanges: str) -> Path:
    """A folder with open exchanges, whose process was killed."""
    sink = sink_of(root, open_max=16)
    for name in exchanges:
        sink.exchange_sent(record_of(name))
    kill(sink)
    return sink.folder


def test_what_is_gone_is_locked_until_it_is_removed(tmp_path: Path) -> None:
    """So nobody takes the folder for a new one; a process that runs keeps its own."""
    running = sink_of(tmp_path)
    gone = left_by_a_process(tmp_path, "a", "b")
    spool = SpoolFolders(tmp_path)
    spool.look()
    spool.look()
    assert (spool.is_gone(gone.name), spool.is_gone(running.folder.name)) == (True, False)
    assert spool.take() == (2, [])
    assert spool.take() == (0, [])
    with pytest.raises(SpoolTaken):
        SpoolLock(gone)
    size = segment_file(gone, 1).stat().st_size
    for at_byte, kept in ((0, True), (size - 1, True), (size, False)):
        spool.remove_stored([lambda name, at_byte=at_byte: SpoolPlace(name, 1, at_byte)])  # type: ignore[misc]
        assert gone.exists() is kept
    assert not spool.is_gone(gone.name)
    assert process_folders(tmp_path) == [running.folder]
    running.close()


def test_nothing_is_removed_while_a_sink_is_not_known(tmp_path: Path) -> None:
    """It may have failed since the start."""
    gone = left_by_a_process(tmp_path, "a")
    spool = SpoolFolders(tmp_path)
    spool.look()
    spool.remove_stored([lambda name: SpoolPlace(name, 9, 9), lambda _: None])
    assert segments_of(gone) == [1]
    spool.close()
    SpoolLock(gone).close()


def test_folders_without_entries_are_removed_at_once(tmp_path: Path) -> None:
    """Of a process that was killed while it began a segment, or its folder."""
    gone = left_by_a_process(tmp_path)
    segment_file(gone, 1).touch()
    (tmp_path / "p-bare").mkdir()
    spool = SpoolFolders(tmp_path)
    spool.look()
    spool.remove_stored([lambda _: None])
    assert process_folders(tmp_path) == []


def test_a_folder_that_cannot_be_recovered_hinders_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a full disk, room may come from the others; it is tried again."""
    first, second = left_by_a_process(tmp_path, "a"), left_by_a_process(tmp_path, "b")
    first, second = sorted((first, second))

    def full(folder: Path) -> object:
        if folder == first:
            raise OSError(28, "No space left on device")
        return recover(folder)

    monkeypatch.setattr(folders, "recover", full)
    spool = SpoolFolders(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        spool.look()
    assert (spool.is_gone(first.name), spool.is_gone(second.name)) == (False, True)
    monkeypatch.undo()
    spool.look()
    assert spool.is_gone(first.name)
    assert spool.take().died == 2
    assert (first / LOCK).exists()
    spool.close()
