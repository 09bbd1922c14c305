"""Makes ``tests/corpus/more``: a sample of each source of a larger collection, and the list of those that are locked.

    python -m tests.tools.corpus_sample COLLECTION

COLLECTION holds ``TASK/SOURCE.jsonl.gz`` and ``SOURCES.md``, a table with a row for each source. Rows are chosen by
hashes of their texts. Which sources are locked is decided by hashes of names, see `locked_sources`, before any text is
read; a locked source is copied unread.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[1] / "corpus" / "more"
LOCKED_FILE: Final = FOLDER / "locked.txt"
TASKS: Final = ("injection", "harm", "abuse", "refusal", "honest")
LOCKED_SHARE: Final = Fraction(1, 3)
ROWS_MAX: Final = 1_000
"""Of each source and label."""
HONEST_ROWS_MAX: Final = 600
CHARS_MAX: Final = {"injection": 4_000}
OTHER_CHARS_MAX: Final = 2_000
_OURS: Final = "written for this project"
_HEADING: Final = f"""\
A sample of the sources below, made by `python -m tests.tools.corpus_sample`: at most {ROWS_MAX} rows of each label,
{HONEST_ROWS_MAX} of honest text. The table counts the rows of the whole collection. Nobody opens the sources of
`locked.txt`: reports print their figures alone.

"""


class Source(NamedTuple):
    """A file of labelled texts, and the repository it is from."""

    task: str
    name: str
    repository: str

    @property
    def family(self) -> str:
        """Sources of one repository are locked together: their texts resemble each other."""
        return f"{self.task}/{self.name}" if self.repository == _OURS else self.repository


def listed(table: str) -> list[Source]:
    """The sources of a table in Markdown: task, file, rows, ones, repository, …"""
    cells = ([cell.strip() for cell in line.split("|")] for line in table.splitlines())
    return [Source(row[1], row[2], row[5]) for row in cells if len(row) > 5 and row[1] in TASKS]


def locked_sources(sources: Iterable[Source]) -> list[Source]:
    """A third of the sources of each task, in the order of the hashes of their families' names."""
    every = sorted(sources)
    found: list[Source] = []
    for task in TASKS:
        own = [source for source in every if source.task == task]
        taken: list[Source] = []
        for family in sorted({source.family for source in own}, key=_hash):
            if len(taken) >= round(len(own) * LOCKED_SHARE):
                break
            taken += [source for source in own if source.family == family]
        found += taken
    return sorted(found)


def _hash(family: str) -> str:
    return hashlib.sha256(f"llm-extproc locked sources\n{family}".encode()).hexdigest()


def sample(rows: Iterable[dict[str, Any]], task: str) -> Iterator[dict[str, Any]]:
    """At most so many rows of each label, whichever have the least hashes; texts are cut."""
    rows_max = HONEST_ROWS_MAX if task == "honest" else ROWS_MAX
    chars_max = CHARS_MAX.get(task, OTHER_CHARS_MAX)
    taken = {0: 0, 1: 0}
    for row in sorted(rows, key=lambda row: hashlib.sha256(row["text"].encode("utf-8", "replace")).digest()):
        if taken[row["label"]] < rows_max:
            taken[row["label"]] += 1
            yield {**row, "text": row["text"][:chars_max]}


def main() -> None:
    """Write the folder anew."""
    collection = Path(sys.argv[1])
    table = (collection / "SOURCES.md").read_text()
    sources = listed(table)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    LOCKED_FILE.write_text("".join(f"{one.task}/{one.name}\n" for one in locked_sources(sources)))
    (FOLDER / "SOURCES.md").write_text(_HEADING + table)
    for source in sources:
        raw = gzip.decompress((collection / source.task / f"{source.name}.jsonl.gz").read_bytes()).decode()
        chosen = sample((json.loads(line) for line in raw.split("\n") if line), source.task)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chosen)
        target = FOLDER / source.task / f"{source.name}.jsonl.gz"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(gzip.compress(lines.encode("utf-8", "surrogatepass"), 9, mtime=0))


if __name__ == "__main__":
    main()
