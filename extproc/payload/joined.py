"""The parts of a message joined to one text, as the model sees them: a finding may span several parts.

A message is read in several ways. The texts of its content parts are joined alone, as a server joins them: texts
between them in other keys, or in tool results, are dropped there or shown elsewhere. And all texts of the message are
joined, for servers and templates that show those too. vLLM 0.32 puts line breaks between the parts of a chat message
and nothing between Anthropic's blocks, and templates that accept parts do either; so both are read. In Anthropic's
messages it joins reasoning separately from content, and all system texts, in any message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, NamedTuple, TypeVar

from extproc.domain.finding import Spot
from extproc.domain.text import Speaker, TextSource
from extproc.payload.edits import Path
from extproc.payload.view import TextField

_SYSTEM: Final = ("system",)  # all system texts, in any message
_BILLING_HEADER: Final = "x-anthropic-billing-header"  # vLLM drops a system block, or its line, that starts with this


SpotT = TypeVar("SpotT", bound=Spot)


class JoinedText(NamedTuple):
    """Parts of a message as one text; its source is that of the first part."""

    source: TextSource
    text: str


def joined_parts(fields: Sequence[TextField]) -> Iterator[tuple[list[TextField], tuple[str, str]]]:
    """Each reading of each message with several texts, joined by line breaks and by nothing."""
    for readings in _readings_by_message(fields):
        for parts in readings:
            yield parts, _joined(parts)


def in_reading_order(parts: Sequence[TextField]) -> list[TextField]:
    """The texts of a message with those of its content parts first, so that no other text separates them."""
    if len(parts) < 2:
        return list(parts)
    lists: dict[Path, int] = {}
    for part in parts:
        lists.setdefault(_list_of(part), len(lists))
    order = {place: number if place else len(lists) for place, number in lists.items()}
    return sorted(parts, key=lambda part: order[_list_of(part)])


def message_texts(fields: Sequence[TextField]) -> list[JoinedText]:
    """The text of each message, its parts joined by line breaks."""
    by_message = [in_reading_order(list(parts)) for _, parts in groupby(fields, key=_message_of)]
    return [JoinedText(parts[0].source, "\n".join([part.text for part in parts])) for parts in by_message]


def found_only_joined(
    fields: Sequence[TextField], find: Callable[[str], list[SpotT]]
) -> Iterator[tuple[JoinedText, list[SpotT]]]:
    """The findings in a message as a whole that are in none of its parts, for each message that has any."""
    for readings in _readings_by_message(fields):
        best: tuple[JoinedText, list[SpotT]] | None = None
        in_part: dict[str, list[int]] = {}
        for parts in readings:
            for part in parts:
                if part.text not in in_part:
                    in_part[part.text] = [found.start for found in find(part.text)]
            in_parts = [in_part[part.text] for part in parts]
            known = sum(map(len, in_parts))
            text, found = max(((text, find(text)) for text in _joined(parts)), key=lambda one: len(one[1]))
            if len(found) - known > (len(best[1]) if best is not None else 0):
                only = _not_at(found, _places_in(text, parts, in_parts), len(found) - known)
                best = JoinedText(parts[0].source, text), only
        if best is not None:
            yield best


def _message_of(field: TextField) -> Path:
    return field.message


def _joined(parts: Sequence[TextField]) -> tuple[str, str]:
    texts = [part.text for part in parts]
    return "\n".join(texts), "".join(texts)


def _readings_by_message(fields: Sequence[TextField]) -> Iterator[list[list[TextField]]]:
    """The ways to read each message with several texts: which of them are adjacent."""
    messages: dict[Path, list[TextField]] = {}
    for field in fields:
        is_system = field.source.speaker is Speaker.SYSTEM
        messages.setdefault(_SYSTEM if is_system else field.message, []).append(field)
    for message, parts in messages.items():
        if len(parts) > 1:
            yield list(_system_readings(parts) if message == _SYSTEM else _readings(parts))


def _readings(parts: list[TextField]) -> Iterator[list[TextField]]:
    """All texts of a message; those of each list of content parts; and of these, those of each kind."""
    yield parts
    lists: dict[Path, list[TextField]] = {}
    for part in parts:
        place = _list_of(part)
        if place:
            lists.setdefault(place, []).append(part)
    for own in lists.values():
        if 1 < len(own) < len(parts):
            yield own
        kinds = {part.path[-1] for part in own}
        if len(kinds) > 1:
            by_kind = [[part for part in own if part.path[-1] == kind] for kind in sorted(kinds, key=str)]
            yield from [alike for alike in by_kind if len(alike) > 1]


def _system_readings(parts: list[TextField]) -> Iterator[list[TextField]]:
    """The readings of each message, and of all system texts, also without the dropped ones."""
    for _, message in groupby(parts, key=_message_of):
        alike = list(message)
        if len(alike) > 1:
            yield from _readings(alike)
    said = [part for part in parts if part.is_part or part.is_whole]
    if len({part.message for part in said}) > 1:
        yield said
    if len(said) > 1 and any(part.text.startswith(_BILLING_HEADER) for part in said):
        without = [part for part in said if not part.text.startswith(_BILLING_HEADER)]
        if len(without) > 1:
            yield without
        yield [_without_header(part) for part in said]


def _without_header(part: TextField) -> TextField:
    is_headed = part.text.startswith(_BILLING_HEADER)
    return replace(part, text=part.text.partition("\n")[2]) if is_headed else part


def _list_of(field: TextField) -> Path:
    """The list of content parts that a text belongs to; empty for other texts."""
    return field.path[:-2] if field.is_part else ()


def _places_in(text: str, parts: Sequence[TextField], in_parts: Sequence[Sequence[int]]) -> set[int]:
    """Positions in the parts, converted to positions in the joined text."""
    between = (len(text) - sum([len(part.text) for part in parts])) // (len(parts) - 1)
    places: set[int] = set()
    begin = 0
    for part, starts in zip(parts, in_parts, strict=True):
        places.update([begin + start for start in starts])
        begin += len(part.text) + between
    return places


def _not_at(found: list[SpotT], places: set[int], count: int) -> list[SpotT]:
    """The given number of findings; first those at none of the given places."""
    return sorted(found, key=lambda one: one.start in places)[:count]
