"""From when on an hour counts. Commands and the process that ships go by the same."""

from __future__ import annotations

from typing import Final

DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
SETTLED_US: Final = _HOUR_US
"""An hour counts when it is over for so long: most of what ran in it has ended, and is in the ledger."""


def settled_us(now_us: int) -> int:
    """The end of the last hour that counts. [us since 1970]"""
    return (now_us - SETTLED_US) // _HOUR_US * _HOUR_US


def settles_from_us(now_us: int) -> int:
    """The beginning of yesterday: what comes later than a day is left to the command. [us since 1970]"""
    return (now_us // DAY_US - 1) * DAY_US
