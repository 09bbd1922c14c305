"""E-mail addresses; not the user part of a URL, nor a file name (``icon@2x.png``)."""

from __future__ import annotations

from typing import Final

from extproc.detectors.pii.beginnings import Begun
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import CELL_END, Recognizer, Spans
from extproc.detectors.text.latin1 import WORD_BYTES, latin1_pattern

_LETTER: Final = r"A-Za-z0-9\xC0-\xFF?"
_EMAIL: Final = latin1_pattern(rf"[{_LETTER}._%+\-]+@(?:[{_LETTER}](?:[{_LETTER}\-]*[{_LETTER}])?\.)+[A-Za-z]{{2,24}}")
_COLON: Final = 0x3A
_USER_CHARS_MAX: Final = 160
_USER_BEFORE: Final = latin1_pattern(rf"://[^/?#@:{CELL_END}]*:$")
"""Followed by the password of a URL, and the host."""
_FILE_ENDINGS: Final = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "tgz", "js", "ts", "tsx", "jsx", "css", "json", "html", "htm",
    "xml", "txt", "pdf", "exe", "dll", "yaml", "yml", "log",
})  # fmt: skip
"""Looks like a top-level domain but is a file extension: ``icon@2x.png``."""


def _emails(subject: bytes, text: str, begin: int) -> Spans:
    position = begin
    while match := _EMAIL.search(subject, position):
        start, end = match.span()
        at = subject.rindex(b"@", start, end)
        start = _local_part_start(text, start, at)
        domain = text[at + 1 : end].partition("?")[0]
        end = at + 1 + len(domain)
        domain_ends = end == len(subject) or subject[end] not in WORD_BYTES
        valid = start < at and domain_ends and _domain_plausible(domain) and text[start:at] != "git"
        if valid and start and subject[start - 1] == _COLON:
            valid = _USER_BEFORE.search(subject[max(0, start - _USER_CHARS_MAX) : start]) is None
        if valid:
            yield start, end, 0.95
        position = end if valid else at + 1


def _domain_plausible(domain: str) -> bool:
    last = domain.rpartition(".")[2]
    return "." in domain and len(last) >= 2 and last.isascii() and last.isalpha() and last.lower() not in _FILE_ENDINGS


def _local_part_start(text: str, start: int, at: int) -> int:
    """Start of the address: a ``?`` in the bytes may be a letter beyond Latin-1; one in the text never is."""
    first = max(start, text.rfind("?", start, at) + 1)
    while first < at and text[first] in ".-%+_":
        first += 1
    return first


# --- what a text that is cut off may end with ----------------------------------------------------------------------

_EMAIL_BEGUN: Final = latin1_pattern(rf"[{_LETTER}._%+\-]+@[{_LETTER}.\-]*$")


def _email_beginning(subject: bytes, text: str, begin: int) -> Begun | None:
    match = _EMAIL_BEGUN.search(subject, begin)
    return None if match is None or text.startswith("git@", match.start()) else ("EMAIL", match.start())


_GATE: Final = rf"[{_LETTER}._%+\-]@[{_LETTER}][{_LETTER}.\-]*\.[A-Za-z]{{2}}"

KINDS: Final[tuple[PiiKind, ...]] = (
    PiiKind(
        "EMAIL",
        "e-mail addresses",
        "from its `@` on",
        (Recognizer("EMAIL", _GATE, _emails, GateFamily.WORDS),),
        (_email_beginning,),
    ),
)
