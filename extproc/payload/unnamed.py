"""The texts of a response that its dialect does not name: a newer server must not get text past the guards.

Each object of an API has a ``Shape``: keys that the dialect reads itself, keys that hold other objects, and keys that
are *inert* while their value has the expected format (an id, a count, a word of the API). Everything else is checked:
strings, names of keys, and numbers long enough to be a card or phone number. A name or a number that a guard would
change is removed, since neither can be masked in part.

Most such strings are *statements*, repeated or replaced in each event; those of a delta *grow*, and are channels.
"""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

from extproc.domain.text import Kind
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.edits import Path
from extproc.payload.inert import DIGITS_MAX, Shape
from extproc.payload.view import NUMBER_MIN, UNNAMED_PART_FIRST, Slot, response_source

# What a delta brings piece by piece, at any depth. Other nested strings (types, formats, links) arrive whole.
_GROWING: Final = frozenset(
    {"text", "transcript", "summary", "content", "thinking", "reasoning", "input", "arguments", "code"}
)
_STATING: Final = frozenset({"role", "type", "id", "object", "status", "format", "name", "index", "signature"})
_EXACT_FLOAT_MAX: Final = float(1 << 53)


class LooseSlot(Slot):
    """A string whose place is removed when a name above it is removed."""

    @property
    def text(self) -> str:
        """The text, empty if it was removed."""
        try:
            text: str = self.holder[self.key]
        except (KeyError, IndexError):
            return ""
        return text

    def put(self, text: str) -> None:
        """Replace the text, if it is still there."""
        try:
            self.holder[self.key]
        except (KeyError, IndexError):
            return
        self.holder[self.key] = text


class NumberSlot(Slot):
    """A number that is long enough to identify a person; removed if a guard would change it."""

    @property
    def text(self) -> str:
        """Its digits."""
        try:
            value = self.holder[self.key]
        except (KeyError, IndexError):
            return ""
        if value is None:
            return ""
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    def put(self, text: str) -> None:
        """Remove it."""
        if self.text:
            self.holder[self.key] = None


class NameSlot(Slot):
    """The name of a key; the key and its value are removed if a guard would change its name."""

    @property
    def text(self) -> str:
        """The name."""
        return str(self.key) if self.key in self.holder else ""

    def put(self, text: str) -> None:
        """Remove the key."""
        if self.key in self.holder:
            _empty(self.holder.pop(self.key))


def _empty(value: Any) -> None:
    """Empty a value, so that slots within it find nothing."""
    children = list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    for child in children:
        _empty(child)
    if isinstance(value, (dict, list)):
        value.clear()


# --- reading -------------------------------------------------------------------------------------------------------


class Unnamed:
    """Collects the unnamed texts of one choice of a response.

    Args: grows: whether strings are pieces that a client joins (of a delta, and of the message that it makes).
    """

    def __init__(self, choice: int, grows: bool = False) -> None:
        self.slots: list[Slot] = []
        self.paths: dict[int, Path] = {}  # the paths of growing texts, by part
        self._choice = choice
        self._grows = grows

    def read(self, holder: dict[str, Any], shape: Shape, path: Path = (), before: dict[str, Any] | None = None) -> None:
        """Read an object of a known shape; known keys with the same value in ``before`` were already checked there."""
        for key, value in holder.items():
            if value is None and key in shape.known:
                continue
            if key in shape.named:
                continue
            if before is not None and key in shape.known and before.get(key) == value:
                continue
            rule = shape.inert.get(key)
            if rule is not None:
                if not rule(value):
                    self._value(holder, key, value, (*path, key))
            elif key in shape.objects:
                self._objects(holder, key, value, shape.objects[key], (*path, key))
            else:
                self._name(holder, key, path)
                self._value(holder, key, value, (*path, key))

    def _objects(self, holder: Any, key: str | int, value: Any, shape: Shape, path: Path) -> None:
        if isinstance(value, dict):
            self.read(value, shape, path)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._objects(value, number, item, shape, (*path, _position(item, number)))
        else:
            self._value(holder, key, value, path)

    def _value(self, holder: Any, key: str | int, value: Any, path: Path) -> None:
        if isinstance(value, str):
            if value:
                self._text(holder, key, path)
        elif isinstance(value, dict):
            for name, child in value.items():
                self._name(value, name, path)
                self._value(value, name, child, (*path, name))
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._value(value, number, item, (*path, _position(item, number)))
        elif isinstance(value, float):
            if abs(value) >= _EXACT_FLOAT_MAX:
                raise UnreadableResponse("a response has a number with more digits than parsers keep")
            if len(repr(value)) > DIGITS_MAX:
                self._state(NumberSlot, holder, key, path)
        elif isinstance(value, int) and abs(value) >= NUMBER_MIN:
            self._state(NumberSlot, holder, key, path)

    def _name(self, holder: dict[str, Any], key: str, path: Path) -> None:
        self._state(NameSlot, holder, key, (*path, "\0", key))

    def _text(self, holder: Any, key: str | int, path: Path) -> None:
        if not (self._grows and self._is_growing(path)):
            self._state(LooseSlot, holder, key, path)
            return
        part = part_of(path)
        self.paths[part] = path
        self.slots.append(LooseSlot(response_source(Kind.CONTENT, self._choice, part), holder, key))

    def _is_growing(self, path: Path) -> bool:
        names = [name for name in path if isinstance(name, str)]
        return names[-1] in _GROWING or (len(path) == 1 and names[-1] not in _STATING)

    def _state(self, slot_type: type[Slot], holder: Any, key: str | int, path: Path) -> None:
        source = response_source(Kind.ASIDE, self._choice, UNNAMED_PART_FIRST)
        self.slots.append(slot_type(source, holder, key, complete=True, place=1 + _number_of(path)))


def unnamed_slots(
    holder: dict[str, Any], shape: Shape, choice: int, path: Path = (), grows: bool = False
) -> list[Slot]:
    """The unnamed texts of one object."""
    unnamed = Unnamed(choice, grows)
    unnamed.read(holder, shape, path)
    return unnamed.slots


def nested(path: Path, text: str) -> Any:
    """The objects and lists on the path to a text, and nothing else: they carry a piece of it."""
    value: Any = text
    for step in reversed(path):
        if isinstance(step, str):
            value = {step: value}
        else:
            value = [{"index": step, **value} if isinstance(value, dict) else value]
    return value


def _position(item: Any, number: int) -> int:
    """The position of a list's item: a delta says by its index which one it continues."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else number


def part_of(path: Path) -> int:
    """The part number of a channel that is identified by its path."""
    return UNNAMED_PART_FIRST + 1 + _number_of(path)


def _number_of(path: Path) -> int:
    return crc32("/".join(map(str, path)).encode("utf-8", "replace"))
