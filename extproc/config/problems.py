"""Problems of a configuration file: position, what was found, what was expected, and a hint.

``Places`` maps each key to its position, so that checks in every layer can point at a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from extproc.config.secrecy import may_be_secret

KeyPath = tuple[str | int, ...]

SHOWN_CHARS_MAX = 60
NAMES_SHOWN_MAX = 20
WORD_CHARS_MAX = 100
SECRET_ENDINGS = ("key", "keys", "token", "tokens", "auth", "authorization", "bearer", "cookie", "dsn", "_env")
SECRET_PARTS = ("secret", "password", "passwd", "passphrase", "credential", "private")
_PLAIN = re.compile(r"[\w./-]([\w./@ -]*[\w./-])?")
"""A scalar that needs no quotes."""
_NAMED_BY = {
    "budgets": ("name",),
    "cases": ("name",),
    "facts": ("id",),
    "filters": ("filter",),
    "guards": ("name", "guard"),
    "limits": ("name",),
    "policies": ("name",),
    "recognizers": ("name",),
    "route_tests": ("name",),
    "routes": ("name",),
    "tests": ("name",),
}
"""The name key of an item, for the items of these lists."""


class Severity(StrEnum):
    """Errors reject the file; warnings are only reported."""

    ERROR = "error"
    WARNING = "warning"


class ValueKind(StrEnum):
    """The type of a value in the file, in the words of a message."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a true or false"
    NOTHING = "nothing"
    LIST = "a list"
    BLOCK = "a block of keys"


class FilePlace(NamedTuple):
    """A place in a file; line and column from 1."""

    source: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a configuration file.

    Args:
        source: file name as given by the user.
        line, column: from 1.
        path: key path such as ``models.tiny-chat.versions.v1.weight``; empty for the whole file.
        found, expected, hint: parts of the message; they never contain a value under a key that looks secret.
    """

    source: str
    line: int
    column: int
    path: str
    found: str
    expected: str = ""
    hint: str = ""
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> FilePlace:
        """Where it is."""
        return FilePlace(self.source, self.line, self.column)

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}: "
        warning = "warning: " if self.severity is Severity.WARNING else ""
        path = f"{self.path}: " if self.path else ""
        expected = f", expected {self.expected}" if self.expected else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{warning}{path}{self.found}{expected}.{hint}"


class ConfigInvalid(Exception):
    """The configuration file is invalid; holds all its problems, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = by_line(problems)
        super().__init__("\n".join(map(str, self.problems)))


def by_line(problems: Iterable[Problem]) -> list[Problem]:
    """The problems of each file, in its order."""
    return sorted(problems, key=lambda problem: (problem.place, problem.path))


def distinct(problems: Iterable[Problem]) -> list[Problem]:
    """Without repetitions: what stands once in a file, and is used at several places, is told once."""
    first = {(one.place, one.found, one.expected, one.hint): one for one in reversed(list(problems))}
    return list(reversed(first.values()))


class KeyPosition(NamedTuple):
    """Position of a key and its value, and the value as written.

    Args:
        text: of a scalar. empty: a list or block without entries.
    """

    key: FilePlace
    value: FilePlace
    kind: ValueKind
    text: str = ""
    empty: bool = False


class Places:
    """The positions of all keys.

    Args: source: the file, for a key that stands in none.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._hidden: set[KeyPath] = set()
        self._places: dict[KeyPath, KeyPosition] = {}

    def add(self, path: KeyPath, place: KeyPosition) -> None:
        """Record the position of a key."""
        self._places[path] = place

    def get(self, path: KeyPath) -> KeyPosition | None:
        """The position of the key, or None if the file does not contain it."""
        return self._places.get(path)

    def place(self, path: KeyPath) -> FilePlace:
        """Where the key is, or the closest enclosing block in the file."""
        return self._position(path, at_key=True)

    def line(self, path: KeyPath, near: KeyPath | str = ()) -> str:
        """``line 7``, of the key or of the closest enclosing block; with the file's name if it is another one.

        Args: near: the key that the message is about, or its file.
        """
        source, line, _ = self.place(path)
        here = near if isinstance(near, str) else self.place(near).source
        return f"line {line}" if source == here else f"line {line} of {source}"

    def problem(
        self,
        path: KeyPath,
        found: str,
        *,
        expected: str = "",
        hint: str = "",
        severity: Severity = Severity.ERROR,
        at_key: bool = False,
    ) -> Problem:
        """A problem at a key, or at the closest enclosing block if the key is missing."""
        there = self._position(path, at_key=at_key)
        return self.problem_at(there, path, found, expected=expected, hint=hint, severity=severity)

    def problem_at(
        self,
        there: FilePlace,
        path: KeyPath,
        found: str,
        *,
        expected: str = "",
        hint: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem at a place in a file."""
        return Problem(*there, self.dotted(path), found, expected, hint, severity)

    def hide(self, path: KeyPath) -> None:
        """Never show this key's value: it comes from the environment. Messages show what the file says."""
        self._hidden.add(path)

    def quoted(self, path: KeyPath, text: str) -> str:
        """A part of a key's value in backquotes, unless it must not be shown."""
        place = self._places.get(path)
        return shown(place.text) if place is not None and path in self._hidden else shown(text)

    def found(self, path: KeyPath) -> str:
        """The value in words; only its type if the key looks secret."""
        place = self._places.get(path)
        if place is None:
            return "nothing"
        if place.empty:
            return "an empty list" if place.kind is ValueKind.LIST else "an empty block"
        if place.kind in (ValueKind.NOTHING, ValueKind.LIST, ValueKind.BLOCK):
            return place.kind.value
        if path in self._hidden:
            written = "" if must_hide(path, place.text) else f" of {shown(place.text)}"
            return f"the value{written} from the environment (not shown)"
        if must_hide(path, place.text):
            return f"{place.kind} (not shown)"
        if place.kind is ValueKind.BOOLEAN:
            return shown(place.text)
        return f"the {place.kind.removeprefix('a ')} {shown(place.text)}"

    def flow(self, path: KeyPath) -> str:
        """A block in one line, such as ``{ teams: [search] }``; empty if it is long, or may hold a secret."""
        place = self._places.get(path)
        if place is None or must_hide(path, place.text):
            return ""
        if place.kind not in (ValueKind.BLOCK, ValueKind.LIST):
            return place.text if _PLAIN.fullmatch(place.text) else ""
        inner = [one for one in self._places if len(one) == len(path) + 1 and one[:-1] == path]
        parts = [self.flow(one) for one in inner]
        if place.kind is ValueKind.BLOCK:
            keyed = ", ".join(f"{one[-1]}: {part}" for one, part in zip(inner, parts, strict=True))
            written = f"{{ {keyed} }}" if keyed else "{}"
        else:
            written = f"[{', '.join(parts)}]"
        return written if all(parts) and len(written) <= SHOWN_CHARS_MAX else ""

    def dotted(self, path: KeyPath) -> str:
        """The key path in dotted form; filters, policies and guards appear by name instead of index."""
        written = ""
        for depth, part in enumerate(path):
            if isinstance(part, int):
                written += f"[{self._item_name(path[: depth + 1])}]"
            else:
                written += ("." if written else "") + _key(part)
        return written

    def _item_name(self, path: KeyPath) -> str:
        for key in _NAMED_BY.get(str(path[-2]), ()) if len(path) > 1 else ():
            name = self._places.get((*path, key))
            if name and item_name(name.text):
                return name.text
        return str(path[-1])

    def _position(self, path: KeyPath, *, at_key: bool) -> FilePlace:
        for length in range(len(path), -1, -1):
            place = self._places.get(path[:length])
            if place is not None:
                is_apart = place.value[:2] == place.key[:2] and length == len(path) and not at_key
                return place.value if is_apart else place.key
        return FilePlace(self._source, 1, 1)


def item_name(text: str) -> str:
    """The name of an item if a key path can hold it; empty otherwise."""
    return text if text.replace("-", "_").isidentifier() and not may_be_secret(text) else ""


def shown(text: str) -> str:
    """A name or value in backquotes, unless it may be a secret: truncated when long, control characters escaped."""
    if may_be_secret(text):
        return "(not shown)"
    visible = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[:SHOWN_CHARS_MAX])
    return f"`{visible}…`" if len(text) > SHOWN_CHARS_MAX else f"`{visible}`"


def names(known: Iterable[str]) -> str:
    """Names in backquotes, separated by commas, truncated after some."""
    every = list(known)
    more = ", …" if len(every) > NAMES_SHOWN_MAX else ""
    return ", ".join(map(shown, every[:NAMES_SHOWN_MAX])) + more


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean `weight`?``, or nothing if no known name is similar."""
    by_lower = {name.lower(): name for name in known}
    if len(word) > WORD_CHARS_MAX:
        return ""
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {shown(by_lower[near[0]])}?" if near else ""


def must_hide(path: KeyPath, text: str) -> bool:
    """Whether a value must not be shown: it or a key in its path looks secret."""
    keys = [part.lower() for part in path if isinstance(part, str)]
    secret = any(key.endswith(SECRET_ENDINGS) or any(part in key for part in SECRET_PARTS) for key in keys)
    return secret or may_be_secret(text)


def _key(part: str) -> str:
    if may_be_secret(part):
        return shown(part)
    plain = part.replace("-", "").replace("_", "").replace("/", "").isalnum()
    return shown(part).strip("`") if plain else '"' + shown(part)[1:-1] + '"'
