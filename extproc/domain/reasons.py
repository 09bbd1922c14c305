"""Why a guard found something, in words and numbers for the person who tunes it; computed on demand, never in the path.

A reason may quote the text: it must not travel further than the terminal of the person who brought the text.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Cause = Literal["rule", "pattern", "phrase", "words", "n-gram", "context", "checksum", "reading", "detector"]
"""What led to a finding: a rule or phrase of the configuration, a built-in pattern or word list, an n-gram of a model,
words before the finding, check digits, a disguise that was undone, or a detector of another package.
"""


class Reason(NamedTuple):
    """One cause of a finding. ``weight``: its share in the score, in the unit of its cause; None if it has none."""

    cause: Cause
    said: str
    weight: float | None = None
