"""Whether the packages in the path run compiled (``setup.py``) or as Python: they do the same at different costs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

_COMPILED_ONE: Final = "extproc.exchange.machine"


def is_compiled() -> bool:
    """Whether they are compiled; imports none of them."""
    found = find_spec(_COMPILED_ONE)
    return found is not None and found.origin is not None and not found.origin.endswith(".py")
