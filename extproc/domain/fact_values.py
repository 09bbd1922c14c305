"""Values that a fact's pattern finds in a sentence, used both to validate the fact and to check responses."""

from __future__ import annotations

from typing import Any

import re2


def compiled(pattern: str) -> Any:
    """A fact's pattern, case-insensitive. Raises: re2.error."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(pattern, options=options)


def values_in(sentence: str, pattern: Any) -> list[str]:
    """The matches of a compiled value pattern in a sentence."""
    return [match.group(min(pattern.groups, 1)) or "" for match in pattern.finditer(sentence)]
