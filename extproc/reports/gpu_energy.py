"""Energy of GPU time: a convention, as one figure for each kind of GPU says what it draws under load.

Only time in which GPUs worked has energy. What they draw while they are idle, start up or sleep, the figure does not
say. It is rounded once for each server, day and price, and divided there: sums over teams, servers and days are the
same, whatever is added up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from extproc.allocation.largest_remainder import exact_parts

_US_PER_MWH_OF_A_WATT: Final = 3_600_000


def energy_mwh(time_us: int, watts: int) -> int:
    """Of some GPU time; half a milliwatt-hour counts as one."""
    return (2 * time_us * watts + _US_PER_MWH_OF_A_WATT) // (2 * _US_PER_MWH_OF_A_WATT)


def energy_parts_mwh(times_us: Sequence[int], watts: int) -> list[int]:
    """Of each of some times: they add up to the energy of all."""
    return exact_parts(energy_mwh(sum(times_us), watts), times_us)
