"""Many patterns looked for at once: RE2's sets, compiled when a detector is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2


def automaton(patterns: Iterable[str | bytes], options: Any) -> Any:
    """A compiled set that says which of the patterns are anywhere in a text. Raises: re2.error."""
    compiled = re2.Set.SearchSet(options)
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    return compiled


def utf8_options(bytes_max: int) -> Any:
    """RE2's options for texts in UTF-8. Args: bytes_max: what an automaton may take. [bytes]"""
    options = re2.Options()
    options.max_mem = bytes_max
    options.log_errors = False
    return options
