"""Short hashes that name what a text says."""

from __future__ import annotations

import hashlib
from typing import Final

FINGERPRINT_CHARS: Final = 12


def fingerprint_of_text(text: str) -> str:
    """12 hexadecimal digits of a text, equal for equal texts."""
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT_CHARS]
