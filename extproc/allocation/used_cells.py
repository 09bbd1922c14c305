"""What exchanges used, added up by kind and length: enough to say what could be saved of it, in memory that does not
grow with the exchanges.

Lengths are powers of two, as limits and lengths of prompts are chosen by people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from extproc.statistics.arrays import Bools, Ints

LENGTHS: Final = 40
"""Of prompts and answers: the last one has all that are longer."""
_HOUR_BITS: Final = 32


class UsedCells(NamedTuple):
    """Arrays of one length, ordered by the first three, which are there once together.

    Attributes:
        kind: place among the kinds.
        prompt_length, written_length: bits of the tokens of each: at least 2^(bits - 1), less than 2^bits; 0: none.
        exchanges: that ended in the time. Tokens are theirs.
        prompt, cached, written: tokens.
        gpu_us: what was allocated to them. prefill_us: of that, for computing prompts. [GPU us]
        cost: of ``gpu_us`` [billionths].
    """

    kind: Ints
    prompt_length: Ints
    written_length: Ints
    exchanges: Ints
    prompt: Ints
    cached: Ints
    written: Ints
    gpu_us: Ints
    prefill_us: Ints
    cost: Ints

    @classmethod
    def of_exchanges(cls, kind: Ints, prompt: Ints, written: Ints, *sums: Ints) -> Self:
        """Of single ones. Args: sums: from ``exchanges`` on, in the order of the attributes."""
        return cls(kind, lengths_of(prompt), lengths_of(written), *sums).added_up()

    @classmethod
    def none(cls) -> Self:
        """No cells."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in cls._fields))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Of several times or servers. Kinds have the same places in all."""
        if not parts:
            return cls.none()
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True))).added_up()

    def added_up(self) -> Self:
        """Each cell once."""
        keys, sums = _summed((self.kind * LENGTHS + self.prompt_length) * LENGTHS + self.written_length, self[3:])
        return type(self)(keys // LENGTHS**2, keys // LENGTHS % LENGTHS, keys % LENGTHS, *sums)

    def where(self, chosen: Bools) -> Self:
        """Some of the cells."""
        return type(self)(*(column[chosen] for column in self))


def lengths_of(tokens: Ints) -> Ints:
    """The bits of each number of tokens."""
    _, bits = np.frexp(np.maximum(tokens, 0).astype(np.float64))
    found: Ints = np.minimum(bits.astype(np.int64), LENGTHS - 1)
    return found


class UsedHours(NamedTuple):
    """What each group used in each hour, and what work that was. Arrays of one length, ordered by the first two.

    Attributes:
        group: place among the groups.
        hour: since 1970.
        work_us: what prompts and tokens add to steps, without what a step costs in any case.
        gpu_us, cost: as in ``UsedCells``.
    """

    group: Ints
    hour: Ints
    work_us: Ints
    gpu_us: Ints
    cost: Ints

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        """Of several times or servers, or of pieces. Groups have the same places in all."""
        if not parts:
            return cls(*(np.zeros(0, dtype=np.int64) for _ in cls._fields))
        group, hour, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        keys, sums = _summed(group << _HOUR_BITS | hour, columns)
        return cls(keys >> _HOUR_BITS, keys & (1 << _HOUR_BITS) - 1, *sums)


def _summed(keys: Ints, columns: Iterable[Ints]) -> tuple[Ints, list[Ints]]:
    """Each key once, in order, with the sums of its rows."""
    found, place = np.unique(keys, return_inverse=True)
    sums = []
    for column in columns:
        total = np.zeros(len(found), dtype=np.int64)
        np.add.at(total, place, column)
        sums.append(total)
    return found, sums
