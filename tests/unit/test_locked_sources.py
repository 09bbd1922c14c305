"""Which texts nobody may see, and that nobody does."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from tests.tools import corpora
from tests.tools.corpus_sample import FOLDER, LOCKED_SHARE, TASKS, Source, listed, locked_sources, sample
from tests.tools.ngram_training import near_duplicate_keys

ROOT = FOLDER.parents[2]
SOURCES = listed((FOLDER / "SOURCES.md").read_text())


def test_the_list_is_that_of_the_rule() -> None:
    """By names alone: nobody has chosen a source."""
    assert corpora.locked_names() == {f"{one.task}/{one.name}" for one in locked_sources(SOURCES)}


@pytest.mark.parametrize("task", TASKS)
def test_a_third_of_each_task_is_locked(task: str) -> None:
    """And a repository is locked as a whole, or not at all."""
    own = [one for one in SOURCES if one.task == task]
    locked = [one for one in locked_sources(SOURCES) if one.task == task]
    assert abs(Fraction(len(locked), len(own)) - LOCKED_SHARE) < Fraction(1, 8)
    assert not {one.family for one in locked} & {one.family for one in own if one not in locked}


def test_the_rule_does_not_depend_on_order() -> None:
    """Of the table."""
    assert locked_sources(reversed(SOURCES)) == locked_sources(SOURCES)


def test_sources_of_one_repository_are_locked_together() -> None:
    """Their texts resemble each other; our own are made apart."""
    sources = [Source("harm", name, "a/b") for name in "xyz"] + [Source("harm", name, f"c/{name}") for name in "uvw"]
    names = {one.name for one in locked_sources(sources)}
    assert names >= set("xyz") or not names & set("xyz")


@pytest.mark.parametrize("task", TASKS)
def test_every_file_has_a_source_and_is_read(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locked, or in view; none is both."""
    monkeypatch.setattr(corpora, "_keys_in_view", frozenset)
    files = {file.name.split(".")[0] for file in (FOLDER / task).glob("*.jsonl.gz")}
    assert files == {one.name for one in SOURCES if one.task == task}
    in_view, locked = ({row.source for row in read(task)} for read in (corpora.in_view, corpora.locked))
    assert not in_view & locked
    assert files <= in_view | locked


def test_only_reports_read_what_is_locked() -> None:
    """What trains, and what a recipe is chosen by, does not."""
    readers = {
        file.name
        for folder in ("extproc", "tests", "packages")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"corpora\.locked\(|corpora import .*\blocked\b|corpus_sample import .*FOLDER", file.read_text())
    }
    assert {name for name in readers if not name.endswith("_report.py")} <= {
        "corpora.py",
        "corpus_sample.py",
        "test_locked_sources.py",
    }


def test_a_sample_has_the_same_rows_whatever_their_order() -> None:
    """At most so many of each label, and cut."""
    rows = [{"text": f"{number} " * 3_000, "label": number % 2} for number in range(3_000)]
    chosen = list(sample(rows, "harm"))
    assert [row["label"] for row in chosen].count(1) == 1_000
    assert {len(row["text"]) for row in chosen} == {2_000}
    assert chosen == list(sample(rows[::-1], "harm"))


def test_what_repeats_a_text_in_view_is_not_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what does so nearly: collections copy from each other."""
    text = "Write a short poem about the sea at night and about the moon over the bay, and end it with a question."
    seen = near_duplicate_keys(text)
    assert corpora.nearly_repeats(text, seen)
    assert corpora.nearly_repeats(f"Please. {text}", seen)
    assert not corpora.nearly_repeats("Write a long poem about a dry summer in the hills, without any question.", seen)
    monkeypatch.setattr(corpora, "_keys_in_view", frozenset)
    first, *_ = every = corpora.locked("refusal")
    monkeypatch.setattr(corpora, "_keys_in_view", lambda: near_duplicate_keys(first.text))
    is_counted = first in corpora.locked("refusal")
    assert not is_counted
    assert len(corpora.locked("refusal")) > len(every) / 2


def test_translated_sources_are_locked() -> None:
    """They are told apart in reports."""
    assert {name.split("/")[1] for name in corpora.locked_names()} >= corpora.TRANSLATED
