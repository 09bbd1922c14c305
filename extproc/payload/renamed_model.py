"""The served model's name in errors of a model server, which clients see as the name that they requested."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import orjson

from extproc.payload.view import RequestView, Slot

_INSIDE: Final = frozenset("_-/:@+")
"""Characters that join letters and digits to one name; a dot does so only between them."""


class RenamedModel(NamedTuple):
    """A model that is served under another name than the requested one."""

    served: str
    requested: str


def renamed_model(request: RequestView | None) -> RenamedModel | None:
    """The names of a request's model; None if it has only one."""
    if request is None or request.served_model is None or request.model is None:
        return None
    return RenamedModel(request.served_model, request.model)


def name_as_requested(slots: Iterable[Slot], renamed: RenamedModel) -> bool:
    """Write the requested name into texts that name the served one. Returns: whether any does."""
    changed = False
    for slot in slots:
        requested = orjson.dumps(renamed.requested)[1:-1].decode() if slot.structured else renamed.requested
        text = slot.text
        after = with_name(text, renamed.served, requested)
        if after != text:
            slot.put(after)
            changed = True
    return changed


def with_name(text: str, served: str, requested: str) -> str:
    """A text with one name in place of another, where that stands as a whole name."""
    parts, start = [], 0
    while (found := text.find(served, start)) >= 0:
        end = found + len(served)
        whole = not _joins_before(text, found) and not _joins_behind(text, end)
        parts += [text[start:found], requested if whole else served]
        start = end
    return "".join(parts) + text[start:]


def _joins_before(text: str, place: int) -> bool:
    """Whether the character before a place belongs to the name that begins there."""
    if place == 0:
        return False
    char = text[place - 1]
    return char.isalnum() or char in _INSIDE or (char == "." and place > 1 and text[place - 2].isalnum())


def _joins_behind(text: str, place: int) -> bool:
    """Whether the character at a place belongs to the name that ends there."""
    char = text[place : place + 1]
    return char.isalnum() or char in _INSIDE or (char == "." and text[place + 1 : place + 2].isalnum())
