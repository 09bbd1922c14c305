"""The store of the ledger, on both databases: nothing twice, nothing half, and what people query."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text

import extproc.ledger.allocation.sample_tables
import extproc.ledger.allocation.share_tables
import extproc.ledger.rollouts.tables  # noqa: F401, likewise
from extproc.database.engine import StoreFailed
from extproc.ledger.entry import EntryOutcome, TokenSource
from extproc.ledger.migrations import VERSION_TABLE, versions
from extproc.ledger.places import SpoolPlace
from extproc.ledger.schema import METADATA, VIEWS
from extproc.ledger.store import LedgerStore
from tests.unit.databases import Server
from tests.unit.ledger.samples import DAY_US, NOON_US, bare_entry, entry


@pytest.fixture
def connection(url: str, store: LedgerStore) -> Iterator[Connection]:
    """How a person asks: not through the store, which has made the tables."""
    assert store.count() == 0
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def asked(connection: Connection, query: str) -> list[dict[str, Any]]:
    """The rows of a query."""
    return [dict(row) for row in connection.execute(text(query)).mappings()]


def test_an_entry_comes_back_as_it_was(store: LedgerStore) -> None:
    """Every field, also where there is little."""
    assert store.add([entry(), bare_entry()]) == 2
    assert store.get("ab12-1") == entry()
    assert store.get("ab12-9") == bare_entry()
    assert store.get("ab12-2") is None


def test_an_exchange_is_stored_once(store: LedgerStore) -> None:
    """The first entry of it stays."""
    assert store.add([entry(), entry(team="other"), entry(exchange="b")]) == 2
    assert store.add([entry(team="third"), entry(exchange="c")]) == 1
    assert store.count() == 3
    assert store.get("ab12-1") == entry()


def test_many_are_added_in_parts(store: LedgerStore) -> None:
    """More than one statement can take."""
    many = [entry(exchange=f"m-{number}") for number in range(1_203)]
    assert store.add(many[:700]) == 700
    assert store.add(many) == 503
    assert store.count() == len(many)


def test_entries_and_the_place_of_their_spool_are_one(store: LedgerStore) -> None:
    """A place is never ahead of its entries, nor behind."""
    assert store.place_of("p1") == SpoolPlace("p1")
    first = store.add_of_spool([entry(), entry(exchange="b")], SpoolPlace("p1", 1, 500, 2))
    assert first == store.place_of("p1") == SpoolPlace("p1", 1, 500, 2, entries=2)
    again = store.add_of_spool([entry(exchange="b"), entry(exchange="c")], replace(first, at_byte=900, sequence=4))
    assert again == SpoolPlace("p1", 1, 900, 4, entries=3, repeated=1)
    store.add_of_spool([], SpoolPlace("p0", 2, 0, 7, damaged=3))
    assert store.places() == [SpoolPlace("p0", 2, 0, 7, damaged=3), again]
    broken = [entry(exchange="d"), entry(exchange="e", prompt_tokens=1 << 70)]
    with pytest.raises((StoreFailed, OverflowError)):
        store.add_of_spool(broken, replace(again, at_byte=2_000))
    assert (store.place_of("p1"), store.get("d")) == (again, None)


# --- what people query ---------------------------------------------------------------------------------------------


def test_usage_by_day(store: LedgerStore, connection: Connection) -> None:
    """Days are those of UTC; what was refused is no usage."""
    store.add(
        [
            entry(exchange="a", completion_tokens_source=TokenSource.REPORTED),
            entry(exchange="b", outcome=EntryOutcome.ABORTED),
            entry(exchange="c", started_at_us=NOON_US + DAY_US, team="sales"),
            bare_entry("d"),
        ]
    )
    rows = asked(connection, "SELECT * FROM usage_daily ORDER BY day")
    assert [(str(row["day"]), row["team"], row["exchanges"]) for row in rows] == [
        ("2026-11-29", "search", 2),
        ("2026-11-30", "sales", 1),
    ]
    first = rows[0]
    del first["day"]
    assert first == {
        "team": "search",
        "project": "index",
        "endpoint": "chat",
        "model": "tiny",
        "version": "v2",
        "exchanges": 2,
        "prompt_tokens": 200,
        "cached_tokens": 80,
        "completion_tokens": 14,
        "reasoning_tokens": 4,
        "cost_micro_usd": 246,
        "estimated_exchanges": 1,
        "unfinished_exchanges": 1,
    }


def test_usage_by_team_and_month(store: LedgerStore, connection: Connection) -> None:
    """The row of a bill."""
    store.add([entry(exchange=f"{number}", started_at_us=NOON_US + number * DAY_US) for number in range(3)])
    rows = asked(connection, "SELECT month, team, exchanges, cost_micro_usd FROM usage_by_team ORDER BY month")
    assert [tuple(row.values()) for row in rows] == [("2026-11", "search", 2, 246), ("2026-12", "search", 1, 123)]


def test_columns_have_types_that_a_query_can_use(store: LedgerStore, connection: Connection) -> None:
    """Days compare with dates, findings are JSON, and a condition on day and team needs no scan."""
    store.add([entry(exchange=name) for name in "ab"])
    by_day = "SELECT exchange FROM ledger_entries WHERE day = '2026-11-29' AND team = 'search'"
    assert len(asked(connection, by_day)) == 2
    found = "findings ->> 'pii/response/EMAIL'"
    if connection.dialect.name == "sqlite":
        (plan,) = asked(connection, f"EXPLAIN QUERY PLAN {by_day}")
        assert "USING INDEX ledger_entries_day_team" in plan["detail"]
        found = "findings ->> '$.\"pii/response/EMAIL\"'"
    assert [int(row["n"]) for row in asked(connection, f"SELECT {found} AS n FROM ledger_entries")] == [2, 2]
    assert isinstance(asked(connection, "SELECT min(day) AS d FROM ledger_entries")[0]["d"], (date, str))


# --- migrations ----------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_the_schema(connection: Connection) -> None:
    """Who changes one without the other is told the difference."""
    context = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "include_object": is_ours}
    )
    assert compare_metadata(context, METADATA) == []


def is_ours(_: object, name: str | None, *__: object) -> bool:
    """Whether a table or a column is compared: Alembic's own has no place in the schema."""
    return name != VERSION_TABLE


def test_a_store_is_opened_again(url: str, store: LedgerStore) -> None:
    """There is nothing to do, and what is in it stays."""
    store.add([entry()])
    again = LedgerStore(url, Path("/"))
    assert again.count() == 1
    again.close()


def test_several_processes_open_an_empty_store_at_once(empty_url: str) -> None:
    """One makes the tables, the others wait for it."""
    failed: list[StoreFailed] = []

    def open_one() -> None:
        try:
            LedgerStore(empty_url, Path("/")).close()
        except StoreFailed as failure:
            failed.append(failure)

    threads = [Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_store_of_a_newer_generation_is_not_touched(url: str, connection: Connection) -> None:
    """It may hold what this one would destroy."""
    connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '1000'"))
    connection.commit()
    with pytest.raises(StoreFailed) as refused:
        LedgerStore(url, Path("/"))
    assert str(refused.value) == "its schema is 1000, of a newer release, and this release uses schemas up to 999"
    assert not refused.value.may_pass


def test_what_the_next_release_adds_stops_nobody(url: str, store: LedgerStore, connection: Connection) -> None:
    """While versions are replaced one by one, and after the way back: it adds, reads, and opens it anew."""
    connection.execute(text("ALTER TABLE ledger_entries ADD COLUMN moon TEXT DEFAULT 'new' NOT NULL"))
    connection.execute(text("CREATE TABLE ledger_moons (moon TEXT PRIMARY KEY)"))
    connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    connection.commit()
    assert store.add([entry()]) == 1
    again = LedgerStore(url, Path("/"))
    assert again.add([entry(exchange="e2")]) == 1
    assert again.get("e2") == entry(exchange="e2")
    assert [row["moon"] for row in again.rows(text("SELECT moon FROM ledger_entries"))] == ["new", "new"]
    assert again.rows(text(f"SELECT version_num FROM {VERSION_TABLE}"))[0]["version_num"] == "0999"
    again.close()


@pytest.mark.parametrize("module", sorted(Path(versions.__path__[0]).glob("v*.py")), ids=lambda file: file.stem)
def test_a_migration_only_adds(module: Path) -> None:
    """Tables, indexes, and columns that an older release may leave out; see ``check_schema``."""
    operations = [
        call
        for call in ast.walk(ast.parse(module.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "op"
    ]
    assert operations
    for call in operations:
        assert isinstance(call.func, ast.Attribute)
        assert call.func.attr in ("add_column", "create_table", "create_index", "execute", "bulk_insert")
        if call.func.attr == "add_column":
            column = call.args[1]
            assert isinstance(column, ast.Call)
            assert "server_default" in [keyword.arg for keyword in column.keywords]
        if call.func.attr == "execute":
            assert "INSERT INTO" in ast.unparse(call)


def test_views_of_a_migrated_store_are_those_of_the_release(connection: Connection) -> None:
    """Both are there, and may be asked while there is nothing."""
    for view in VIEWS:
        assert asked(connection, f"SELECT * FROM {view}") == []


# --- failures ------------------------------------------------------------------------------------------------------


def test_a_database_that_is_gone_is_a_failure_that_may_pass(postgres: Server) -> None:
    """And works again when it is back."""
    store = LedgerStore(postgres.new_database(), Path("/"))
    postgres.stop()
    try:
        with pytest.raises(StoreFailed) as failed:
            store.add([entry()])
        assert failed.value.may_pass
    finally:
        postgres.start()
    assert store.add([entry()]) == 1
    store.close()


def test_a_failure_never_quotes_what_was_to_be_written(store: LedgerStore, connection: Connection) -> None:
    """Names of teams may be anything."""
    connection.execute(text("ALTER TABLE ledger_entries RENAME TO elsewhere"))
    connection.commit()
    with pytest.raises(StoreFailed) as failed:
        store.add([entry(team="Secret Team")])
    assert "Secret" not in str(failed.value)
