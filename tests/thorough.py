"""Sweeps over large sets: the default suite takes a share of them, ``make hunt`` all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "hunt"

_T = TypeVar("_T")


def share_of(items: Sequence[_T], parts: int, part: str) -> Sequence[_T]:
    """One of several equal parts of a set, chosen by a name; all if the run is thorough.

    Tests that differ in their names take different parts, so together they take all.
    """
    return items if THOROUGH else items[sum(part.encode()) % parts :: parts]
