"""The small view that every dialect gives of its bodies, so that a filter is written once.

A request is a list of ``TextField``; an unstreamed answer and a streamed event are lists of ``Slot``. Both say where the text
stands and whose it is (``TextSource``); neither says anything about the dialect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from extproc.domain.errors import refuse
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.domain.usage import Usage
from extproc.payload.edits import Edit, Operation, Path, apply_edits

# Parts of an answer that no dialect names are numbered from here, so that they never share a channel with a named one.
UNNAMED_PART_FIRST = 1_000


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """What a request may hold that no guard can read; see ``requests`` of the configuration."""

    json_depth_max: int
    token_ids_pass: bool = False
    media_pass: bool = False
    template_kwargs: frozenset[str] = frozenset()


@dataclass(slots=True)
class TextField:
    """One text of a request: its place in the body, and its source."""

    source: TextSource
    path: Path
    text: str


@dataclass(slots=True)
class RequestView:
    """A request body, as filters see it. ``choices`` is how many answers are asked for."""

    body: bytes
    tree: dict[str, Any]
    canonical: bool
    texts: list[TextField]
    model: str | None
    streamed: bool
    choices: int = 1
    user: str | None = None
    usage_asked: bool = False
    unread: tuple[str, ...] = ()  # kinds of content passed by policy that no guard could read
    shown: dict[str, Any] = field(default_factory=dict)  # fields of the answer that the client sees as it asked for them
    edits: list[Edit] = field(default_factory=list)

    def replace_text(self, text_field: TextField, text: str) -> None:
        """Put another text in the place of one."""
        if text != text_field.text:
            text_field.text = text
            self.set(text_field.path, text)

    def set(self, path: Path, value: Any) -> None:
        """Set a value, or add a key."""
        self.edits.append(Edit(Operation.SET, path, value))

    def insert_first(self, path: Path, value: Any) -> None:
        """Put an item before the first of an array."""
        self.edits.append(Edit(Operation.INSERT_FIRST, path, value))

    def body_after(self) -> bytes:
        """The body with all changes made; what is not changed is as it came, byte for byte."""
        body = apply_edits(self.body, self.tree, self.canonical, self.edits)
        self.edits = []
        return body


@dataclass(slots=True)
class Slot:
    """One text of an answer: ``holder[key]`` is the text, or a JSON value if ``structured``."""

    source: TextSource
    holder: Any
    key: str | int
    structured: bool = False

    @property
    def text(self) -> str:
        """The text; a structured value as compact JSON."""
        value = self.holder[self.key]
        return orjson.dumps(value).decode() if self.structured else value

    def put(self, text: str) -> None:
        """Put another text in its place. A structured value that was cut short is emptied."""
        if not self.structured:
            self.holder[self.key] = text
            return
        try:
            self.holder[self.key] = orjson.loads(text)
        except orjson.JSONDecodeError:
            self.holder[self.key] = {}


@dataclass(frozen=True, slots=True)
class Copy:
    """A part of an answer that repeats text unmasked (log probabilities, token ids); ``empty`` is what may stand there."""

    holder: Any
    key: str
    empty: Any = None

    def drop(self) -> None:
        """Take the copy out."""
        self.holder[self.key] = self.empty


@dataclass(slots=True)
class AnswerView:
    """An unstreamed answer: its texts, in the order in which a stream would bring them."""

    tree: dict[str, Any]
    slots: list[Slot]
    usage: Usage | None = None
    copies: list[Copy] = field(default_factory=list)

    def write(self) -> bytes:
        """The body after its slots were changed."""
        return orjson.dumps(self.tree)


def answer_source(kind: Kind, choice: int, part: int = 0) -> TextSource:
    """A channel of the answer."""
    return TextSource(Direction.RESPONSE, Speaker.ASSISTANT, kind, choice, part)


def request_source(speaker: Speaker, kind: Kind = Kind.CONTENT) -> TextSource:
    """A text of the request."""
    return TextSource(Direction.REQUEST, speaker, kind)


def strings_in(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any, str | int, str]]:
    """Every string in a JSON value, as (path, holder, key, text); depth is bounded by the parser."""
    items: Iterator[tuple[str | int, Any]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    else:
        return
    for key, child in items:
        if isinstance(child, str):
            yield (*path, key), value, key, child
        else:
            yield from strings_in(child, (*path, key))


def text_fields(value: Any, path: Path, source: TextSource) -> list[TextField]:
    """Every string of a JSON value as a field of the same source; ``value`` may itself be a string."""
    if isinstance(value, str):
        return [TextField(source, path, value)] if value else []
    return [TextField(source, where, text) for where, _, _, text in strings_in(value, path) if text]


def unnamed_slots(holder: dict[str, Any], named: frozenset[str], choice: int) -> list[Slot]:
    """Strings in fields that the dialect does not name: a server newer than we are must not get text past the guards."""
    slots: list[Slot] = []
    for key, value in holder.items():
        if key in named or value is None or isinstance(value, bool | int | float):
            continue
        found = [(holder, key)] if isinstance(value, str) else [(parent, name) for _, parent, name, _ in strings_in(value)]
        slots += [
            Slot(answer_source(Kind.CONTENT, choice, UNNAMED_PART_FIRST + len(slots) + number), parent, name)
            for number, (parent, name) in enumerate(found)
        ]
    return slots


def expect_object(value: Any, param: str | None = None) -> dict[str, Any]:
    """The value, if it is a JSON object. Raises: PayloadRefused (400)."""
    if not isinstance(value, dict):
        raise refuse(400, "invalid_type", f"{param or 'The body'} must be a JSON object.", param)
    return value


def expect_bool(tree: dict[str, Any], key: str) -> bool:
    """A boolean field, absent and null as false. A string or a number is refused: servers coerce them. Raises: 400."""
    value = tree.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise refuse(400, "invalid_type", f"{key} must be true or false.", key)


def expect_count(tree: dict[str, Any], key: str) -> int:
    """A positive integer field, absent and null as 1. Raises: PayloadRefused (400)."""
    value = tree.get(key)
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000:
        raise refuse(400, "invalid_type", f"{key} must be an integer from 1 to 1000.", key)
    return value


def expect_text(tree: dict[str, Any], key: str) -> str | None:
    """A string field, or None if absent or null. Raises: PayloadRefused (400)."""
    value = tree.get(key)
    if value is None or isinstance(value, str):
        return value
    raise refuse(400, "invalid_type", f"{key} must be a string.", key)
