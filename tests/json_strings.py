"""The strings in a value of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def strings_of(value: Any) -> Iterator[str]:
    """Names of keys and all other strings, in order: what a model reads of a value that is printed whole."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from strings_of(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings_of(child)
