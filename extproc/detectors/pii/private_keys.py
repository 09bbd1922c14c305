"""Private key blocks (PEM, OpenSSH, PGP): what they begin with, what their bodies are of, and how they end.

A block spans lines, so it is found by a stage that remembers where it is in one, and never by cells. A block whose
body is left out (``-----BEGIN PRIVATE KEY-----\\n...``) is no key. Line ends may be written as escapes.
"""

from __future__ import annotations

from extproc.detectors.text.latin1 import latin1_pattern

MARKER_CHARS_MAX = 80
OPENING_CHARS_MAX = 512
"""Within so many characters after the first line a body must have shown itself."""

_LABEL = r"[A-Z0-9 ]{0,60}"
_FILLER = r"(?:[ \t\r\n\"'`,>|*+]|\\[nrt\\\"']?)"
_HEADER = r"[A-Za-z][A-Za-z\-]{1,20}: [^\n\\]{0,120}(?:\n|\\n)"
_HEADER_PART = r"[A-Za-z][A-Za-z\-]{0,20}(?:: ?|: [^\n\\]{0,120}\\?)?"
_BODY_CHARS_MIN = 32

BEGIN = latin1_pattern(rf"-{{4,5}} ?BEGIN {_LABEL}PRIVATE KEY(?: BLOCK)? ?-{{4}}")
"""The first line of a block, but for its last hyphen."""

BEGIN_PART = latin1_pattern(rf"-{{1,5}}(?:-{{3}} ?(?:B|BE|BEG|BEGI|BEGIN|BEGIN {_LABEL}-{{0,4}})?)?$")
"""What a first line may have begun with, at the end of a text."""

OPENING = latin1_pattern(rf"-?(?:{_FILLER}|{_HEADER})*[A-Za-z0-9+/]{{{_BODY_CHARS_MIN}}}")
"""The rest of the first line, what may stand before a body, and enough of a body."""

OPENING_PART = latin1_pattern(rf"-?(?:{_FILLER}|{_HEADER})*(?:[A-Za-z0-9+/]{{0,{_BODY_CHARS_MIN - 1}}}|{_HEADER_PART})")
"""What may yet become an opening, whole."""

OPENING_CUT = latin1_pattern(r"[A-Za-z0-9+/]{8}$")
"""Enough of a body, where the text is cut off behind it."""

BODY = latin1_pattern(rf"(?:[A-Za-z0-9+/=:]|{_FILLER})*")
"""What bodies are of; a hyphen may begin the last line."""

END = latin1_pattern(rf"-{{4,5}} ?END {_LABEL}-{{4}}")
"""The last line of a block, but for its last hyphen."""

END_PART = latin1_pattern(rf"-{{1,5}}(?: ?(?:E|EN|END|END {_LABEL}-{{0,4}})?)?")
"""What may yet become a last line, whole."""
