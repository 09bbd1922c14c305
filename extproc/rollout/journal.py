"""The journal of a rollout: what was decided, by whom, and the numbers that it was decided from.

Each entry has the hash of the one before. So an entry that was changed, removed or added later is noticed, and the last
hash, kept elsewhere, proves the whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

FORMAT: Final = 1
PROCESSOR: Final = "extproc"
"""Who made an entry that no person made."""


class JournalKind(StrEnum):
    """What happened."""

    STARTED = "started"
    LOOKED = "looked"  # nothing changed; for the picture over time
    HELD = "held"  # for another reason than before
    ADVANCED = "advanced"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    PAUSED = "paused"
    RESUMED = "resumed"
    INCONCLUSIVE = "inconclusive"
    BROKEN_OFF = "broken_off"  # what is compared has changed


class JournalEntry(NamedTuple):
    """One entry.

    Attributes:
        number: from 1 on.
        at_us: when [us since 1970, UTC].
        content: JSON, exactly as it was hashed.
        hash: of the content and the hash before, in hexadecimal digits.
    """

    number: int
    at_us: int
    content: str
    hash: str

    @property
    def values(self) -> Mapping[str, Any]:
        """The content. Raises: ValueError."""
        found = json.loads(self.content)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise ValueError("the content of an entry is of another release, or damaged")
        return found


class JournalBroken(NamedTuple):
    """Where a journal is not what it was. Attributes: number: of the first entry that does not fit."""

    number: int
    problem: str


def appended(before: JournalEntry | None, rollout: str, at_us: int, values: Mapping[str, Any]) -> JournalEntry:
    """The next entry. Args: values: its content, of JSON's types."""
    number = 1 if before is None else before.number + 1
    whole = {"format": FORMAT, "rollout": rollout, "number": number, "at_us": at_us, **values}
    content = json.dumps(whole, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return JournalEntry(number, at_us, content, _hash("" if before is None else before.hash, content))


def broken_at(rollout: str, entries: Iterable[JournalEntry]) -> JournalBroken | None:
    """The first entry that was changed, is missing, or is of another rollout; None: the journal is whole."""
    return next(_problems(rollout, entries), None)


def _problems(rollout: str, entries: Iterable[JournalEntry]) -> Iterator[JournalBroken]:
    before = ""
    for expected, entry in enumerate(entries, 1):
        if entry.number != expected:
            yield JournalBroken(expected, f"entry {expected} is missing")
            return
        if entry.hash != _hash(before, entry.content):
            yield JournalBroken(expected, f"entry {expected} is not what was written, or the one before it is not")
            return
        try:
            values = entry.values
        except ValueError as error:
            yield JournalBroken(expected, f"entry {expected}: {error}")
            return
        if values.get("rollout") != rollout:
            yield JournalBroken(expected, f"entry {expected} is of another rollout")
        if (values.get("number"), values.get("at_us")) != (entry.number, entry.at_us):
            yield JournalBroken(expected, f"entry {expected} has another number or time than was written")
        before = entry.hash


def _hash(before: str, content: str) -> str:
    return hashlib.sha256(f"{before}\n{content}".encode()).hexdigest()
