"""Compares a block with what was expected of it, signal by signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from extproc.ledger.quality.adding import HOUR_US
from extproc.ledger.quality.series import SeenByName, SeenSeries, compared_now, with_block
from extproc.ledger.quality.states import DriftChange, ShownDrift, SignalState, signal_states
from extproc.ledger.quality.sums import SIGNAL_KINDS, SeriesName, SignalSums, hours_of_block, is_of, sums_where
from extproc.ledger.quality.tables import SUMS
from extproc.ledger.quality.terms import DriftTerms
from extproc.ledger.quality.windows import ReferenceWindow, ReferenceWindows
from extproc.statistics.drift import Drift, ReferenceKind, SignalDrift
from extproc.statistics.references import ReferenceState, SignalKind


class ComparedBlock(NamedTuple):
    """What is to be stored of a block, and told."""

    series: list[SeenSeries]
    states: list[SignalState]
    changes: list[DriftChange]


class _Part(NamedTuple):
    """Sums of a block that are compared at once. ``step``: of the detectors."""

    step: int
    window: ReferenceWindow
    sums: SignalSums


def compared_block(
    connection: Connection, terms: DriftTerms, windows: ReferenceWindows, seen: SeenByName, block: int, at_us: int
) -> ComparedBlock:
    """Compare a closed block. Nothing is written.

    Args: at_us: when it was closed.
    """
    hours = hours_of_block(connection, block)
    seen = with_block(seen, hours, block)
    changed = {name: seen[name] for name in hours}
    known = signal_states(connection)
    states: list[SignalState] = []
    changes: list[DriftChange] = []
    for name in compared_now(seen, hours):
        settled = windows.settled(connection, seen, name, at_us)
        if settled is not None:
            changed[name] = settled
            seen = {**seen, name: settled}
        parts = _parts(connection, terms, windows, seen, name, block, hours[name], at_us)
        for signal in terms.signals:
            before = known.get((name.model, name.version, signal))
            after = _compared_signal(terms, windows, name, signal, parts, before, at_us)
            if after is not None:
                states.append(after)
                changes += _changes(before, after)
    return ComparedBlock(list(changed.values()), states, changes)


def _parts(
    connection: Connection,
    terms: DriftTerms,
    windows: ReferenceWindows,
    seen: SeenByName,
    name: SeriesName,
    block: int,
    hours: Iterable[int],
    at_us: int,
) -> list[_Part]:
    """By hour of the answers where hours are compared; otherwise the block is one.

    An hour that has not come is of a clock that is ahead. It is not compared: an hour is one step, and no earlier one
    is taken after it.
    """
    of_block = (SUMS.c.block == block) & is_of(name)
    if terms.kind is ReferenceKind.PINNED:
        window = windows.window(connection, seen, name, 0, at_us)
        return [_Part(block, window, sums_where(connection, of_block))]
    return [
        _Part(
            hour_us // HOUR_US,
            windows.window(connection, seen, name, hour_us, at_us),
            sums_where(connection, of_block, SUMS.c.hour_us == hour_us),
        )
        for hour_us in hours
        if hour_us <= at_us
    ]


def _compared_signal(
    terms: DriftTerms,
    windows: ReferenceWindows,
    name: SeriesName,
    signal: str,
    parts: Iterable[_Part],
    before: SignalState | None,
    at_us: int,
) -> SignalState | None:
    """What is known of a signal after a block; None: nothing new."""
    kind = SIGNAL_KINDS[signal]
    drift = _detector(terms, name, kind, before)
    result = None
    for part in parts:
        sums = part.sums.get(signal)
        if sums and (drift.step is None or drift.step <= part.step):
            reference, folded = windows.compared(part.window, signal, kind, dict(sums), drift.placed)
            result = drift.observe(folded, reference, part.step)
    if result is None:
        return None
    was_raised = before.shown.raised_us if before is not None and before.name == name else 0
    shown = _shown(name, signal, result, drift.log_threshold, was_raised, at_us)
    return SignalState(name, signal, terms.compared_with, drift.as_json(), shown)


def _detector(terms: DriftTerms, name: SeriesName, kind: SignalKind, before: SignalState | None) -> SignalDrift:
    """As it was, unless another revision answers, or something else is compared with."""
    threshold, share = terms.threshold(kind), terms.cleared_share
    if before is not None and (before.name, before.compared_with) == (name, terms.compared_with):
        try:
            return SignalDrift.restored(kind, threshold, before.state, share)
        except (ValueError, KeyError, TypeError, IndexError):  # of another release
            pass
    return SignalDrift(kind, threshold, share)


def _shown(name: SeriesName, signal: str, result: Drift, threshold: float, raised_us: int, at_us: int) -> ShownDrift:
    recent = result.recent
    usable = recent is not None or result.reference is not ReferenceState.READY
    return ShownDrift(
        model=name.model,
        version=name.version,
        fingerprint=name.fingerprint,
        signal=signal,
        reference=result.reference.value if usable else ReferenceState.FEW_EVENTS.value,
        answers=0.0 if recent is None else recent.answers,
        now=None if recent is None else recent.seen,
        expected=None if recent is None else recent.expected,
        effect=0.0 if recent is None else recent.seen / recent.expected - 1.0,
        evidence=max(result.log_evidence, 0.0) / threshold,
        alarm=result.alarm,
        **_since_began(result),
        raised_us=(raised_us or at_us) if result.alarm else 0,
        stratum=(result.stratum or "") if result.alarm else "",
        left_out=len(result.left_out),
        at_us=at_us,
    )


def _since_began(result: Drift) -> dict[str, float]:
    """The effect while there is an alarm, with its interval."""
    if result.effect is None or not result.alarm:
        return {}
    return dict(zip(("since", "low", "high"), (one - 1.0 for one in result.effect), strict=True))


def _changes(before: SignalState | None, after: SignalState) -> list[DriftChange]:
    """What is to be told."""
    was = before is not None and before.shown.alarm
    found = []
    if before is not None and was and before.name != after.name:
        found.append(DriftChange(kind="cleared", shown=before.shown, reason="replaced"))
        was = False
    if was != after.shown.alarm:
        found.append(DriftChange(kind="raised" if after.shown.alarm else "cleared", shown=after.shown))
    return found
