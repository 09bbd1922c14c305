"""Derives a pattern for the prefixes of another pattern's matches: possible ends of a truncated text.

RE2 tells whether a text matches, but not whether it still could. So a pattern is parsed into its parts (sequences,
alternatives, repetitions; single characters at the leaves, kept verbatim) and rewritten so that it may stop after any
of them. Linear in the pattern for each level of its groups, and RE2 again in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_REPEAT: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<[A-Za-z_0-9]+>|(?P<flags>[imsU]*(?:-[imsU]+)?):))?")
_FLAGS: Final = re.compile(r"\(\?([imsU]+(?:-[imsU]+)?)\)")
_CLASS: Final = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\.|[^\]\\])*\]", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(?:[pP](?:\{[^}]*\}|.)|x(?:\{[0-9A-Fa-f]+\}|[0-9A-Fa-f]{2})|0?[0-7]{2,3}|.)", re.DOTALL)
_MARKS: Final = frozenset({"\\b", "\\B", "\\A", "\\z", "^", "$"})
_ENDLESS: Final = -1


class PatternNotRead(Exception):
    """The pattern has a part whose prefixes cannot be derived."""


class _Part:
    """A part of a pattern: itself, its prefixes (including the empty one), and its minimum match length."""

    def __init__(
        self, written: str, begun: str, chars_min: int, fixed: str = "", fixed_chars: int = 0, is_fixed: bool = False
    ) -> None:
        self.written = written
        self.begun = begun
        self.chars_min = chars_min
        self.fixed = fixed  # literal prefix of each match, with its minimum length
        self.fixed_chars = fixed_chars
        self.is_fixed = is_fixed  # and has nothing else


class Beginnings:
    """The prefixes of a pattern's matches.

    Attributes:
        pattern: matches every prefix, including the empty one, and every whole match. [RE2]
        chars_min: length of the shortest match. [characters]
        fixed: matches the common beginning of all matches, as far as it is literal in the pattern. [RE2]
        fixed_chars: its minimum length. [characters]
        is_endless: there is no longest match.
    """

    def __init__(self, pattern: str) -> None:
        """Raises: PatternNotRead."""
        reader = _Reader(pattern)
        whole = reader.ways()
        if reader.at < len(pattern):
            raise PatternNotRead(pattern)
        self.pattern: str = f"(?:{whole.begun})"
        self.chars_min: int = whole.chars_min
        self.fixed: str = whole.fixed
        self.fixed_chars: int = whole.fixed_chars
        self.is_endless: bool = reader.is_endless


class _Reader:
    """Parses a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self.at = 0
        self.is_endless = False

    def ways(self) -> _Part:
        """The content between two brackets: sequences separated by ``|``, with leading flags for all of them."""
        flags = self._flags()
        found = [self._row()]
        while self._next() == "|":
            self.at += 1
            found.append(self._row())
        return _flagged(_one_of(found), flags)

    def _row(self) -> _Part:
        parts: list[_Part] = []
        while self._next() not in ("", "|", ")"):
            parts += self._repeated()
        return _row_of(parts)

    def _repeated(self) -> list[_Part]:
        pattern = self._pattern
        if pattern.startswith("\\Q", self.at):
            return self._quoted()
        part = self._one()
        while True:
            following = self._next()
            counts = _REPEAT.match(pattern, self.at)
            if following and following in "*+?":
                least, most = int(following == "+"), 1 if following == "?" else _ENDLESS
                self.at += 1
            elif counts is not None:
                least = int(counts[1])
                most = least if counts[2] is None else int(counts[3]) if counts[3] else _ENDLESS
                self.at = counts.end()
            else:
                return [part]
            if self._next() == "?":
                self.at += 1
            self.is_endless = self.is_endless or most == _ENDLESS
            part = _many(part, least, most)

    def _one(self) -> _Part:
        pattern = self._pattern
        character = pattern[self.at]
        if character == "(":
            return self._group()
        if character in "^$":
            self.at += 1
            return _Part(character, "", 0)
        if character == "[":
            return self._character(_CLASS)
        if character == "\\":
            return self._character(_ESCAPE)
        self.at += 1
        return _character(character if character not in "*+?{" else "\\" + character)

    def _group(self) -> _Part:
        opening = _GROUP.match(self._pattern, self.at)
        if opening is None or (opening.end() == self.at + 1 and self._pattern.startswith("(?", self.at)):
            raise PatternNotRead(self._pattern)
        self.at = opening.end()
        inner = self.ways()
        if self._next() != ")":
            raise PatternNotRead(self._pattern)
        self.at += 1
        return _flagged(inner, opening["flags"] or "")

    def _character(self, shape: re.Pattern[str]) -> _Part:
        found = shape.match(self._pattern, self.at)
        if found is None:
            raise PatternNotRead(self._pattern)
        self.at = found.end()
        return _character(found.group())

    def _quoted(self) -> list[_Part]:
        end = self._pattern.find("\\E", self.at)
        end = len(self._pattern) if end < 0 else end
        text = self._pattern[self.at + 2 : end]
        self.at = min(end + 2, len(self._pattern))
        return [_character(character if character.isalnum() else "\\" + character) for character in text]

    def _flags(self) -> str:
        found = _FLAGS.match(self._pattern, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[1]

    def _next(self) -> str:
        return self._pattern[self.at : self.at + 1]


def _character(written: str) -> _Part:
    if written in _MARKS:
        return _Part(written, "", 0, written)
    literal = written[1:] if written[0] == "\\" and not written[1:2].isalnum() else written
    known = len(literal) == 1 and written != "."
    return _Part(written, f"{written}?", 1, written if known else "", int(known), known)


def _row_of(parts: Sequence[_Part]) -> _Part:
    """A prefix of a sequence is a prefix of its first part, or all of that and a prefix of the rest."""
    begun = ""
    for part in reversed(parts):
        if part.begun == f"{part.written}?":
            begun = f"(?:{part.written}{begun})?" if begun else part.begun
        elif not part.begun:
            begun = f"(?:{part.written}{begun})?"
        else:
            begun = f"(?:{part.begun}|{part.written}{begun})"
    fixed, fixed_chars, is_fixed = "", 0, True
    for part in parts:
        fixed += part.fixed
        fixed_chars += part.fixed_chars
        is_fixed = part.is_fixed or not part.begun
        if not is_fixed:
            break
    written = "".join([part.written for part in parts])
    return _Part(written, begun, sum([part.chars_min for part in parts]), fixed, fixed_chars, is_fixed)


def _one_of(ways: Sequence[_Part]) -> _Part:
    if len(ways) == 1:
        return ways[0]
    return _Part(
        "(?:" + "|".join([way.written for way in ways]) + ")",
        "(?:" + "|".join([way.begun for way in ways]) + ")",
        min([way.chars_min for way in ways]),
        "(?:" + "|".join([way.fixed for way in ways]) + ")",
        min([way.fixed_chars for way in ways]),
        all(way.is_fixed for way in ways),
    )


def _many(part: _Part, least: int, most: int) -> _Part:
    count = f"{{{least},}}" if most == _ENDLESS else f"{{{least},{most}}}"
    if not most:
        return _Part("", "", 0, "", 0, True)
    written = f"(?:{part.written}){count}"
    one = part.begun == f"{part.written}?"
    before = "*" if most == _ENDLESS else f"{{0,{most - (0 if one else 1)}}}"
    begun = f"(?:{part.written}){before}" + ("" if one else part.begun)
    chars_min = part.chars_min * least
    if not part.is_fixed or not least:
        return _Part(written, begun, chars_min)
    fixed = f"(?:{part.fixed}){{{least}}}"
    return _Part(written, begun, chars_min, fixed, part.fixed_chars * least, least == most)


def _flagged(part: _Part, flags: str) -> _Part:
    written, begun, fixed = [f"(?{flags}:{one})" for one in (part.written, part.begun, part.fixed)]
    return _Part(written, begun, part.chars_min, fixed, part.fixed_chars, part.is_fixed)
