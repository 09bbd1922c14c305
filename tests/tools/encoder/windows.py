"""Windows of tokens that the encoder is trained on: some are planted in honest texts, and like lengths go together.

What is read in mails and pages stands between sentences that say nothing of it. So an attack is planted in an honest
text, and an honest text in another: neither the place nor what is around may tell.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

_HOST_TOKENS_MIN: Final = 40
_FULL_STOP: Final = 1012
"""In MiniLM's vocabulary."""
_SORTED_TOGETHER: Final = 2_048
"""Windows of like length make a batch without padding; chance remains over these."""


@dataclass(frozen=True, slots=True)
class TrainingWindow:
    """Tokens with their label, and how much they count.

    Attributes:
        ids: including the special tokens at both ends.
        text: number of the text that it is of.
    """

    ids: list[int]
    text: int
    label: float = 0.0
    weight: float = 0.0


def planted(
    windows: Sequence[TrainingWindow], share: float, tokens_max: int, chance: random.Random
) -> list[TrainingWindow]:
    """The same windows, of which a share of the short ones is planted in an honest text."""
    hosts = [window.ids[1:-1] for window in windows if not window.label and len(window.ids) >= _HOST_TOKENS_MIN]
    found = []
    for window in windows:
        if hosts and len(window.ids) <= tokens_max // 2 and chance.random() < share:
            host = chance.choice(hosts)
            found.append(replace(window, ids=_between(window.ids, host, tokens_max, chance)))
        else:
            found.append(window)
    return found


def _between(ids: Sequence[int], host: Sequence[int], tokens_max: int, chance: random.Random) -> list[int]:
    """A text between sentences of as much of another as there is room for."""
    room = min(tokens_max - len(ids), len(host))
    begin = chance.randrange(len(host) - room + 1)
    around = host[begin : begin + room]
    ends = [place for place, token in enumerate(around, 1) if token == _FULL_STOP]
    place = chance.choice([0, room, *ends])
    return [ids[0], *around[:place], *ids[1:-1], *around[place:], ids[-1]]


def batches(
    windows: Sequence[TrainingWindow], tokens_max: int, chance: random.Random | None
) -> list[list[TrainingWindow]]:
    """Windows of like length together, in an order of chance where there is any. Args: tokens_max: with padding."""
    order = list(windows)
    if chance is not None:
        chance.shuffle(order)
    size = _SORTED_TOGETHER if chance is not None else max(len(order), 1)
    found: list[list[TrainingWindow]] = []
    for begin in range(0, len(order), size):
        batch: list[TrainingWindow] = []
        for window in sorted(order[begin : begin + size], key=lambda window: len(window.ids)):
            if batch and len(window.ids) * (len(batch) + 1) > tokens_max:
                found.append(batch)
                batch = []
            batch.append(window)
        found.append(batch)
    if chance is not None:
        chance.shuffle(found)
    return [batch for batch in found if batch]
