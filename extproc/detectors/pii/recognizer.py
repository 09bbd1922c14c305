"""Recognizers: one kind of personal data each, with a prefilter and a finder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from extproc.detectors.pii.gates import GateFamily

Spans = Iterator[tuple[int, int, float]]
"""Start, end [characters] and score of each valid candidate."""

SpanFinder = Callable[[bytes, str, int], Spans]
"""From the Latin-1 bytes, their text, and the start of the new text [characters]: the findings in it."""


CELL_END: Final = r"\x00-\x20\x85\xA0,;\"'<>\[\]{}|\\`"
"""Excluded from Latin-1 character classes that must stay within one word (see ``cells``)."""


_WORD: Final = rf"[^{CELL_END}]"
_WORD_BYTES: Final = [byte for byte in range(256) if re.fullmatch(_WORD, chr(byte))]


def word_holding(chars_min: int, *classes: str) -> str:
    """Pattern (RE2, Latin-1) for a whole word, or the rest of one, with this many characters and one of each class.

    Their order does not matter, and there is no backtracking: an automaton has one state for each number of
    characters and each set of classes seen. Written out it is long: two classes are the practical maximum.
    """
    members: dict[frozenset[str], list[int]] = {}
    for byte in _WORD_BYTES:
        met = frozenset(one for one in classes if re.fullmatch(one, chr(byte)))
        members.setdefault(met, []).append(byte)
    return f"(?:^|[{CELL_END}]){_rest_holding(chars_min, frozenset(classes), members)}"


def _rest_holding(chars: int, missing: frozenset[str], members: dict[frozenset[str], list[int]]) -> str:
    """The rest of a word that needs this many more characters, and one of each missing class."""
    if not missing:
        return f"{_WORD}{{{chars}}}"
    following: dict[frozenset[str], list[int]] = {}
    for met, some in members.items():
        following[missing - met] = following.get(missing - met, []) + some
    others = _class_of(following.pop(missing))
    left = max(chars - 1, 0)
    ways = "|".join(f"{_class_of(some)}{_rest_holding(left, still, members)}" for still, some in following.items())
    return f"(?:{others}{_rest_holding(left, missing, members)}|{ways})" if chars else f"{others}*(?:{ways})"


def _class_of(bytes_in: Iterable[int]) -> str:
    """The character class of some bytes, in ranges: an eighth as long as one by one."""
    ordered = sorted(bytes_in)
    ranges: list[tuple[int, int]] = []
    for byte in ordered:
        if ranges and byte == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], byte
        else:
            ranges.append((byte, byte))
    return "[" + "".join(rf"\x{first:02x}-\x{last:02x}" for first, last in ranges) + "]"


Candidate = tuple[str, int, int, float]
"""Kind, start, end [characters] and score of each valid candidate."""

CandidateFinder = Callable[[bytes, str, int], Iterator[Candidate]]
"""Like ``SpanFinder``, for several kinds in one pass."""


class Recognizer(NamedTuple):
    """One kind. ``gate`` (RE2, Latin-1) matches every text in which ``spans`` could find something, and few others.

    The gate sees the cell alone, without context words before it.
    """

    kind: str
    gate: str
    spans: SpanFinder
    family: GateFamily

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """The findings of ``spans``, with their kind."""
        kind = self.kind
        for start, end, score in self.spans(subject, text, begin):
            yield kind, start, end, score
