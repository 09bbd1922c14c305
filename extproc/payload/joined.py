"""The parts of a message as one text: the model sees them so, and what is looked for may be divided among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from extproc.payload.view import TextField

_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


def joined_parts(fields: Sequence[TextField]) -> Iterator[tuple[list[TextField], tuple[str, str]]]:
    """Each message of several texts, with them joined by line breaks and by nothing: templates do either."""
    for _, group in groupby(fields, key=lambda field: field.path[:_MESSAGE_DEPTH]):
        parts = list(group)
        if len(parts) > 1:
            texts = [part.text for part in parts]
            yield parts, ("\n".join(texts), "".join(texts))
