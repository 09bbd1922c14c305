"""The parts of a message as one text: the model sees them so, and what is looked for may be divided among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from extproc.payload.view import TextField

Found = TypeVar("Found")
_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


def joined_parts(fields: Sequence[TextField]) -> Iterator[tuple[list[TextField], tuple[str, str]]]:
    """Each message of several texts, with them joined by line breaks and by nothing: templates do either."""
    for _, group in groupby(fields, key=lambda field: field.path[:_MESSAGE_DEPTH]):
        parts = list(group)
        if len(parts) > 1:
            texts = [part.text for part in parts]
            yield parts, ("\n".join(texts), "".join(texts))


def message_texts(fields: Sequence[TextField]) -> list[str]:
    """The text of each message, its parts joined by line breaks."""
    by_message = groupby(fields, key=lambda field: field.path[:_MESSAGE_DEPTH])
    return ["\n".join([field.text for field in parts]) for _, parts in by_message]


def found_only_joined(fields: Sequence[TextField], find: Callable[[str], list[Found]]) -> Iterator[list[Found]]:
    """What is in a message as a whole and in none of its parts, for each message that has any."""
    for parts, joined in joined_parts(fields):
        known = sum(len(find(part.text)) for part in parts)
        found = max((find(text) for text in joined), key=len)
        if len(found) > known:
            yield found[known:]
