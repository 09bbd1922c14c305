"""Matches many patterns at once: RE2 sets, compiled when a detector is constructed.

A set says which patterns match, but not where. ``SpanPatterns`` finds the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

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


_METHODS: Final = ("findall", "finditer", "fullmatch", "match", "search")


def compiled_on_use(pattern: bytes, options: Callable[[], Any]) -> Any:
    """A pattern of its own, compiled when it is used first.

    Most texts need few patterns, and a command that runs no guard none.
    """
    lazy = SimpleNamespace(pattern=pattern)
    for name in _METHODS:
        setattr(lazy, name, partial(_use_first, lazy, options, name))
    return lazy


def _use_first(lazy: SimpleNamespace, options: Callable[[], Any], name: str, *arguments: Any) -> Any:
    """Compile the pattern and call one of its methods; the next calls are its own."""
    if isinstance(getattr(lazy, name), partial):
        compiled = re2.compile(lazy.pattern, options())
        for each in _METHODS:
            setattr(lazy, each, getattr(compiled, each))
    return getattr(lazy, name)(*arguments)


class SpanPatterns:
    """The patterns of a set, each by itself, to locate the match of one that the set reported.

    A pattern is compiled when it is first searched for, in a millisecond or two. Few ever are, and all of them would
    hold more memory than the set.
    """

    def __init__(self, patterns: Sequence[str], options: Any) -> None:
        self._patterns = patterns
        self._options = options
        self._compiled: dict[int, Any] = {}

    def search(self, index: int, text: str) -> Any:
        """The first match of pattern ``index``, or None."""
        pattern = self._compiled.get(index)
        if pattern is None:
            pattern = self._compiled[index] = re2.compile(self._patterns[index], self._options)
        return pattern.search(text)
