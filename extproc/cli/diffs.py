"""What ``extproc prompts diff`` and ``extproc versions diff`` share: what is compared, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from rich.console import Console

from extproc.cli.diff_shapes import PartDifferenceJson, UnitDifferenceJson
from extproc.cli.tables import print_diff_lines, print_lines
from extproc.cli.which_config import config_file
from extproc.config.part_differences import ABSENT, PartDifference


class UnitDifference(Protocol):
    """What differs between two units."""

    @property
    def is_none(self) -> bool:
        """Whether nothing does."""


_Read = TypeVar("_Read")
_Difference = TypeVar("_Difference", bound=UnitDifference)


class UnitDiff(NamedTuple, Generic[_Difference]):
    """What was compared, as given, and what differs."""

    before: str
    after: str
    found: list[_Difference]


class ToldDifference(NamedTuple):
    """A difference for a person: the parts that are told, and the lines of a unified diff."""

    of: UnitDifferenceJson
    parts: Sequence[PartDifferenceJson]
    lines: Sequence[str]


def unit_diff(
    config: Path | None,
    names: tuple[str, str | None],
    read: Callable[[Path], _Read],
    of_files: Callable[[_Read, _Read], Iterable[_Difference]],
    of_two: Callable[[_Read, str, str], _Difference],
) -> UnitDiff[_Difference]:
    """Compare two units of the configuration; with one name alone, the configuration with that file."""
    file, (first, second) = config_file(config), names
    old = read(file)
    if second is None:
        return UnitDiff(str(file), first, list(of_files(old, read(Path(first)))))
    one = of_two(old, first, second)
    return UnitDiff(first, second, [] if one.is_none else [one])


def parts_data(parts: Iterable[PartDifference]) -> list[PartDifferenceJson]:
    """Parts that differ."""
    return [{"key": part.key, "before": part.before, "after": part.after} for part in parts]


def print_differences(console: Console, found: Iterable[ToldDifference]) -> None:
    """What differs, unit by unit; texts as a unified diff."""
    number = 0
    for number, one in enumerate(found, 1):
        if number > 1:
            print_lines(console, [""])
        print_lines(console, _about(one))
        print_diff_lines(console, one.lines)
    if not number:
        print_lines(console, ["Nothing differs."])


def _about(told: ToldDifference) -> Iterator[str]:
    one = told.of
    before, after = one["before"], one["after"]
    if before is None or after is None:
        name, fingerprint = (after, one["after_fingerprint"]) if before is None else (before, one["before_fingerprint"])
        yield f"{name} {'is new' if before is None else 'has gone'} (fingerprint {fingerprint})"
        return
    both = before if before == after else f"{before} and {after}"
    same = one["before_fingerprint"] == one["after_fingerprint"]
    yield f"{both}: fingerprint {one['after_fingerprint']}" + (
        "" if same else f" instead of {one['before_fingerprint']}"
    )
    for part in told.parts:
        yield f"  {part['key']}: {part['after'] or ABSENT} instead of {part['before'] or ABSENT}"
