"""The labelled texts of ``tests/corpus``: those in view, from which all is made, and those that are locked.

A locked source shows how good a guard is on texts that nobody here has seen. Nobody opens it: no pattern, feature,
threshold or recipe is chosen by its texts, and a report prints figures alone. `corpus_sample` chose them, by names.
Collections copy from each other: what nearly repeats a text in view is not counted as locked.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.tools.corpus_sample import FOLDER, LOCKED_FILE, TASKS, listed
from tests.tools.ngram_training import near_duplicate_keys

SHARED: Final = Path(__file__).parents[1] / "corpus" / "shared"
TRANSLATED: Final = frozenset({"cyberseceval_frr_multilingual", "cyberseceval_multilingual"})
"""Locked sources that are translations of older ones in view: figures are told without them as well."""
SAME_REPOSITORY: Final = {"catqa": "declare-lab/red-instruct", "cyberseceval_frr_benign": "meta-llama/PurpleLlama"}
"""Of older sources, which have no table of repositories, those that newer ones share."""


class Row(NamedTuple):
    """A labelled text.

    Attributes:
        source: name of its file.
        kind: what it is within its source, such as ``jailbreak``; may be empty.
        speaker: user, tool, document or assistant; may be empty.
        lang: two letters.
    """

    text: str
    label: int
    source: str
    kind: str = ""
    speaker: str = ""
    lang: str = "en"


@cache
def locked_names() -> frozenset[str]:
    """TASK/SOURCE of each."""
    return frozenset(LOCKED_FILE.read_text().split())


@cache
def families() -> dict[str, str]:
    """The repository of each TASK/SOURCE of the larger collection: such sources are left out together."""
    return {f"{one.task}/{one.name}": one.family for one in listed((FOLDER / "SOURCES.md").read_text())}


def family_of(task: str, source: str) -> str:
    """What is left out together with a source."""
    return SAME_REPOSITORY.get(source) or families().get(f"{task}/{source}", f"{task}/{source}")


def in_view(task: str) -> list[Row]:
    """All sources of a task that anybody may read: the older ones, and those of the larger collection."""
    older = sorted((SHARED / task).glob("*.jsonl.gz"))
    return [row for file in (*older, *_files(task, locked=False)) for row in _rows(file)]


def fold_of(family: str, folds: int) -> int:
    """In which of so many folds a family is left out."""
    return hashlib.sha256(f"fold {family}".encode()).digest()[0] % folds


def locked(task: str) -> list[Row]:
    """The sources of a task that only a report reads, but for rows that nearly repeat one in view."""
    seen = _keys_in_view()
    return [row for file in _files(task, locked=True) for row in _rows(file) if not nearly_repeats(row.text, seen)]


def nearly_repeats(text: str, seen: Set[int]) -> bool:
    """Whether half of a text's runs of words are among those of others (``near_duplicate_keys``)."""
    own = near_duplicate_keys(text)
    return 2 * len(own & seen) >= len(own)


@cache
def _keys_in_view() -> frozenset[int]:
    return frozenset(key for task in TASKS for row in in_view(task) for key in near_duplicate_keys(row.text))


def _files(task: str, *, locked: bool) -> list[Path]:
    every = sorted((FOLDER / task).glob("*.jsonl.gz"))
    return [file for file in every if (f"{task}/{file.name.split('.')[0]}" in locked_names()) is locked]


def _rows(file: Path) -> Iterator[Row]:
    source = file.name.split(".")[0]
    for line in gzip.decompress(file.read_bytes()).decode("utf-8", "surrogatepass").split("\n"):
        if line:
            row: dict[str, Any] = json.loads(line)
            more = {name: row.get(name, "") for name in ("kind", "speaker")}
            yield Row(row["text"], int(row["label"]), source, **more, lang=row.get("lang") or "en")
