"""The parts of a message as one text: the model sees them so, and what is looked for may be divided among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, TypeVar

from extproc.domain.finding import Spot
from extproc.domain.text import TextSource
from extproc.payload.view import TextField

_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


Found = TypeVar("Found", bound=Spot)


class JoinedText(NamedTuple):
    """Parts of a message as one text; the source is that of the first of them."""

    source: TextSource
    text: str


def joined_parts(fields: Sequence[TextField]) -> Iterator[tuple[list[TextField], tuple[str, str]]]:
    """Each message of several texts, with them joined by line breaks and by nothing: templates do either."""
    for _, group in groupby(fields, key=lambda field: field.path[:_MESSAGE_DEPTH]):
        parts = list(group)
        if len(parts) > 1:
            texts = [part.text for part in parts]
            yield parts, ("\n".join(texts), "".join(texts))


def message_texts(fields: Sequence[TextField]) -> list[JoinedText]:
    """The text of each message, its parts joined by line breaks."""
    by_message = [list(parts) for _, parts in groupby(fields, key=lambda field: field.path[:_MESSAGE_DEPTH])]
    return [JoinedText(parts[0].source, "\n".join([part.text for part in parts])) for parts in by_message]


def found_only_joined(
    fields: Sequence[TextField], find: Callable[[str], list[Found]]
) -> Iterator[tuple[JoinedText, list[Found]]]:
    """What is in a message as a whole and in none of its parts, for each message that has any."""
    for parts, joined in joined_parts(fields):
        in_parts = [[found.start for found in find(part.text)] for part in parts]
        known = sum(map(len, in_parts))
        text, found = max(((text, find(text)) for text in joined), key=lambda one: len(one[1]))
        if len(found) > known:
            yield (
                JoinedText(parts[0].source, text),
                _not_at(found, _places_in(text, parts, in_parts), len(found) - known),
            )


def _places_in(text: str, parts: Sequence[TextField], in_parts: Sequence[Sequence[int]]) -> set[int]:
    """Places of the parts as places of the text that they are joined to."""
    between = (len(text) - sum([len(part.text) for part in parts])) // (len(parts) - 1)
    places: set[int] = set()
    begin = 0
    for part, starts in zip(parts, in_parts, strict=True):
        places.update([begin + start for start in starts])
        begin += len(part.text) + between
    return places


def _not_at(found: list[Found], places: set[int], count: int) -> list[Found]:
    """So many of what was found, those first that stand at none of some places."""
    return sorted(found, key=lambda one: one.start in places)[:count]
