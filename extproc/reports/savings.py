"""What could be saved of GPU time: hints, each measured on what a team itself has used.

A hint says how much GPU time was allocated to work that need not have been done, or that took less elsewhere. That is
freed for others; it is money once fewer servers are needed. Hints overlap, so they do not add up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from extproc.allocation.used_cells import LENGTHS, UsedCells
from extproc.ledger.allocation.reading import ExchangeKind
from extproc.ledger.allocation.used_reading import UsedTime
from extproc.ledger.entry import EntryOutcome, TokenSource
from extproc.statistics.arrays import Floats, Ints

LEFT: Final = frozenset({EntryOutcome.CLIENT_LEFT, EntryOutcome.ABORTED, EntryOutcome.TIMED_OUT})
AT_LIMIT: Final = frozenset({"length", "max_tokens", "max_output_tokens"})
"""Finish reasons of answers that a limit of their request cut, in the words of all APIs."""
LONG_PART: Final = 0.01
"""Of a team's answers: so many may be longer than the limit that is suggested."""
SHORT_TOKENS: Final = 512
"""Prompts of fewer tokens are short."""
COMPARED_MIN: Final = 20
"""Exchanges of a length at a smaller model, at least: of fewer, what they cost may be chance."""
FULLEST_PART: Final = 0.1
"""Of a team's work: what work takes in full hours is what this part of it took, in the hours in which it took least."""
_SHORT: Final = SHORT_TOKENS.bit_length()
_UNKNOWN: Final = -1


class Saving(NamedTuple):
    """One hint.

    Attributes:
        hint: a name of ``HINTS``.
        team, model: empty of `idle_hours`.
        exchanges: that it is about; of `idle_hours`: hours of servers.
        gpu_us: GPU time that would not have been needed; below 0 where cheaper GPUs take longer. [GPU us]
        cost: of that [billionths].
        used_us: GPU time of this team and model in all. [GPU us]
        tokens: a limit of answers, of `max_tokens`.
        per_mille: of `max_tokens`: answers that are longer; of `prefix_caching`: tokens of prompts that were cached
            (-1: the server does not say); of `smaller_model` and `full_hours`: what it takes, of what it took.
        other: of `smaller_model`: that model; of `idle_hours`: the kind of GPU.
    """

    hint: str
    team: str
    model: str
    exchanges: int
    gpu_us: int
    cost: int
    used_us: int
    tokens: int = 0
    per_mille: int = 0
    other: str = ""


class _Asked(NamedTuple):
    """What a team used of a model."""

    team: str
    model: str
    cells: UsedCells
    kinds: list[ExchangeKind]

    def only(self, chosen: Callable[[ExchangeKind], bool]) -> UsedCells:
        """Of some kinds."""
        of_kinds = np.array([chosen(kind) for kind in self.kinds], dtype=np.bool_)
        return self.cells.where(of_kinds[self.cells.kind])

    def saving(self, hint: str, cells: UsedCells, of_each: Floats | Ints) -> Saving:
        """Args: of_each: what is saved of the time of each of these cells. [GPU us]"""
        of_each = np.asarray(of_each, dtype=np.float64)
        cost = cells.cost * of_each / np.maximum(cells.gpu_us, 1)
        exchanges, gpu_us, saved, used_us = (
            int(of.sum()) for of in (cells.exchanges, of_each, cost, self.cells.gpu_us)
        )
        return Saving(hint, self.team, self.model, exchanges, gpu_us, saved, used_us)


def savings(used: UsedTime) -> list[Saving]:
    """All hints by which anything is saved, those that save most first."""
    found = [one for hint in HINTS.values() for one in hint(used) if one.gpu_us > 0 or one.cost > 0]
    return sorted(found, key=lambda one: (-one.cost, -one.gpu_us, one.team, one.model, one.hint, one.per_mille))


def _aborted(used: UsedTime) -> Iterator[Saving]:
    """Answers that nobody waited for."""
    for asked in _by_team_and_model(used):
        cells = asked.only(lambda kind: kind.outcome in LEFT)
        yield asked.saving("aborted", cells, cells.gpu_us)


def _cut_at_limit(used: UsedTime) -> Iterator[Saving]:
    """Answers that end in the middle: who needs the whole one asks again."""
    for asked in _by_team_and_model(used):
        cells = asked.only(_is_cut_at_limit)
        yield asked.saving("cut_at_limit", cells, cells.gpu_us)


def _max_tokens(used: UsedTime) -> Iterator[Saving]:
    """What answers took beyond a limit that few of them need."""
    for asked in _by_team_and_model(used):
        cells = asked.only(_is_completed)
        answers = np.bincount(cells.written_length, cells.exchanges, minlength=LENGTHS)
        at_least = np.cumsum(answers[::-1])[::-1]
        limits = np.flatnonzero(at_least <= LONG_PART * at_least[0])
        if not len(limits) or not limits[0]:
            continue
        limit = 1 << int(limits[0] - 1)
        long = cells.where(cells.written_length >= limits[0])
        beyond = np.maximum(1.0 - limit * long.exchanges / np.maximum(long.written, 1), 0.0)
        found = asked.saving("max_tokens", long, (long.gpu_us - long.prefill_us) * beyond)
        yield found._replace(tokens=limit, per_mille=_per_mille(found.exchanges, int(at_least[0])))


def _prefix_caching(used: UsedTime) -> Iterator[Saving]:
    """What prompts took that were in no cache: caching saves that at most."""
    for asked in _by_team_and_model(used):
        for is_told in (True, False):
            cells = asked.only(_tells_cached if is_told else _hides_cached)
            found = asked.saving("prefix_caching", cells, cells.prefill_us)
            cached = _per_mille(int(cells.cached.sum()), int(cells.prompt.sum())) if is_told else _UNKNOWN
            yield found._replace(per_mille=cached)


def _smaller_model(used: UsedTime) -> Iterator[Saving]:
    """Short prompts of a team at another model that it asks too, by what that took for prompts and answers as long."""
    every = list(_by_team_and_model(used))
    lengths = {(asked.team, asked.model): _Lengths.of(asked) for asked in every}
    for asked in every:
        ours = lengths[asked.team, asked.model]
        found = [
            _at_other(asked, ours, other, its)
            for (team, other), its in lengths.items()
            if team == asked.team and other != asked.model
        ]
        yield from sorted(found, key=lambda one: (one.cost, one.gpu_us))[-1:]


class _Lengths(NamedTuple):
    """Short prompts by length of prompt and answer; arrays of shape (lengths of short prompts, ``LENGTHS``)."""

    exchanges: Floats
    gpu_us: Floats
    cost: Floats

    @classmethod
    def of(cls, asked: _Asked) -> _Lengths:
        cells = asked.only(_is_completed)
        sums = np.zeros((3, LENGTHS, LENGTHS))
        for total, column in zip(sums, (cells.exchanges, cells.gpu_us, cells.cost), strict=True):
            np.add.at(total, (cells.prompt_length, cells.written_length), column)
        return cls(*sums[:, :_SHORT])


def _at_other(asked: _Asked, ours: _Lengths, other: str, its: _Lengths) -> Saving:
    is_compared = its.exchanges >= COMPARED_MIN
    times = np.where(is_compared, ours.exchanges / np.maximum(its.exchanges, 1), 0.0)
    took = [float(of[is_compared].sum()) for of in (ours.gpu_us, ours.cost)]
    takes = [float((of * times).sum()) for of in (its.gpu_us, its.cost)]
    gpu_us, cost = (int(before - after) for before, after in zip(took, takes, strict=True))
    is_priced, other_is_priced = took[1] > 0, takes[1] > 0
    if (cost if is_priced else gpu_us) <= 0 or is_priced != other_is_priced:
        gpu_us = cost = 0
    return Saving(
        "smaller_model",
        asked.team,
        asked.model,
        int(ours.exchanges[is_compared].sum()),
        gpu_us,
        cost,
        int(asked.cells.gpu_us.sum()),
        per_mille=_per_mille(int(takes[is_priced]), int(took[is_priced])),
        other=other,
    )


def _full_hours(used: UsedTime) -> Iterator[Saving]:
    """Work that took more than in full hours: who is alone on a server pays for all of it."""
    hours = used.hours
    for place, (team, model) in enumerate(used.groups):
        ours = hours.group == place
        work, gpu_us, cost = (column[ours].astype(np.float64) for column in (hours.work_us, hours.gpu_us, hours.cost))
        did = work > 0
        if did.sum() < 2:
            continue
        rate = _rate_of_fullest(work[did], gpu_us[did])
        saved = np.where(did, np.maximum(gpu_us - work * rate, 0.0), 0.0)
        yield Saving(
            "full_hours",
            team,
            model,
            int((saved > 0).sum()),
            int(saved.sum()),
            int((cost * saved / np.maximum(gpu_us, 1.0)).sum()),
            int(gpu_us.sum()),
            per_mille=_per_mille(int(gpu_us.sum() - saved.sum()), int(gpu_us.sum())),
        )


def _rate_of_fullest(work: Floats, gpu_us: Floats) -> float:
    """GPU time that work takes in the hours in which it takes least."""
    order = np.argsort(gpu_us / work, kind="stable")
    up_to = np.cumsum(work[order])
    fullest = order[: int(np.searchsorted(up_to, FULLEST_PART * up_to[-1])) + 1]
    return float(gpu_us[fullest].sum() / work[fullest].sum())


def _idle_hours(used: UsedTime) -> Iterator[Saving]:
    """Whole hours in which servers ran nothing."""
    for kind, idle in used.idle.items():
        yield Saving("idle_hours", "", "", idle.hours, idle.gpu_us, idle.cost, idle.gpu_us, other=kind)


HINTS: Final[Mapping[str, Callable[[UsedTime], Iterator[Saving]]]] = MappingProxyType(
    {
        "aborted": _aborted,
        "cut_at_limit": _cut_at_limit,
        "max_tokens": _max_tokens,
        "prefix_caching": _prefix_caching,
        "smaller_model": _smaller_model,
        "full_hours": _full_hours,
        "idle_hours": _idle_hours,
    }
)


def _by_team_and_model(used: UsedTime) -> Iterator[_Asked]:
    names = sorted({(kind.team, kind.model) for kind in used.kinds})
    place = {name: number for number, name in enumerate(names)}
    of_kind = np.array([place[kind.team, kind.model] for kind in used.kinds], dtype=np.int64)
    of_cell = of_kind[used.cells.kind] if len(of_kind) else used.cells.kind
    for (team, model), number in place.items():
        yield _Asked(team, model, used.cells.where(of_cell == number), used.kinds)


def _is_completed(kind: ExchangeKind) -> bool:
    return kind.outcome == EntryOutcome.COMPLETED


def _is_cut_at_limit(kind: ExchangeKind) -> bool:
    return _is_completed(kind) and not AT_LIMIT.isdisjoint(json.loads(kind.finish_reasons))


def _tells_cached(kind: ExchangeKind) -> bool:
    return kind.cached_tokens_source == TokenSource.REPORTED


def _hides_cached(kind: ExchangeKind) -> bool:
    return not _tells_cached(kind)


def _per_mille(part: int, whole: int) -> int:
    return round(1_000 * part / whole) if whole > 0 else 0
