"""What somebody adds, as edits of files: what CONTRIBUTING tells them to write, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Insertion:
    """Text that goes behind the line that begins with ``behind``; that line must be there once."""

    behind: str
    text: str


@dataclass(frozen=True)
class Addition:
    """What somebody adds.

    Attributes:
        files: new files, and insertions into files that exist; by path.
        example: the file with the example that the laws are tried with; empty where nothing is tried with one.
        tests: what must pass then.
        only: pytest's expression that chooses among these tests.
    """

    files: Mapping[str, str | tuple[Insertion, ...]]
    tests: tuple[str, ...]
    example: str = ""
    only: str = ""

    @property
    def chosen(self) -> str:
        """Pytest's expression for what must pass, among the tests of all additions."""
        files = " or ".join(f"{Path(test).stem}.py" for test in self.tests)
        return f"({files}) and ({self.only})" if self.only else f"({files})"

    def write(self, root: Path) -> None:
        """Write it into a copy of the tree."""
        for name, change in self.files.items():
            path = root / name
            if isinstance(change, str):
                assert not path.exists(), f"{name} exists already"
                path.write_text(change)
            else:
                for insertion in change:
                    _insert(path, insertion)


def _insert(path: Path, insertion: Insertion) -> None:
    lines = path.read_text().splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if line.startswith(insertion.behind)]
    path.write_text("".join([*lines[: place + 1], insertion.text, *lines[place + 1 :]]))
