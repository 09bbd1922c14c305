"""How much is tried: the default suite takes a share of large sets and a few examples, ``make hunt`` all and many."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "hunt"
EXAMPLES = 50
"""Of a property, where a profile does not say otherwise (``tests/conftest.py``)."""

_T = TypeVar("_T")


def share_of(items: Sequence[_T], parts: int, number: int) -> Sequence[_T]:
    """One of several equal parts of a set; all if the run is thorough.

    Tests of consecutive numbers take different parts, so together they take all.
    """
    return items if THOROUGH else items[number % parts :: parts]


def examples(by_default: int) -> int:
    """How many examples of a property to try: so many in the default suite, in proportion more where all get more."""
    return settings().max_examples * by_default // EXAMPLES or 1
