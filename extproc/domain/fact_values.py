"""The values that a fact's pattern finds in a sentence: what is checked at start, and looked for in answers."""

from __future__ import annotations

from typing import Any

import re2


def compiled(pattern: str) -> Any:
    """A pattern of a fact, without regard to case. Raises: re2.error."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(pattern, options=options)


def values_in(sentence: str, pattern: Any) -> list[str]:
    """What a compiled value pattern finds in a sentence."""
    return [match.group(min(pattern.groups, 1)) or "" for match in pattern.finditer(sentence)]
