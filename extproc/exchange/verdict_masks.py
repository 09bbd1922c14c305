"""Masks in a request that has waited for a classifier: its body is read once more, and what was found is replaced.

The classifier has seen the texts as its guard did; other guards and filters have changed them since. So a value is
looked for, not its place: wherever it stands as a word, in every text that the guard applies to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import re2

from extproc.detectors.text.automata import utf8_options
from extproc.detectors.text.latin1 import CELL_ENDING_FIRST
from extproc.domain.text import Direction
from extproc.exchange import hops
from extproc.exchange.state import ExchangeState

_CHARACTER_BYTES_MAX: Final = 4
_OPTIONS: Final = utf8_options(bytes_max=64 << 20)
_KEPT_PREFIX: Final = f"{Direction.REQUEST.value}."


def mask(state: ExchangeState, body: bytes) -> bytes:
    """The body with the values of all verdicts masked; also in what the record keeps of the request.

    Raises: PayloadRefused (400) if a value is a part of a key's name.
    """
    exchange = state.exchange
    masks, exchange.outbox.masks = exchange.outbox.masks or {}, None
    request = exchange.facts.dialect.read_request(body, state.snapshot.requests)
    for guard, values in masks.items():
        masker = Masker(values)
        for field in request.texts:
            if guard.applies_to(field.source):
                request.replace_text(field, masker.masked(field.text))
        kept = state.record.texts or {}
        for name in kept:
            if name.startswith(_KEPT_PREFIX):
                kept[name] = masker.masked(kept[name])
    after = request.body_after()
    hops.note_body(state, after)
    return after


class Masker:
    """Replaces values by their masks, of two at one place the longer; not within a word.

    Args: values: the mask of each.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        longest_first = sorted(values, key=lambda one: (-len(one), one))
        self._values = values
        self._pattern = re2.compile("|".join(map(re2.escape, longest_first)).encode("utf-8", "replace"), _OPTIONS)

    def masked(self, text: str) -> str:
        """The text with masks in place of values."""
        data = text.encode("utf-8", "surrogatepass")
        pieces: list[bytes] = []
        done = 0
        for match in self._pattern.finditer(data):
            start, end = match.span()
            if not (_continues(data, start) or _continues(data, end)):
                pieces += (data[done:start], self._values[match[0].decode("utf-8")].encode())
                done = end
        return text if not pieces else b"".join((*pieces, data[done:])).decode("utf-8", "surrogatepass")


def _continues(data: bytes, place: int) -> bool:
    """Whether a word goes on at a place, in a script that divides words."""
    left = data[max(0, place - _CHARACTER_BYTES_MAX) : place].decode("utf-8", "ignore")[-1:]
    right = data[place : place + _CHARACTER_BYTES_MAX].decode("utf-8", "ignore")[:1]
    return left.isalnum() and right.isalnum() and max(left, right) < CELL_ENDING_FIRST
