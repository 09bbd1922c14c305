"""The file of sums: what is written is read, and what is damaged is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.budget_periods import BudgetPeriod
from extproc.domain.budgets import BudgetSums, BudgetUnit
from extproc.ledger.budget_file import (
    BUDGET_FILE,
    BudgetFile,
    BudgetFileUnusable,
    parse_budget_file,
    write_budget_file,
)

WHOLE = st.integers(-(10**15), 10**15)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SUMS = st.builds(
    BudgetSums,
    NAMES,
    st.sampled_from(["team", "project", "budget_code"]),
    st.sampled_from(get_args(BudgetUnit)),
    st.builds(BudgetPeriod, WHOLE, WHOLE),
    st.dictionaries(NAMES, st.tuples(WHOLE, WHOLE), max_size=3),
    st.dictionaries(NAMES, st.dictionaries(NAMES, WHOLE, max_size=3), max_size=2),
    st.none() | WHOLE,
)
FILES = st.builds(BudgetFile, WHOLE, st.dictionaries(NAMES, WHOLE, max_size=3), st.lists(SUMS, max_size=3).map(tuple))
SOME = BudgetFile(
    7, {"p-1": 3}, (BudgetSums("daily", "team", "tokens", BudgetPeriod(0, 9), {"search": (1, 2)}, {"p-1": {"hr": 4}}),)
)


@given(FILES)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, content: BudgetFile) -> None:
    """Any sums, with any names."""
    folder = tmp_path_factory.mktemp("spool")
    write_budget_file(folder, content)
    assert parse_budget_file((folder / BUDGET_FILE).read_bytes()) == content


def test_it_replaces_the_one_before(tmp_path: Path) -> None:
    """As a whole, for nobody but this user, and nothing else is left in the folder."""
    for at_us in (1, 2):
        write_budget_file(tmp_path, SOME._replace(at_us=at_us))
    assert parse_budget_file((tmp_path / BUDGET_FILE).read_bytes()).at_us == 2
    assert [file.name for file in tmp_path.iterdir()] == [BUDGET_FILE]
    assert (tmp_path / BUDGET_FILE).stat().st_mode & 0o077 == 0


def text_of(tmp_path: Path) -> bytes:
    """A file that is as it should be."""
    write_budget_file(tmp_path, SOME)
    return (tmp_path / BUDGET_FILE).read_bytes()


def test_no_part_of_a_file_is_taken_for_one(tmp_path: Path) -> None:
    """Cut anywhere."""
    text = text_of(tmp_path)
    for end in range(len(text)):
        with pytest.raises(BudgetFileUnusable, match="it is damaged"):
            parse_budget_file(text[:end])


@pytest.mark.parametrize(
    "change",
    [
        {"at_us": "7"},
        {"at_us": True},
        {"at_us": 7.5},
        {"spools": [3]},
        {"spools": {"p-1": None}},
        {"budgets": None},
        {"budgets": [{}]},
        {"budgets": {"name": 1}},
    ],
)
def test_other_shapes_are_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    """Whoever wrote them."""
    text = json.dumps({**json.loads(text_of(tmp_path)), **change}).encode()
    with pytest.raises(BudgetFileUnusable, match="it is damaged"):
        parse_budget_file(text)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 1},
        {"per": "user"},
        {"of": "usd"},
        {"period": [0]},
        {"period": [0, None]},
        {"keys": 1},
        {"keys": [1]},
        {"keys": []},
        {"spent": [1, 2]},
        {"spent": ["1"]},
        {"granted": [True]},
        {"granted": None},
        {"in_flight": {"p-1": 4}},
        {"late_us": "soon"},
        {"late_us": 0.5},
    ],
)
def test_other_sums_are_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    """One of them, and nothing counts."""
    tree = json.loads(text_of(tmp_path))
    tree["budgets"][0] |= change
    with pytest.raises(BudgetFileUnusable, match="it is damaged"):
        parse_budget_file(json.dumps(tree).encode())


def test_a_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    """Nothing in it can be late."""
    tree = json.loads(text_of(tmp_path))
    del tree["budgets"][0]["late_us"]
    assert parse_budget_file(json.dumps(tree).encode()) == SOME


@given(st.binary(max_size=40))
def test_any_bytes_are_damaged(text: bytes) -> None:
    """Never another exception."""
    with pytest.raises(BudgetFileUnusable):
        parse_budget_file(text)


def test_a_newer_release_is_told() -> None:
    """Its file may mean anything."""
    with pytest.raises(BudgetFileUnusable, match="another release wrote it"):
        parse_budget_file(b'{"format": 2}')
