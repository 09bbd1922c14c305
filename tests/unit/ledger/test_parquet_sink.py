"""Parquet files by day: what readers find, when a file is written, and what happens if a folder cannot be used."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pytest
from pyarrow import dataset, parquet

from extproc.config.ledger import ParquetFiles
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.parquet_file import ROWS_AT_ONCE, SCHEMA
from extproc.ledger.parquet_sink import DAYS_MAX, RECENT_MAX, UNFINISHED, ParquetSink
from extproc.ledger.places import SpoolPlace
from tests.unit.ledger.samples import DAY_US, NOON_US, bare_entry, entry
from tests.unit.ledger.sink_cases import Parquet


class Clock:
    """A clock that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now_s


@pytest.fixture
def target(tmp_path: Path) -> Parquet:
    """Where the files go."""
    return Parquet(tmp_path)


def sink_at(folder: Path, spool: str = "p-1", clock: Clock | None = None, **terms: int) -> ParquetSink:
    """A sink, and the spool of one process."""
    root = folder / "spool"
    (root / spool).mkdir(parents=True, exist_ok=True)
    return ParquetSink(ParquetFiles(folder="entries", **terms), folder, root, clock or Clock())


def entries_of(*exchanges: str, day: int = 0) -> list[LedgerEntry]:
    """Entries of one day."""
    start_us = NOON_US + day * DAY_US
    return [entry(exchange=one, started_at_us=start_us, ended_at_us=start_us + 5) for one in exchanges]


def add(sink: ParquetSink, entries: list[LedgerEntry], before: int, spool: str = "p-1") -> SpoolPlace:
    """Entries that follow ``before`` others in the spool."""
    place = sink._places.get(spool) or SpoolPlace(spool)
    return sink.add_of_spool(entries, replace(place, segment=1, at_byte=before + 1, sequence=before + len(entries)))


def test_readers_of_hive_partitions_find_the_days(tmp_path: Path, target: Parquet) -> None:
    """By the UTC day of the start; columns as of `ledger export`, and all values as they were."""
    sink = sink_at(tmp_path)
    last_us = NOON_US + DAY_US // 2
    all_of_it = [
        entry(exchange="a", started_at_us=last_us - 1, ended_at_us=last_us + 9),
        entry(exchange="b", started_at_us=last_us, ended_at_us=last_us + 9),
        bare_entry("c"),
    ]
    add(sink, all_of_it, 0)
    assert target.files() == []
    assert sink.settle(True)
    assert [str(file.relative_to(target.folder)) for file in target.files()] == [
        "day=2026-11-29/p-1-0000000000.parquet",
        "day=2026-11-30/p-1-0000000000.parquet",
    ]
    found = dataset.dataset(target.folder, format="parquet", partitioning="hive").to_table()
    rows = {row["exchange"]: row for row in found.to_pylist()}
    assert {name: row["day"] for name, row in rows.items()} == {"a": "2026-11-29", "b": "2026-11-30", "c": "2026-11-29"}
    for one in all_of_it:
        row = rows[one.exchange]
        assert date.fromisoformat(row["day"]) == one.day
        assert row["attempts"] == orjson.dumps([tried._asdict() for tried in one.attempts]).decode()
        assert orjson.loads(row["findings"]) == one.findings
        assert orjson.loads(row["signals"]) == one.signals
        others = {"attempts", "findings", "finish_reasons", "signals"}
        for name in {field.name for field in fields(LedgerEntry)} - others:
            assert row[name] == getattr(one, name)
        assert tuple(row["finish_reasons"]) == one.finish_reasons
    assert parquet.read_schema(target.files()[0]).equals(SCHEMA)
    assert SCHEMA.field("prompt_tokens").type == pyarrow.int64()


def test_files_are_written_when_it_is_time(tmp_path: Path, target: Parquet) -> None:
    """Or when there are enough entries; until then nothing is stored, and no place is."""
    clock = Clock()
    sink = sink_at(tmp_path, clock=clock, every_s=60, rows_max=500)
    assert sink.settle(False)
    clock.now_s = 100.0
    add(sink, entries_of("a"), 0)
    clock.now_s = 159.0
    assert not sink.settle(False)
    assert (target.files(), sink.place_of("p-1")) == ([], SpoolPlace("p-1"))
    clock.now_s = 160.0
    assert sink.settle(False)
    assert target.held() == ["a"]
    assert sink.place_of("p-1") == SpoolPlace("p-1", 1, 1, 1, entries=1)
    add(sink, entries_of(*(f"b{number:03}" for number in range(499))), 1)
    assert not sink.settle(False)
    add(sink, entries_of("c"), 500)
    assert sink.settle(False)
    assert (len(target.held()), len(target.files())) == (501, 2)


def test_entries_of_many_days_do_not_wait(tmp_path: Path, target: Parquet) -> None:
    """Each would be a file that is open."""
    sink = sink_at(tmp_path)
    for day in range(DAYS_MAX):
        add(sink, entries_of(str(day), day=day), day)
        assert not sink.settle(False)
    add(sink, entries_of("more", day=DAYS_MAX), DAYS_MAX)
    assert sink.settle(False)
    assert len(target.files()) == DAYS_MAX + 1


def test_large_files_have_row_groups(tmp_path: Path, target: Parquet) -> None:
    """So only some entries are in memory."""
    sink = sink_at(tmp_path)
    for first in range(0, 12_000, 500):
        add(sink, entries_of(*(f"x-{first + number}" for number in range(500))), first)
    assert sink.settle(True)
    (file,) = target.files()
    read = parquet.ParquetFile(file)
    assert [read.metadata.row_group(number).num_rows for number in range(read.num_row_groups)] == [5_000, 5_000, 2_000]


def test_spools_of_several_machines_share_a_folder(tmp_path: Path, target: Parquet) -> None:
    """Names and unfinished files are their own."""
    for machine in "ab":
        folder = tmp_path / machine
        folder.mkdir()
        (folder / "entries").symlink_to(target.folder)
    target.folder.mkdir()
    sinks = {machine: sink_at(tmp_path / machine, f"p-{machine}") for machine in "ab"}
    for machine, sink in sinks.items():
        add(sink, entries_of(f"{machine}1"), 0, f"p-{machine}")
    again = sink_at(tmp_path / "a", "p-a")  # the other one's unfinished files stay
    add(again, entries_of("a1"), 0, "p-a")
    assert again.settle(True)
    assert sinks["b"].settle(True)
    assert target.held() == ["a1", "b1"]
    assert [file.name for file in target.files()] == ["p-a-0000000000.parquet", "p-b-0000000000.parquet"]


def test_the_ids_of_the_last_exchanges_are_remembered(tmp_path: Path, target: Parquet) -> None:
    """Also by the next sink; no more than so many."""
    sink = sink_at(tmp_path)
    for first in range(0, RECENT_MAX + 1_000, 500):
        add(sink, entries_of(*(f"x-{first + number:05}" for number in range(500))), first)
    assert sink.settle(True)
    assert len(sink._recent["p-1"]) == RECENT_MAX
    again = sink_at(tmp_path)
    place = add(again, entries_of("x-03499", "y"), 3_500)
    assert (place.entries, place.repeated) == (3_501, 1)
    assert again.settle(True)
    assert target.held().count("x-03499") == 1


def _interrupted(_: object) -> None:
    raise KeyboardInterrupt


def test_what_a_killed_sink_left_unfinished_is_removed(tmp_path: Path, target: Parquet) -> None:
    """Its entries come again from the spool."""
    for _ in range(2):
        add(sink_at(tmp_path), entries_of(*(f"x{number}" for number in range(ROWS_AT_ONCE))), 0)
        assert len(list(target.folder.rglob(f"*{UNFINISHED}"))) == 2  # and the folder of all
        sink_at(tmp_path)
        assert [path.name for path in target.folder.rglob(f"*{UNFINISHED}")] == [UNFINISHED]


def test_what_was_noted_is_finished_by_the_next_sink(
    tmp_path: Path, target: Parquet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the note and the names: nobody reads the spool for it again."""
    sink = sink_at(tmp_path)
    add(sink, entries_of("a"), 0)
    monkeypatch.setattr(sink, "_move", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        sink.settle(True)
    assert target.held() == []
    again = sink_at(tmp_path)
    assert target.held() == ["a"]
    assert again.place_of("p-1").sequence == 1


def test_a_disk_that_fails_between_two_names(tmp_path: Path, target: Parquet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has its name stays, and the next sink names the rest."""
    sink = sink_at(tmp_path)
    add(sink, [*entries_of("a"), *entries_of("b", day=1)], 0)
    move = sink._move

    def failing(moves: list[Any]) -> None:
        move(moves[:1])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sink, "_move", failing)
    with pytest.raises(SinkFailed, match=r"/entries: input/output error$"):
        sink.settle(True)
    sink.close()
    (file,) = target.files()
    again = sink_at(tmp_path)
    assert (target.held(), target.files()[0].stat().st_ino) == (["a", "b"], file.stat().st_ino)
    assert again.place_of("p-1").sequence == 2


def test_files_that_somebody_removed_meanwhile_are_written_again(
    tmp_path: Path, target: Parquet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them: those that have their names are taken back, as their entries come again."""
    sink = sink_at(tmp_path)
    add(sink, [*entries_of("a"), *entries_of("b", day=1)], 0)
    move = sink._move

    def first_only(moves: list[Any]) -> None:
        move(moves[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(sink, "_move", first_only)
    with pytest.raises(KeyboardInterrupt):
        sink.settle(True)
    assert target.held() == ["a"]
    for file in (target.folder / UNFINISHED).rglob(f"*{UNFINISHED}"):
        file.unlink()
    again = sink_at(tmp_path)
    assert (target.held(), again.place_of("p-1").sequence) == ([], 0)
    add(again, [*entries_of("a"), *entries_of("b", day=1)], 0)
    assert again.settle(True)
    assert target.held() == ["a", "b"]


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """With its path, and the reason."""
    (tmp_path / "entries").write_text("")
    with pytest.raises(SinkFailed) as failed:
        sink_at(tmp_path)
    assert str(failed.value).startswith(f"{tmp_path}/entries/.unfinished/")
    assert str(failed.value).endswith(": not a directory")


def test_a_folder_that_goes_meanwhile_is_told(tmp_path: Path, target: Parquet) -> None:
    """And a sink that is opened later stores what was not."""
    sink = sink_at(tmp_path)
    target.folder.rename(tmp_path / "elsewhere")
    add(sink, entries_of("a"), 0)
    with pytest.raises(SinkFailed, match=r"\.unfinished: no such file or directory$"):
        sink.settle(True)
    sink.close()
    again = sink_at(tmp_path)
    add(again, entries_of("a"), 0)
    assert again.settle(True)
    assert target.held() == ["a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "it cannot be read. If it is moved away, what the spool holds is shipped again"),
        ("[]", "it cannot be read. If it is moved away, what the spool holds is shipped again"),
        ('{"format":1,"places":[{"spool":"p","new":1}]}', "it cannot be read. If it is moved away,"),
        ('{"format":2}', "a newer release wrote it"),
    ],
)
def test_places_that_cannot_be_read_are_told(tmp_path: Path, content: str, reason: str) -> None:
    """They are never taken for the beginning."""
    (tmp_path / "spool").mkdir()
    file = tmp_path / "spool" / "parquet.places"
    file.write_text(content)
    with pytest.raises(SinkFailed) as failed:
        sink_at(tmp_path)
    assert str(failed.value).startswith(f"{file}: {reason}")


def test_places_of_folders_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    """The file does not grow for ever."""
    sink = sink_at(tmp_path, "p-1")
    add(sink, entries_of("a"), 0)
    assert sink.settle(True)
    (tmp_path / "spool" / "p-1").rmdir()
    (tmp_path / "spool" / "p-2").mkdir()
    add(sink, entries_of("b"), 0, "p-2")
    assert sink.settle(True)
    saved = orjson.loads((tmp_path / "spool" / "parquet.places").read_bytes())
    assert [one["spool"] for one in saved["places"]] == ["p-2"]
    assert list(saved["recent"]) == ["p-2"]
