"""What answers of a version are compared with: sums of hours that were read.

A window ends an hour before what is compared. So it is the same for all blocks of an hour, and for all that read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from sqlalchemy import Connection

from extproc.ledger.quality.adding import ANSWERS, HOUR_US
from extproc.ledger.quality.series import SeenByName, SeenSeries, version_before
from extproc.ledger.quality.sums import READ, SeriesName, SignalSums, is_of, sums_where
from extproc.ledger.quality.tables import SUMS
from extproc.ledger.quality.terms import DriftTerms
from extproc.statistics.references import HOURS_A_WEEK, Reference, SignalKind, hours_reference, pinned_reference
from extproc.statistics.strata import folded, kept_strata
from extproc.statistics.sums import BlockSums

_WEEK_US: Final = HOURS_A_WEEK * HOUR_US


class ReferenceWindow(NamedTuple):
    """Sums by signal and stratum. Attributes: around: of the three hours of last week, where these are compared."""

    whole: SignalSums
    around: SignalSums | None = None


NOTHING: Final = ReferenceWindow({})


class ReferenceWindows:
    """Reads windows, each once an hour.

    Args: terms: of the watch.
    """

    def __init__(self, terms: DriftTerms) -> None:
        self._terms = terms
        self._hour_us = 0
        self._known: dict[tuple[SeriesName, int], ReferenceWindow] = {}

    def window(
        self, connection: Connection, seen: SeenByName, name: SeriesName, hour_us: int, at_us: int
    ) -> ReferenceWindow:
        """That of answers of an hour. Args: at_us: when their block was closed."""
        if at_us // HOUR_US * HOUR_US != self._hour_us:
            self._hour_us = at_us // HOUR_US * HOUR_US
            self._known.clear()
        reference = self._terms.section.reference
        if reference == "pinned":
            one = seen[name]
            return ReferenceWindow(one.window or {}) if one.window_of == self._terms.compared_with else NOTHING
        if reference == "last_week":
            return self._once(name, hour_us, lambda: _last_week(connection, name, hour_us))
        before = version_before(seen, name)
        if before is None:
            return NOTHING
        return self._once(before, 0, lambda: _hours_until(connection, before, self._hour_us - HOUR_US))

    def settled(self, connection: Connection, seen: SeenByName, name: SeriesName, at_us: int) -> SeenSeries | None:
        """A revision with its pinned window, if it is complete now and was not before."""
        one, settings = seen[name], self._terms.compared_with
        if self._terms.section.reference != "pinned" or one.window_of == settings:
            return None
        same = [
            other.window
            for other in seen.values()
            if other.window_of == settings and other.name[:2] == name[:2] and self._terms.section.first_answers is None
        ]
        window = same[0] if same else self._complete(connection, name, at_us)
        return replace(one, window_of=settings, window=window) if window else None

    def _complete(self, connection: Connection, name: SeriesName, at_us: int) -> SignalSums | None:
        days = self._terms.section.window_us()
        if days is None:
            found = sums_where(connection, SUMS.c.block == READ, is_of(name))
            answers = sum(one.count for one in found.get(ANSWERS, {}).values())
            return found if answers >= (self._terms.section.first_answers or 0) else None
        start_us, end_us = days
        if at_us < end_us + HOUR_US:
            return None
        of_version = (SUMS.c.model == name.model) & (SUMS.c.version == name.version)
        within = (SUMS.c.hour_us >= start_us) & (SUMS.c.hour_us < end_us)
        return self._once(
            name, 0, lambda: ReferenceWindow(sums_where(connection, SUMS.c.block == READ, of_version, within))
        ).whole

    def _once(self, name: SeriesName, hour_us: int, read: Callable[[], ReferenceWindow]) -> ReferenceWindow:
        if (name, hour_us) not in self._known:
            self._known[name, hour_us] = read()
        return self._known[name, hour_us]

    def compared(
        self,
        window: ReferenceWindow,
        signal: str,
        kind: SignalKind,
        block: dict[str, BlockSums],
        placed: tuple[str, ...],
    ) -> tuple[Reference, dict[str, BlockSums]]:
        """The reference of a signal, and a block with the strata of that.

        Args: placed: strata that keep their place.
        """
        whole = window.whole.get(signal, {})
        kept = kept_strata(whole, placed)
        sums = folded(block, kept | (block.keys() - whole.keys()))  # what has no reference is left out by its name
        if self._terms.section.reference != "last_week":
            return pinned_reference(kind, folded(whole, kept), self._terms.tolerance), sums
        around = (window.around or {}).get(signal, {})
        sizes = self._terms.tolerance, self._terms.weeks_log_sd
        return hours_reference(kind, folded(around, kept), folded(whole, kept), *sizes), sums


def _last_week(connection: Connection, name: SeriesName, hour_us: int) -> ReferenceWindow:
    """Of an hour: the three of last week around it, and a week that ends before it."""
    then_us = hour_us - _WEEK_US
    read = (SUMS.c.block == READ) & is_of(name)
    whole = (SUMS.c.hour_us >= then_us - HOUR_US) & (SUMS.c.hour_us < hour_us - HOUR_US)
    around = (SUMS.c.hour_us >= then_us - HOUR_US) & (SUMS.c.hour_us <= then_us + HOUR_US)
    return ReferenceWindow(sums_where(connection, read, whole), sums_where(connection, read, around))


def _hours_until(connection: Connection, name: SeriesName, hour_us: int) -> ReferenceWindow:
    return ReferenceWindow(sums_where(connection, SUMS.c.block == READ, is_of(name), SUMS.c.hour_us < hour_us))
