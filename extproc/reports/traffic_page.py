"""A few hundred exchanges of the ledger one by one, as one HTML file: tokens, latency, findings, versions compared."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from extproc.ledger.entry import LedgerEntry
from extproc.reports.html_parts import name_cell, page_of, section_of, table_of
from extproc.reports.plots import Plot, Series, lines, stacked_bars
from extproc.reports.units import count_in_words, duration_in_words, money_in_words
from extproc.statistics.effects import Deviation, DriftEffect
from extproc.statistics.references import SignalKind
from extproc.statistics.sums import BlockSums

_US_PER_MS: Final = 1_000
_COMPARED_MIN: Final = 2
"""Answers of a version without which it has no mean and no spread."""
_FIRST_LOOK: Final = 1


class VersionAnswers(NamedTuple):
    """The exchanges that a version answered, in order."""

    name: str
    entries: Sequence[LedgerEntry]


def traffic_page(title: str, lead: str, entries: Sequence[LedgerEntry], further: Sequence[str] = ()) -> str:
    """The page. Args: lead: a sentence on top; further: tables for the end; both as HTML."""
    answered = [one for one in entries if one.sent_at_us is not None]
    versions = _versions(answered)
    told = (
        f"{lead} {len(answered)} exchanges reached a model,"
        f" {len(entries) - len(answered)} requests were refused before one."
    )
    parts = [
        *(_tokens(versions) if versions else ()),
        *(_durations(answered) if answered else ()),
        *_findings(entries),
        *([_table_of_versions(versions)] if versions else []),
        *_comparisons(versions),
        *further,
    ]
    return page_of(title, told, parts)


def _versions(entries: Sequence[LedgerEntry]) -> list[VersionAnswers]:
    by_name: dict[str, list[LedgerEntry]] = {}
    for one in entries:
        if one.model:
            by_name.setdefault(f"{one.model}/{one.version}", []).append(one)
    return [VersionAnswers(name, by_name[name]) for name in sorted(by_name)]


def _tokens(versions: Sequence[VersionAnswers]) -> Iterator[str]:
    def sums(kind: str) -> list[int]:
        return [sum(getattr(one, kind) for one in version.entries) for version in versions]

    cached = sums("cached_tokens")
    prompt = [whole - part for whole, part in zip(sums("prompt_tokens"), cached, strict=True)]
    series = [Series("input", prompt), Series("cached input", cached), Series("output", sums("completion_tokens"))]
    names = [version.name for version in versions]
    plot = Plot("tokens", "Tokens by version", f"Of {', '.join(names)}.", names, series, count_in_words)
    yield section_of(plot, stacked_bars(plot))


def _durations(entries: Sequence[LedgerEntry]) -> Iterator[str]:
    ordered = sorted(entries, key=lambda one: one.started_at_us)
    numbers = [str(number) for number, _ in enumerate(ordered, start=1)]
    whole = Series("whole answer", [_ms(one, one.ended_at_us) for one in ordered])
    first = Series("first token", [_ms(one, one.first_token_at_us) for one in ordered])
    longest = duration_in_words(max(value for value in whole.values if value is not None))
    described = f"The longest took {longest}."
    plot = Plot("durations", "Latency of each exchange", described, numbers, [whole, first], duration_in_words)
    yield section_of(plot, lines(plot))


def _ms(entry: LedgerEntry, at_us: int | None) -> int | None:
    return None if at_us is None else max(at_us - entry.started_at_us, 0) // _US_PER_MS


def _findings(entries: Sequence[LedgerEntry]) -> Iterator[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in entries:
        for place, times in one.findings.items():
            guard, direction, _ = place.split("/", 2)
            counts[guard, direction] += times
    if not counts:
        return
    guards = sorted({guard for guard, _ in counts})
    directions = ("request", "response")
    series = [
        Series(f"in {name}", [counts[guard, direction] for guard in guards])
        for direction, name in zip(directions, ("requests", "answers"), strict=True)
    ]
    plot = Plot("findings", "Findings by guard", f"Of {', '.join(guards)}.", guards, series, count_in_words)
    yield section_of(plot, stacked_bars(plot))
    rows = [(guard, [f"{one.values[place]:,}" for one in series]) for place, guard in enumerate(guards)]
    yield _figures_in_table("Findings", "guard", [one.name for one in series], rows)


def _table_of_versions(versions: Sequence[VersionAnswers]) -> str:
    rows = [(version.name, [read(version.entries) for read in _FIGURES.values()]) for version in versions]
    return _figures_in_table("Versions", "version", list(_FIGURES), rows)


def _sum(name: str) -> Callable[[Sequence[LedgerEntry]], str]:
    return lambda entries: f"{sum(getattr(one, name) for one in entries):,}"


def _duration(share: float, until: str) -> Callable[[Sequence[LedgerEntry]], str]:
    """The duration that a share of the exchanges does not exceed, the nearest."""

    def read(entries: Sequence[LedgerEntry]) -> str:
        known = sorted(ms for one in entries if (ms := _ms(one, getattr(one, until))) is not None)
        return duration_in_words(known[math.ceil(share * len(known)) - 1]) if known else ""

    return read


_FIGURES: Final[Mapping[str, Callable[[Sequence[LedgerEntry]], str]]] = {
    "exchanges": lambda entries: f"{len(entries):,}",
    "input": _sum("prompt_tokens"),
    "cached": _sum("cached_tokens"),
    "output": _sum("completion_tokens"),
    "cost": lambda entries: money_in_words(sum(one.cost_micro_usd for one in entries)),
    "p50": _duration(0.5, "ended_at_us"),
    "p95": _duration(0.95, "ended_at_us"),
    "first token p95": _duration(0.95, "first_token_at_us"),
    "refusals": _sum("refusals"),
    "fallbacks": lambda entries: f"{sum(bool(one.chosen) for one in entries):,}",
}


def _figures_in_table(caption: str, of: str, names: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    heads = [f'<th scope="col">{of}</th>', *(f'<th scope="col" class="figure">{name}</th>' for name in names)]
    body = [
        f"<tr>{name_cell(name)}{''.join(f'<td>{escape(one)}</td>' for one in figures)}</tr>" for name, figures in rows
    ]
    return table_of(caption, heads, body)


# --- lengths compared ----------------------------------------------------------------------------------------------


def length_against(reference: Sequence[LedgerEntry], other: Sequence[LedgerEntry]) -> DriftEffect | None:
    """How many times as long answers are, with an interval that is valid at every look; None: too few to tell."""
    ours, theirs = (BlockSums.of_values(one.completion_tokens for one in part) for part in (reference, other))
    if min(ours.count, theirs.count) < _COMPARED_MIN:
        return None
    level = ours.total / ours.count
    variance = max(ours.squares / ours.count - level * level, 0.0)
    seen = Deviation()
    seen.add(theirs, level, math.sqrt(variance / ours.count))
    return seen.effect(SignalKind.LOG, _FIRST_LOOK)


def _comparisons(versions: Sequence[VersionAnswers]) -> Iterator[str]:
    """Each version with the one before of its model."""
    body = []
    for before, after in itertools.pairwise(versions):
        if before.name.partition("/")[0] != after.name.partition("/")[0]:
            continue
        effect = length_against(before.entries, after.entries)
        told = "too few answers" if effect is None else _told(effect)
        body.append(f"<tr>{name_cell(after.name)}{name_cell(before.name)}{name_cell(told)}</tr>")
    if body:
        heads = [f'<th scope="col">{name}</th>' for name in ("version", "against", "length of its answers")]
        yield table_of("Drift", heads, body)


def _told(effect: DriftEffect) -> str:
    between = f"{effect.ratio:.2f} times as long, between {effect.low:.2g} and {effect.high:.2g}"
    return between if not effect.low <= 1 <= effect.high else f"{between}: no difference is shown"
