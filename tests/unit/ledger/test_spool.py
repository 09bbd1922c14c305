"""The folder of a process: its lock, its segments, and a disk that fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from extproc.ledger.segments import records_in, segment_file, segments_of
from extproc.ledger.spool import SegmentWriter, SpoolLock, SpoolTaken, new_folder, process_folders, size_of_spool


def read(folder: Path) -> list[tuple[int, bytes]]:
    """All records of a folder."""
    contents = [segment_file(folder, number).read_bytes() for number in segments_of(folder)]
    return [(one.sequence, one.json) for content in contents for one in records_in(content) if one.sequence]


def test_two_processes_have_two_folders(tmp_path: Path) -> None:
    """Each with a lock, so that others see that it lives."""
    (first, first_lock), (second, second_lock) = new_folder(tmp_path / "spool"), new_folder(tmp_path / "spool")
    assert process_folders(tmp_path / "spool") == sorted([first, second])
    with pytest.raises(SpoolTaken):
        SpoolLock(first)
    first_lock.close()
    SpoolLock(first).close()
    second_lock.close()


def test_only_its_user_can_read_a_spool(tmp_path: Path) -> None:
    """It names teams and users."""
    folder, lock = new_folder(tmp_path / "spool")
    writer = SegmentWriter(folder)
    writer.append([b"[1]"])
    for path in (tmp_path / "spool", folder, segment_file(folder, 1), folder / "lock"):
        assert path.stat().st_mode & 0o077 == 0
    lock.close()


def test_a_lock_of_a_folder_that_was_removed_is_none(tmp_path: Path) -> None:
    """A shipper removed it between its opening and its locking."""
    folder = tmp_path / "p-x"
    folder.mkdir()
    opened = os.open

    def open_and_lose(path: Any, *arguments: Any) -> int:
        number = opened(path, *arguments)
        Path(path).unlink()
        return number

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "open", open_and_lose)
        with pytest.raises(SpoolTaken):
            SpoolLock(folder)


def test_records_are_numbered_over_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a gap."""
    monkeypatch.setattr("extproc.ledger.spool.SEGMENT_BYTES", 700)
    writer = SegmentWriter(tmp_path)
    for number in range(10):
        writer.append([b"[%d]" % number, b"[%d,1]" % number])
    writer.close()
    assert len(segments_of(tmp_path)) > 1
    assert [sequence for sequence, _ in read(tmp_path)] == list(range(1, 21))


def test_a_writer_goes_on_in_a_segment_of_its_own(tmp_path: Path) -> None:
    """The last one of a killed process may end with half a line."""
    first = SegmentWriter(tmp_path)
    first.append([b"[1]"])
    second = SegmentWriter(tmp_path, sequence=1)
    second.append([b"[2]"])
    assert segments_of(tmp_path) == [1, 2]
    assert read(tmp_path) == [(1, b"[1]"), (2, b"[2]")]


class Disk:
    """What the writer asks of the system, with failures."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 10**9
        self.truncates = True
        self.syncs = 0
        self.sync_fails = False
        write, truncate = os.write, os.ftruncate

        def some(opened: int, content: bytes) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            part = content[: self.room]
            self.room -= len(part)
            return write(opened, part)

        def cut(opened: int, size: int) -> None:
            if not self.truncates:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            truncate(opened, size)

        def sync(_: int) -> None:
            self.syncs += 1
            if self.sync_fails:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "write", some)
        monkeypatch.setattr(os, "ftruncate", cut)
        monkeypatch.setattr(os, "fdatasync", sync)


@pytest.mark.parametrize("truncates", [True, False])
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncates: bool) -> None:
    """What did not fit is written when there is room, and nothing is lost or twice."""
    disk = Disk(monkeypatch)
    writer = SegmentWriter(tmp_path)
    writer.append([b"[1]"])
    disk.room, disk.truncates = 25, truncates
    with pytest.raises(OSError, match="No space"):
        writer.append([b"[2]", b"[3]", b"[4]"])
    disk.room = 10**9
    writer.append([b"[2]", b"[3]", b"[4]"])
    writer.close()
    found = read(tmp_path)
    assert found[:1] + found[-3:] == [(1, b"[1]"), (2, b"[2]"), (3, b"[3]"), (4, b"[4]")]
    assert len(found) == (4 if truncates else 5)  # a line that could not be taken back comes again: it is stored once


def test_a_full_disk_leaves_no_empty_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each attempt would use it up."""
    disk = Disk(monkeypatch)
    disk.room = 0
    writer = SegmentWriter(tmp_path)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            writer.append([b"[1]"])
    assert segments_of(tmp_path) == []
    disk.room = 10**9
    writer.append([b"[1]"])
    assert read(tmp_path) == [(1, b"[1]")]


def test_each_waits_for_the_disk_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing else does: an interval at its end, `none` never."""
    disk = Disk(monkeypatch)
    now_s = 100.0
    monkeypatch.setattr("extproc.ledger.spool.time.monotonic", lambda: now_s)
    for fsync, expected in (("each", 2), ("interval", 0), ("none", 0)):
        folder = tmp_path / fsync
        folder.mkdir()
        disk.syncs = 0
        writer = SegmentWriter(folder, fsync, 0.1)  # type: ignore[arg-type]
        writer.append([b"[1]"])
        writer.append([b"[2]"])
        writer.sync_if_due()
        assert disk.syncs == expected
        now_s += 0.2
        writer.sync_if_due()
        writer.sync_if_due()
        assert disk.syncs == {"each": 2, "interval": 1, "none": 0}[fsync]
        writer.append([b"[3]"])
        writer.close()
        assert disk.syncs == {"each": 3, "interval": 2, "none": 0}[fsync]


def test_what_could_not_be_synced_is_written_again_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may have dropped it, and reports that only once."""
    disk = Disk(monkeypatch)
    writer = SegmentWriter(tmp_path, "each")
    writer.append([b"[1]"])
    disk.sync_fails = True
    with pytest.raises(OSError, match="Input/output"):
        writer.append([b"[2]"])
    disk.sync_fails = False
    writer.append([b"[2]"])
    assert segments_of(tmp_path) == [1, 2]
    assert [json for _, json in read(tmp_path)] == [b"[1]", b"[2]", b"[2]"]


def test_the_size_of_a_spool_is_that_of_all_segments(tmp_path: Path) -> None:
    """Over all processes; the slots of open exchanges have a bound of their own."""
    root = tmp_path / "spool"
    assert size_of_spool(root) == 0
    for _ in range(2):
        folder, lock = new_folder(root)
        segment_file(folder, 1).write_bytes(b"x" * 100)
        (folder / "open").write_bytes(b"x" * 1_000)
        lock.close()
    assert size_of_spool(root) == 200
