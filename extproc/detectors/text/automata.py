"""Matches many patterns at once: RE2 sets, compiled when a detector is constructed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import re2


def automaton(patterns: Iterable[str | bytes], options: Any) -> Any:
    """A compiled set that tells which of the patterns match anywhere in a text. Raises: re2.error."""
    compiled = re2.Set.SearchSet(options)
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    return compiled


def utf8_options(bytes_max: int) -> Any:
    """RE2 options for UTF-8 texts. Args: bytes_max: memory limit of an automaton. [bytes]"""
    options = re2.Options()
    options.max_mem = bytes_max
    options.log_errors = False
    return options
