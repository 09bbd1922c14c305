"""The store keeps what it is given, bounded in number and in time, for several processes at once."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from extproc.database.engine import StoreFailed
from extproc.sinks.review import schema
from extproc.sinks.review.entries import Entry, FindingQuery, GuardCounts, ReviewLabel
from extproc.sinks.review.labels import NoSuchFinding
from extproc.sinks.review.store import Store
from tests.hangs import HANG_S
from tests.unit.databases import Server
from tests.unit.sinks.review.samples import DAY_MS, NOW_MS, confirm, entry, reject

ROOT = Path(__file__).parents[4]
ANY = FindingQuery()


# --- findings ------------------------------------------------------------------------------------------------------


def test_what_is_added_is_found_newest_first(store: Store) -> None:
    """With every field as it was."""
    first, second = entry(exchange="a", excerpt="Grüße 😀 一"), entry(exchange="b", score=0.123456789, excerpt="")
    store.add([first, second])
    assert [stored.entry for stored in store.find(ANY, 10)] == [second, first]
    assert [stored.verdict for stored in store.find(ANY, 1)] == [None]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (FindingQuery(), "abc"),
        (FindingQuery(guard="pii"), "b"),
        (FindingQuery(team="support"), "c"),
        (FindingQuery(version="v2"), "bc"),
        (FindingQuery(version="tiny/v2"), "b"),
        (FindingQuery(version="other/v1"), ""),
        (FindingQuery(since_ms=NOW_MS), "bc"),
        (FindingQuery(labelled=True), "a"),
        (FindingQuery(labelled=False), "bc"),
        (FindingQuery(guard="injection", labelled=False, version="v2"), "c"),
    ],
)
def test_findings_are_chosen_by_all_that_is_given(store: Store, wanted: FindingQuery, expected: str) -> None:
    """In a list as in an export."""
    store.add(
        [
            entry(exchange="a", seen_at_ms=NOW_MS - 1),
            entry(exchange="b", guard="pii", version="v2"),
            entry(exchange="c", team="support", model="huge", version="v2"),
        ]
    )
    store.label(store.find(ANY, 10)[-1].id, confirm())
    assert [stored.entry.exchange for stored in store.find(wanted, 10)] == list(reversed(expected))
    assert [stored.entry.exchange for stored, _ in store.find_all(wanted)] == list(expected)


def test_all_are_read_in_parts(store: Store) -> None:
    """However many there are, each once."""
    store.add([entry(exchange=str(number)) for number in range(25)])
    for rows_at_once in (1, 5, 25, 26):
        found = [stored.entry.exchange for stored, _ in store.find_all(ANY, rows_at_once)]
        assert found == [str(number) for number in range(25)]


def test_a_restart_keeps_what_was_stored(url: str) -> None:
    """Findings and labels; opening a store that is there changes nothing."""
    before = Store(url, Path("/"))
    before.add([entry()])
    before.label(before.find(ANY, 1)[0].id, reject(note="a quote"))
    before.close()
    after = Store(url, Path("/"))
    (stored,) = after.find(ANY, 10)
    assert (stored.entry, stored.verdict) == (entry(), ReviewLabel.REJECT)
    assert after.get(stored.id)[1] == [reject(note="a quote")]
    after.close()


# --- labels --------------------------------------------------------------------------------------------------------


def test_the_last_label_counts_and_those_before_are_kept(store: Store) -> None:
    """Who said what, when, and why."""
    store.add([entry()])
    (stored,) = store.find(ANY, 1)
    said = [confirm(by="ann", at_ms=1), reject(by="bob", at_ms=2, note="it is a quote"), confirm(by="cid", at_ms=3)]
    for label in said:
        store.label(stored.id, label)
        assert store.find(ANY, 1)[0].verdict is label.verdict
    assert store.get(stored.id)[1] == said
    assert [label for _, label in store.find_all(ANY)] == [said[-1]]
    assert store.counts() == [GuardCounts("injection", 1, 0, 0)]


def test_a_finding_that_is_not_there_cannot_be_labelled(store: Store) -> None:
    """Nor shown; nothing is kept of the attempt."""
    with pytest.raises(NoSuchFinding):
        store.label(1, confirm())
    with pytest.raises(NoSuchFinding):
        store.get(1)
    store.add([entry()])
    assert store.get(store.find(ANY, 1)[0].id)[1] == []


def test_counts_are_by_guard(store: Store) -> None:
    """Confirmed, rejected, and not looked at yet."""
    store.add([entry(guard=guard) for guard in ("pii", "pii", "pii", "injection")])
    first, second, *_ = store.find(FindingQuery(guard="pii"), 10)
    store.label(first.id, confirm())
    store.label(second.id, reject())
    assert store.counts() == [GuardCounts("injection", 0, 0, 1), GuardCounts("pii", 1, 1, 1)]


# --- bounds --------------------------------------------------------------------------------------------------------


def test_what_is_too_old_is_deleted_with_its_labels(store: Store) -> None:
    """Labelled or not: how long texts are kept is not the reviewers' to decide."""
    store.add([entry(exchange="old", seen_at_ms=NOW_MS - 31 * DAY_MS), entry(exchange="new")])
    old = store.find(ANY, 10)[-1]
    store.label(old.id, confirm())
    assert store.prune(NOW_MS, rows_max=100, days_max=30) == 1
    assert [stored.entry.exchange for stored in store.find(ANY, 10)] == ["new"]
    with pytest.raises(NoSuchFinding):
        store.get(old.id)
    assert store.counts() == [GuardCounts("injection", 0, 0, 1)]
    with store._reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.LABELS)).scalar_one() == 0


def test_what_is_too_many_is_deleted_unlabelled_and_oldest_first(store: Store) -> None:
    """What somebody has looked at is worth more than what nobody has."""
    store.add([entry(exchange=name) for name in "abcdef"])
    by_name = {stored.entry.exchange: stored.id for stored in store.find(ANY, 10)}
    for name in "abe":
        store.label(by_name[name], confirm())
    assert store.prune(NOW_MS, rows_max=4, days_max=30) == 2
    assert [stored.entry.exchange for stored, _ in store.find_all(ANY)] == list("abef")
    assert store.prune(NOW_MS, rows_max=2, days_max=30) == 2
    assert [stored.entry.exchange for stored, _ in store.find_all(ANY)] == list("be")
    assert store.prune(NOW_MS, rows_max=2, days_max=30) == 0


def test_an_id_is_never_given_again(store: Store) -> None:
    """Somebody who still looks at a finding that is gone does not label another."""
    store.add([entry()])
    gone = store.find(ANY, 1)[0].id
    store.prune(NOW_MS, rows_max=0, days_max=30)
    store.add([entry()])
    assert store.find(ANY, 1)[0].id > gone


def test_what_is_deleted_is_not_left_in_the_file(tmp_path: Path) -> None:
    """Not even as bytes that nothing leads to."""
    file = tmp_path / "review.db"
    store = Store(f"sqlite:///{file}", tmp_path)
    store.add([entry(excerpt="xyzzy") for _ in range(50)])
    store.prune(NOW_MS, rows_max=0, days_max=30)
    store.close()  # the last one to go writes the log into the file, and removes it
    assert [path.name for path in tmp_path.iterdir()] == ["review.db"]
    assert b"xyzzy" not in file.read_bytes()


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    """And what SQLite puts beside it; a relative path is relative to the folder."""
    store = Store("sqlite:///review.db", tmp_path)
    store.add([entry()])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"review.db": 0o600, "review.db-wal": 0o600, "review.db-shm": 0o600}
    store.close()


def test_a_path_from_the_root(tmp_path: Path) -> None:
    """With four slashes, as a volume beside a folder that is read-only needs it."""
    Store(f"sqlite:///{tmp_path}/review.db", Path("/nowhere")).close()
    assert str(tmp_path).startswith("/")
    assert (tmp_path / "review.db").exists()


# --- several at once -----------------------------------------------------------------------------------------------

_WRITER = """
import sys
from pathlib import Path
from extproc.sinks.review.store import Store
from tests.unit.sinks.review.samples import entry
store = Store(sys.argv[1], Path("/"))
for number in range(40):
    store.add([entry(exchange=f"{sys.argv[2]}-{number}"), entry(exchange=f"{sys.argv[2]}-{number}")])
    store.prune(0, rows_max=1_000, days_max=30)
"""


def test_two_processes_make_the_store_and_write_at_once(empty_url: str) -> None:
    """Each finds the other's tables, and nothing is lost or written twice."""
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, empty_url, name], cwd=ROOT) for name in "ab"]
    assert [writer.wait(timeout=HANG_S) for writer in writers] == [0, 0]
    store = Store(empty_url, Path("/"))
    seen = [stored.entry.exchange for stored, _ in store.find_all(ANY)]
    store.close()
    assert sorted(seen) == sorted(f"{name}-{number}" for name in "ab" for number in range(40) for _ in range(2))


def test_a_file_that_is_first_opened_and_last_closed_by_several_at_once(tmp_path: Path) -> None:
    """SQLite tells at once that it is locked then, however long one would wait; the store waits."""
    together = threading.Barrier(4)
    failed: list[StoreFailed] = []

    def open_and_close() -> None:
        for number in range(60):
            together.wait()
            try:
                Store(f"sqlite:///{number}.db", tmp_path).close()
            except StoreFailed as error:
                failed.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_two_people_label_at_once(url: str, store: Store) -> None:
    """What the list shows is what the history says last."""
    store.add([entry()])
    number = store.find(ANY, 1)[0].id

    def label(verdict: ReviewLabel) -> None:
        own = Store(url, Path("/"))
        for _ in range(20):
            own.label(number, confirm() if verdict is ReviewLabel.CONFIRM else reject())
        own.close()

    people = [threading.Thread(target=label, args=(verdict,)) for verdict in ReviewLabel]
    for person in people:
        person.start()
    for person in people:
        person.join()
    stored, said = store.get(number)
    assert (len(said), stored.verdict) == (40, said[-1].verdict)


# --- versions ------------------------------------------------------------------------------------------------------


def test_an_older_store_is_brought_up_to_date(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Step by step, with what is in it."""
    before = Store(empty_url, Path("/"))
    before.add([entry()])
    before.close()
    newest = schema.SCHEMA_VERSION
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest + 2)
    steps = {
        newest + 1: ("ALTER TABLE review_findings ADD COLUMN colour TEXT DEFAULT 'red' NOT NULL",),
        newest + 2: ("UPDATE review_findings SET team = colour",),
    }
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    for _ in range(2):  # the second time there is nothing to do
        after = Store(empty_url, Path("/"))
        assert [stored.entry.team for stored in after.find(ANY, 10)] == ["red"]
        after.close()


def test_a_store_without_routes_goes_on_with_them(empty_url: str) -> None:
    """Version 1: its findings and labels stay; new ones have a route, also those that an older process still adds."""
    before = Store(empty_url, Path("/"))
    before.add([entry(exchange="old")])
    number = before.find(ANY, 1)[0].id
    before.label(number, confirm())
    before.close()
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE review_findings DROP COLUMN route"))
        connection.execute(text("UPDATE review_schema SET version = 1"))
    after = Store(empty_url, Path("/"))
    after.add([entry(exchange="new")])
    columns = ", ".join(one.name for one in fields(Entry) if one.name != "route")
    with engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO review_findings ({columns}) SELECT {columns} FROM review_findings WHERE id = {number}")
        )
        assert connection.execute(text("SELECT version FROM review_schema")).scalar_one() == schema.SCHEMA_VERSION
    engine.dispose()
    assert [(one.entry.exchange, one.entry.route) for one in after.find(ANY, 9)] == [
        ("old", ""),
        ("new", "night"),
        ("old", ""),
    ]
    stored, said = after.get(number)
    assert (stored.entry, stored.verdict, said) == (entry(exchange="old", route=""), ReviewLabel.CONFIRM, [confirm()])
    after.close()


def test_a_store_of_a_newer_generation_is_not_touched(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold what this one would destroy."""
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 1_007)
    Store(empty_url, Path("/")).close()
    monkeypatch.setattr(schema, "SCHEMA_VERSION", 1)
    with pytest.raises(StoreFailed, match="its schema is 1007, of a newer release") as refused:
        Store(empty_url, Path("/"))
    assert not refused.value.may_pass


def test_what_the_next_release_adds_stops_nobody(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens the store anew, and adds to it."""
    newest = schema.SCHEMA_VERSION
    Store(empty_url, Path("/")).close()
    steps = {newest + 1: ("ALTER TABLE review_findings ADD COLUMN moon TEXT DEFAULT 'new' NOT NULL",)}
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest + 1)
    Store(empty_url, Path("/")).close()
    monkeypatch.setattr(schema, "SCHEMA_VERSION", newest)
    store = Store(empty_url, Path("/"))
    store.add([entry()])
    assert [stored.entry for stored in store.find(ANY, 10)] == [entry()]
    store.close()


def test_what_an_older_release_leaves_out_has_a_default(empty_url: str) -> None:
    """Also in a store that this release has made."""
    store = Store(empty_url, Path("/"))
    engine = create_engine(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    known = [one.name for one in fields(Entry) if one.name not in schema.ADDED]
    values = {name: getattr(entry(), name) for name in known}
    with engine.begin() as connection:
        names = ", ".join(known)
        connection.execute(
            text(f"INSERT INTO review_findings ({names}) VALUES ({', '.join(f':{name}' for name in known)})"), values
        )
    engine.dispose()
    assert [stored.entry for stored in store.find(ANY, 10)] == [entry(**schema.ADDED)]
    store.close()


# --- who may read it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["review.db", "review.db-wal", "review.db-shm"])
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o602, 0o661, 0o777])
def test_a_file_that_everybody_may_read_is_closed_to_them_and_that_is_told(
    tmp_path: Path, name: str, mode: int
) -> None:
    """attack 10: a database that was there before with mode 666 stayed so."""
    Store("sqlite:///review.db", tmp_path).close()
    (tmp_path / name).touch()
    (tmp_path / name).chmod(mode)
    store = Store("sqlite:///review.db", tmp_path)
    store.add([entry()])
    assert all(path.stat().st_mode & 0o007 == 0 for path in tmp_path.iterdir())
    (warning,) = store.warnings
    assert (f"{name}:" in warning, f"{mode:o}" in warning) == (True, True)
    store.close()


def test_what_the_group_may_do_is_left(tmp_path: Path) -> None:
    """Somebody will have meant it; nothing is told."""
    (tmp_path / "review.db").touch()
    (tmp_path / "review.db").chmod(0o660)
    store = Store("sqlite:///review.db", tmp_path)
    assert stat.S_IMODE((tmp_path / "review.db").stat().st_mode) == 0o660
    assert store.warnings == []
    store.close()


def test_a_file_of_another_user_that_is_open_to_all_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to it; whoever reads the log learns what to do."""
    (tmp_path / "review.db").touch()
    (tmp_path / "review.db").chmod(0o666)

    def not_ours(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", not_ours)
    with pytest.raises(StoreFailed, match="chmod o-rwx") as refused:
        Store("sqlite:///review.db", tmp_path)
    assert not refused.value.may_pass
    assert (tmp_path / "review.db").stat().st_size == 0


def test_a_folder_in_which_anybody_may_put_files_is_told_of(tmp_path: Path) -> None:
    """But one with a sticky bit, such as /tmp, in which nobody may take away another's."""
    folder = tmp_path / "open"
    folder.mkdir()
    for mode, warnings in ((0o777, 1), (0o1777, 0), (0o775, 0)):
        folder.chmod(mode)
        store = Store("sqlite:///review.db", folder)
        assert len(store.warnings) == warnings
        store.close()


def test_a_password_that_is_not_written_as_a_url_wants_it_is_not_quoted() -> None:
    """What stands behind its ``@`` would be taken for the host, which messages name."""
    with pytest.raises(StoreFailed, match="%40") as failed:
        Store("postgresql://extproc:p@xyzzy@127.0.0.1:1/review", Path("/"))
    assert "xyzzy" not in f"{failed.value} {failed.value!r}"
    assert not failed.value.may_pass


# --- failing -------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """It may be mounted yet."""
    with pytest.raises(StoreFailed, match="no such file or directory") as failed:
        Store("sqlite:///missing/review.db", tmp_path)
    assert failed.value.may_pass


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is left as it is."""
    (tmp_path / "review.db").write_text("To whom it may concern " * 100)
    with pytest.raises(StoreFailed) as failed:
        Store("sqlite:///review.db", tmp_path)
    assert not failed.value.may_pass
    assert (tmp_path / "review.db").read_text().startswith("To whom")


def test_a_locked_file_is_waited_for_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's transaction that does not end: it fails, and works again afterwards."""
    monkeypatch.setattr("extproc.database.engine.WAIT_SECONDS_MAX", 0.05)
    store = Store("sqlite:///review.db", tmp_path)
    other = sqlite3.connect(tmp_path / "review.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreFailed, match="locked") as failed:
        store.add([entry()])
    assert failed.value.may_pass
    other.execute("COMMIT")
    store.add([entry()])
    assert len(store.find(ANY, 10)) == 1
    store.close()
    other.close()


def test_a_failure_never_quotes_what_was_to_be_written(store: Store) -> None:
    """Databases do, in their messages: only what kind of failure it was is told."""
    with pytest.raises(StoreFailed) as failed:
        store.add([entry(excerpt="xyzzy", guard=None)])
    assert "xyzzy" not in f"{failed.value} {failed.value!r}"
    assert failed.value.__cause__ is None
    assert not failed.value.may_pass


def test_a_server_that_was_started_anew_is_not_even_noticed(postgres: Server) -> None:
    """A connection that has died since it was used last is replaced before it is used again."""
    store = Store(postgres.new_database(), Path("/"))
    postgres.stop()
    postgres.start()
    store.add([entry()])
    store.close()


def test_a_server_that_is_gone_and_comes_back(postgres: Server) -> None:
    """The connections of before are dead; nobody need start anew."""
    store = Store(postgres.new_database(), Path("/"))
    store.add([entry(exchange="before")])
    postgres.stop()
    with pytest.raises(StoreFailed) as failed:
        store.add([entry(exchange="meanwhile")])
    assert failed.value.may_pass
    postgres.start()
    store.add([entry(exchange="after")])
    assert [stored.entry.exchange for stored in store.find(ANY, 10)] == ["after", "before"]
    store.close()
