"""Private key blocks (PEM, OpenSSH, PGP): first line, body and last line.

A block spans lines, so it is found by a stateful stage, not by cells. A block with an elided body (``-----BEGIN PRIVATE
KEY-----\\n...``) is not a key. Line ends may be escaped.
"""

from __future__ import annotations

from typing import Final

from extproc.detectors.text.latin1 import latin1_pattern

MARKER_CHARS_MAX: Final = 80
OPENING_CHARS_MAX: Final = 512
"""A body must appear within this many characters after the first line."""

_LABEL: Final = r"[A-Z0-9 ]{0,60}"
_FILLER: Final = r"(?:[ \t\r\n\"'`,>|*+]|\\[nrt\\\"']?)"
_HEADER: Final = r"[A-Za-z][A-Za-z\-]{1,20}: [^\n\\]{0,120}(?:\n|\\n)"
_HEADER_PART: Final = r"[A-Za-z][A-Za-z\-]{0,20}(?:: ?|: [^\n\\]{0,120}\\?)?"
_BODY_CHARS_MIN: Final = 32

BEGIN: Final = latin1_pattern(rf"-{{4,5}} ?BEGIN {_LABEL}PRIVATE KEY(?: BLOCK)? ?-{{4}}")
"""First line of a block, except for its last hyphen."""

BEGIN_PART: Final = latin1_pattern(rf"-{{1,5}}(?:-{{3}} ?(?:B|BE|BEG|BEGI|BEGIN|BEGIN {_LABEL}-{{0,4}})?)?$")
"""Possible beginning of a first line, at the end of a text."""

OPENING: Final = latin1_pattern(rf"-?(?:{_FILLER}|{_HEADER})*[A-Za-z0-9+/]{{{_BODY_CHARS_MIN}}}")
"""Rest of the first line, text that may precede a body, and enough of a body."""

OPENING_PART: Final = latin1_pattern(
    rf"-?(?:{_FILLER}|{_HEADER})*(?:[A-Za-z0-9+/]{{0,{_BODY_CHARS_MIN - 1}}}|{_HEADER_PART})"
)
"""Text that may still become an opening, whole."""

OPENING_CUT: Final = latin1_pattern(r"[A-Za-z0-9+/]{8}$")
"""Enough of a body, if the text is truncated after it."""

BODY: Final = latin1_pattern(rf"(?:[A-Za-z0-9+/=:]|{_FILLER})*")
"""Characters of bodies; a hyphen may begin the last line."""

END: Final = latin1_pattern(rf"-{{4,5}} ?END {_LABEL}-{{4}}")
"""Last line of a block, except for its last hyphen."""

END_PART: Final = latin1_pattern(rf"-{{1,5}}(?: ?(?:E|EN|END|END {_LABEL}-{{0,4}})?)?")
"""Text that may still become a last line, whole."""
