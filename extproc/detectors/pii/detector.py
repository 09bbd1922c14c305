"""Detects personal data and secrets by pattern, checksum and context words.

Streamed text arrives in *cells* (see ``docs/design.md``): a finding must depend only on the cell and on the text before
it, never on the text after it. So no pattern here crosses a blank unless both sides look like one number, none contains
a bracket, quote, comma or semicolon, and context words are searched to the left only, within 48 characters.

The one exception is a phone number with its cue behind it, such as *is my number*: ``awaited`` tells whether a cell
must wait for the words that follow.

A cell with disguised characters (``folding``) is scanned twice: as it reads, and as it is written, so that nothing is
lost if a hyphen or an escape is part of another value.

Not detected here: private key blocks and postal addresses (longer than a cell), names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from extproc.detectors.pii import national_ids, phone
from extproc.detectors.pii.beginnings import BeginningFinder, Begun
from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.gates import GateFamily, Gates
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.kinds import BEFORE_NATIONAL_IDS, BEHIND_NATIONAL_IDS, ENTITIES, IMPLIED, KINDS
from extproc.detectors.pii.recognizer import Candidate, CandidateFinder, word_holding
from extproc.detectors.pii.secret_patterns import SECRET_CHARACTERS_MIN
from extproc.detectors.text.cells import section_end
from extproc.detectors.text.folding import (
    BLANKS,
    MAY_VANISH,
    OTHER_COLONS,
    OTHER_NUMBER_MARKS,
    VANISHED,
    folded,
    folded_bytes,
    is_plain,
    read_bytes,
    reading,
    with_escapes,
)
from extproc.detectors.text.latin1 import latin1_bytes
from extproc.domain.finding import Finding

_MARKS: Final = frozenset("0123456789@:&") | OTHER_NUMBER_MARKS
"""A short text contains one of these if it has a value, or can be read differently: ``&`` covers escapes
without any of the others.
"""
_COLONS: Final = frozenset(":") | OTHER_COLONS
_VALUE_CHARS_MIN: Final = 6
"""No value is shorter in any spelling, except ``::1``, a date of birth, and configured types."""

_STRETCH_CHARS_MIN: Final = 8_192
"""A longer text is prefiltered by stretches: most that may hold a value show it in the first."""

_SEPARATORS: Final = r" \xA0.()\-/+"
_NUMBER_CHARS_MIN: Final = 7
LONG_NUMBERS: Final = "|".join((
    word_holding(_NUMBER_CHARS_MIN, "[0-9]"),
    "[0-9]{6}",
    rf"[0-9][{_SEPARATORS}]{{0,2}}[ \xA0][{_SEPARATORS}]{{0,2}}[0-9]",
))  # fmt: skip
"""Pattern (RE2, Latin-1) common to all numbers, passwords and keys above, in one word or in several."""


class PiiDetector:
    """Detects the requested kinds of personal data.

    Args:
        entities: of ``ENTITIES``; NATIONAL_ID means all kinds of national ids, which are reported by their own names.
        custom: configured recognizers, which take precedence.
    Raises: ValueError for an unknown kind.
    """

    def __init__(self, entities: Iterable[str], custom: Iterable[CustomRecognizer] = ()) -> None:
        asked, custom = frozenset(entities), list(custom)
        if unknown := asked.difference(ENTITIES):
            raise ValueError(f"unknown entities {', '.join(sorted(unknown))}; known are {', '.join(sorted(ENTITIES))}")
        self._wanted = asked.union(*(IMPLIED.get(kind, frozenset()) for kind in asked))
        needed = self._wanted.union(*(kind.shields for kind in KINDS if kind.name in self._wanted))
        self._finders: list[CandidateFinder] = []
        self._gates = Gates(LONG_NUMBERS, _NUMBER_CHARS_MIN)
        self._beginnings: list[BeginningFinder] = []
        of_ids: list[BeginningFinder] = []  # last: a row of digits matches many of them
        self._has_own = bool(custom)
        dates = "DATE_OF_BIRTH" in self._wanted  # a cell may contain only the day
        self._value_chars_min = 0 if dates or custom else _VALUE_CHARS_MIN
        for one in custom:
            self._add(one.gate, GateFamily.ALONE, one.candidates)
            self._wanted |= {one.kind}
            if one.beginning is not None:
                self._beginnings.append(one.beginning)
        self._add_chosen(BEFORE_NATIONAL_IDS, needed)
        if self._wanted.intersection(national_ids.NATIONAL_ID_KINDS):
            ids = national_ids.NationalIds(self._wanted)
            self._add(national_ids.GATE, GateFamily.SHAPES, ids.candidates)
            of_ids.append(ids.beginning)
        self._add_chosen(BEHIND_NATIONAL_IDS, needed)
        self._phones = len(self._finders) - 1 if "PHONE" in self._wanted else -1  # the last
        self._vanishing = len(self._finders)
        self._gates.add(MAY_VANISH, GateFamily.WORDS)
        self._gates.compile()
        wanted = [kind for kind in KINDS if kind.name in self._wanted]
        self._endless = self._beginnings + [finder for kind in wanted for finder in kind.endless]
        self._beginnings += [finder for kind in wanted for finder in kind.beginnings] + of_ids

    def _add_chosen(self, kinds: Iterable[PiiKind], needed: frozenset[str]) -> None:
        for kind in kinds:
            if kind.name in needed:
                for one in kind.recognizers:
                    self._add(one.gate, one.family, one.candidates)

    def _add(self, gate: str, family: GateFamily, finder: CandidateFinder) -> None:
        self._gates.add(gate, family)
        self._finders.append(finder)

    def might_match(self, text: str) -> bool:
        """Prefilter: False only if no cell of the text can contain a finding. One pass, up to where one may."""
        if len(text) < SECRET_CHARACTERS_MIN and _MARKS.isdisjoint(text):
            return self._has_own and self._may_hold_own(text)
        begin = 0
        while len(text) - begin > _STRETCH_CHARS_MIN:
            end = section_end(text, begin, _STRETCH_CHARS_MIN)
            if self._opens_any(text[begin:end]):
                return True
            begin = end
        return self._opens_any(text[begin:] if begin else text)

    def _opens_any(self, text: str) -> bool:
        opened = self._opened(text)
        if opened == [self._vanishing]:
            opened = self._gates.opened(read_bytes(text))
        return bool(opened)

    def _opened(self, text: str) -> list[int]:
        """The gates that are open for a text."""
        if len(text) < self._value_chars_min and _COLONS.isdisjoint(text):
            return []
        return self._gates.opened(folded_bytes(text))

    def _may_hold_own(self, text: str) -> bool:
        """Whether a short text without other kinds may contain a custom type."""
        return not is_plain(text) or self._gates.any_alone_open(folded_bytes(text))

    def find(self, text: str, start: int = 0, behind: str = "") -> list[Finding]:
        """Findings within ``text[start:]``, in order, not overlapping.

        Args:
            text: everything seen so far; ``text[:start]`` serves only for context words.
            start: start of the new text [characters], at a cell boundary.
            behind: what follows the text; it serves only for cues behind a phone number.
        Source: the modules of the kinds; issuers, country lengths and ranges in ``checksums``.
        """
        cell = text[start:] if start else text
        holds_no_mark = len(cell) < SECRET_CHARACTERS_MIN and _MARKS.isdisjoint(cell)  # same as in might_match, inlined
        if holds_no_mark and not (self._has_own and self._may_hold_own(cell)):
            return []
        opened = self._opened(cell)
        if not opened:
            return []
        shape = cell if self._vanishing not in opened and cell.isascii() else folded(cell)
        if shape == cell and VANISHED not in cell:
            return self._recognize(folded_bytes(text), text, start, opened, behind)
        written = self._as_written(text, start, opened, behind)
        return _merged(written + self._as_read(text, start, shape, behind))

    def awaited(self, text: str, start: int, behind: str) -> Finding | None:
        """A number in a cell that is none yet, and may be a phone number by the words that follow ``behind``.

        Args: text, start: as of ``find``.
        """
        if self._phones < 0:
            return None
        cell = text[start:]
        for read, places in _readings(cell):
            span = phone.before_possible_cue(folded_bytes(read), read, behind)
            if span is not None:
                first, end = places[span[0]], places[span[1] - 1] + 1
                known = any(one.start < start + end <= one.end for one in self.find(text, start))
                return None if known else Finding("PHONE", start + first, start + end, 0.5, "pii.phone", begun=True)
        return None

    def beginning(self, text: str, start: int = 0) -> Finding | None:
        """The longest possible beginning of a value at the end of a truncated text.

        Args: text, start: as for ``find``; ``text[start:]`` is the last cell.
        """
        return self._longest(self._beginnings, text, start)

    def endless(self, text: str, start: int = 0) -> Finding | None:
        """Like ``beginning``, for a word too long to be seen as a whole: secrets, and custom types."""
        return self._longest(self._endless, text, start)

    def _longest(self, finders: Iterable[BeginningFinder], text: str, start: int) -> Finding | None:
        cell = text[start:]
        shape = folded(cell)
        plain, places = reading(shape)
        plain = plain.rstrip(BLANKS)
        subject = folded_bytes(read := text[:start] + plain)
        longest: Begun | None = None
        for finder in finders:
            begun = finder(subject, read, start)
            if begun is not None and (longest is None or begun[1] < longest[1]):
                longest = begun
        if longest is None:
            return None
        kind, first = longest
        first, end = with_escapes(cell, shape, places[first - start], places[len(plain) - 1] + 1)
        return Finding(kind, start + first, start + end, 0.5, f"pii.{kind.lower()}", begun=True)

    def _as_written(self, text: str, start: int, opened: list[int], behind: str) -> list[Finding]:
        """Findings in a text as it is written. Args: opened: by the folded text, which is identical in ASCII."""
        subject = latin1_bytes(text)
        if not text.isascii():
            opened = self._gates.opened(subject[start:])
        return self._recognize(subject, text, start, opened, behind)

    def _as_read(self, text: str, start: int, shape: str, behind: str) -> list[Finding]:
        """Findings after removal of invisible characters; spans refer to the original text."""
        context, cell = text[:start], text[start:]
        plain, places = reading(shape)
        read = context + plain
        subject = folded_bytes(read)
        return [
            replace(one, start=start + first, end=start + end)
            for one in self._recognize(subject, read, start, self._opened(plain), behind)
            for first, end in [with_escapes(cell, shape, places[one.start - start], places[one.end - 1 - start] + 1)]
        ]

    def _recognize(self, subject: bytes, text: str, start: int, opened: list[int], behind: str) -> list[Finding]:
        """Findings of the finders with open gates, earlier ones first; in overlaps the first one counts."""
        taken = bytearray(len(text))
        findings = []
        for kind, first, end, score in self._candidates(subject, text, start, opened, behind):
            if taken.find(1, first, end) < 0:
                taken[first:end] = b"\1" * (end - first)
                if kind in self._wanted:
                    findings.append(Finding(kind, first, end, score, f"pii.{kind.lower()}"))
        return sorted(findings, key=lambda finding: finding.start)

    def _candidates(self, subject: bytes, text: str, start: int, opened: list[int], behind: str) -> Iterator[Candidate]:
        for index in sorted(opened):
            if index == self._phones:
                for first, end, score in phone.phone_spans(subject, text, start, behind):
                    yield "PHONE", first, end, score
            elif index != self._vanishing:
                yield from self._finders[index](subject, text, start)


def _readings(cell: str) -> Iterator[tuple[str, Sequence[int]]]:
    """A cell as it is written, and as it reads, each with the original position of each character."""
    yield cell, range(len(cell))
    shape = folded(cell)
    if shape != cell or VANISHED in cell:
        yield reading(shape)


def _merged(findings: list[Finding]) -> list[Finding]:
    """In order, with overlaps merged: named after the longest, over the whole span."""
    merged: list[Finding] = []
    for one in sorted(findings, key=lambda finding: finding.start):
        if merged and one.start < merged[-1].end:
            last = merged.pop()
            longest = one if one.end - one.start > last.end - last.start else last
            one = replace(longest, start=last.start, end=max(last.end, one.end))
        merged.append(one)
    return merged
