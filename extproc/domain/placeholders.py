"""Numbered placeholders for the values of one exchange, and their restoration.

Equal numbers mean equal values, so numbering must be stable over the texts of a conversation, whose requests repeat
previous turns: numbers follow the order of first appearance, starting with the request. The client may have written
such a placeholder itself: numbers found in the request are not assigned.

Each choice of a response continues from the request on its own: choices arrive concurrently, and their order must not
matter.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from extproc.domain.masks import numbered_mask, type_mask

TAKEN_MAX: Final = 10_000
_NUMBER: Final = re.compile("(?<=[A-Z0-9])_([0-9]{1,7})")
_KIND_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_KIND_CHARS_MAX: Final = 63


class Placeholders:
    """The placeholders of one exchange. The values are only kept here, and no longer than the exchange.

    Args:
        values_max: maximum distinct values with a number; others become ``<KIND>``, and are not restored.
        before: for a choice: the placeholders of its request.
    """

    __slots__ = ("_before", "_choices", "_echoed", "_last", "_numbers", "_sorted", "_taken", "_values", "_values_max")

    def __init__(self, values_max: int, before: Placeholders | None = None) -> None:
        self._values_max: int = values_max if before is None else before._values_max - len(before._numbers)
        self._before = before
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._taken: set[tuple[str, int]] = set() if before is None else before._taken
        self._echoed: dict[str, int] = {}  # the highest number of each kind in texts that may repeat ours
        self._values: dict[str, str] = {}
        self._sorted: list[str] = []
        self._choices: dict[int, Placeholders] = {}

    def of_choice(self, choice: int) -> Placeholders:
        """Placeholders of one choice of the response: those of the request, plus its own."""
        if choice not in self._choices:
            made = self._choices[choice] = Placeholders(0, self)
            made._last = {kind: max(self._last.get(kind, 0), number) for kind, number in self._echoed.items()}
        return self._choices[choice]

    def take(self, text: str) -> None:
        """Anything like a placeholder in this text was written by the client."""
        for kind, number in _placeholders_in(text):
            if len(self._taken) < TAKEN_MAX:
                self._taken.add((kind, number))
            else:  # ours have higher numbers
                self._last[kind] = max(self._last.get(kind, 0), number)

    def expect_echo(self, text: str) -> None:
        """Placeholders in this text come from earlier responses: new numbers of this response follow them."""
        _raise_to(self._echoed, text)

    def echo(self, text: str) -> None:
        """This text is being processed, and its placeholders are ours: of earlier values, or of its own."""
        _raise_to(self._last, text)

    def mask(self, kind: str, key: str) -> str:
        """The placeholder of a value, by its normal form; ``<KIND>`` above the limit."""
        number = self._number(kind, key)
        return type_mask(kind) if number is None else numbered_mask(kind, number)

    def mask_reversibly(self, kind: str, value: str) -> str:
        """The placeholder of a value that is to be restored."""
        number = self._number(kind, value)
        if number is None:
            return type_mask(kind)
        placeholder = numbered_mask(kind, number)
        self._values[placeholder] = value
        return placeholder

    def _number(self, kind: str, key: str) -> int | None:
        numbers, before = self._numbers, self._before
        known = numbers.get((kind, key)) or (before._numbers.get((kind, key)) if before else None)
        if known is not None or len(numbers) >= self._values_max:
            return known
        number = self._last.get(kind, before._last.get(kind, 0) if before else 0) + 1
        while (kind, number) in self._taken:
            number += 1
        self._last[kind] = numbers[kind, key] = number
        return number

    # --- back again ------------------------------------------------------------------------------------------------

    @property
    def restorable(self) -> bool:
        """Whether there is any value to restore."""
        return bool(self._values)

    def value(self, placeholder: str) -> str | None:
        """The original value of a placeholder; None if it is not ours."""
        return self._values.get(placeholder)

    def begins_one(self, text: str) -> bool:
        """Whether all of this text is a prefix of a restorable placeholder."""
        if len(self._sorted) != len(self._values):
            self._sorted = sorted(self._values)
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)

    def forget(self) -> None:
        """Forget everything at the end of the exchange."""
        self._numbers, self._values, self._sorted, self._choices = {}, {}, [], {}


def _placeholders_in(text: str) -> Iterator[tuple[str, int]]:
    if "_" in text:
        for match in _NUMBER.finditer(text):
            before = text[max(0, match.start() - _KIND_CHARS_MAX) : match.start()]
            yield before[len(before.rstrip(_KIND_CHARACTERS)) :], int(match.group(1))


def _raise_to(numbers: dict[str, int], text: str) -> None:
    for kind, number in _placeholders_in(text):
        numbers[kind] = max(numbers.get(kind, 0), number)
