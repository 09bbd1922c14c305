"""A stage for texts that are JSON (tool arguments): strings are decoded for checking, and remain strings.

Chunk boundaries may be anywhere, even inside an escape, and the text may be invalid JSON, because a model writes it.
Text in quotes is decoded, checked, and encoded again. Text outside of quotes (numbers, and everything else that is not
a string) is checked as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from extproc.domain.finding import Finding
from extproc.domain.text import Kind, Stage, TextSource, close_stage, yielding
from extproc.filters.span_detectors import SpanDetector, beginning_in

_STRING_EVENT: Final = re.compile(r'["\\]')
_ESCAPES: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_NUMBER: Final = frozenset("0123456789+-.eE")
_HIGH_SURROGATES: Final = range(0xD800, 0xDC00)
_LOW_SURROGATES: Final = range(0xDC00, 0xE000)
_REPLACEMENT: Final = "\ufffd"


class WholeNumbers:
    """A detector for text outside strings: a finding in a number is widened to the whole number with sign and exponent.

    A mask in place of a part of a number would not be JSON.
    """

    def __init__(self, detector: SpanDetector) -> None:
        self._detector = detector

    def might_match(self, text: str) -> bool:
        """The detector's own prefilter."""
        return self._detector.might_match(text)

    def find(self, text: str, start: int = 0) -> list[Finding]:
        """The detector's findings, widened; if two are in one number, the first counts."""
        widened: list[Finding] = []
        for finding in self._detector.find(text, start):
            first, last = _number_start(text, start, finding.start), finding.end
            while last < len(text) and text[last] in _NUMBER:
                last += 1
            if not widened or first >= widened[-1].end:
                widened.append(replace(finding, start=first, end=last))
        return widened

    def beginning(self, text: str, start: int = 0) -> Finding | None:
        """The detector's finding at the end of a truncated text, widened."""
        found = beginning_in(self._detector, text, start)
        return found and replace(found, start=_number_start(text, start, found.start))


def _number_start(text: str, start: int, first: int) -> int:
    while first > start and text[first - 1] in _NUMBER:
        first -= 1
    return first


class JsonTextStage:
    """Wraps two stages: one for text inside strings, one for text outside."""

    __slots__ = ("_escape", "_high_surrogate", "_in_string", "_inside", "_outside", "rejected")

    def __init__(self, inside: Stage, outside: Stage) -> None:
        self._inside = inside
        self._outside = outside
        self._in_string = False
        self._escape = ""  # an incomplete escape: "\\", "\\u", "\\u0", ...
        self._high_surrogate = ""
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the checked text."""
        pieces: list[str] = []
        position = 0
        while position < len(text) and not self.rejected:
            if self._in_string:
                position = self._feed_string(text, position, pieces)
            else:
                position = self._feed_outside(text, position, pieces)
            self.rejected = self._inside.rejected or self._outside.rejected
        return "".join(pieces)

    def close(self) -> str:
        """The text is complete, even if a string in it is not."""
        return self._close(cut_off=False)

    def close_cut(self) -> str:
        """The text was truncated: its end may continue. In complete JSON it cannot."""
        return self._close(cut_off=True)

    def _close(self, cut_off: bool) -> str:
        if self._in_string:
            pieces: list[str] = []
            self._flush_escape(pieces)
            if not self._inside.rejected:
                pieces.append(_encode(close_stage(self._inside, cut_off)))
            released = "".join(pieces)
        else:
            released = close_stage(self._outside, cut_off)
        self._in_string = False
        self.rejected = self._inside.rejected or self._outside.rejected
        return released

    def held(self) -> str:
        """The held text, encoded as JSON."""
        surrogate = f"\\u{ord(self._high_surrogate):04x}" if self._high_surrogate else ""
        return _encode(self._inside.held()) + surrogate + self._escape + self._outside.held()

    def give_up(self) -> str:
        """Stop waiting for the rest of a string. Numbers and escapes end soon anyway."""
        inside = yielding(self._inside)
        if inside is None or self._escape or self._high_surrogate:
            return ""
        released = _encode(inside.give_up())
        self.rejected = self._inside.rejected
        return released

    def fork(self) -> JsonTextStage:
        """A stage in the same state that reports nothing."""
        copy = JsonTextStage(self._inside.fork(), self._outside.fork())
        copy._in_string, copy._escape, copy._high_surrogate = self._in_string, self._escape, self._high_surrogate
        copy.rejected = self.rejected
        return copy

    def _feed_outside(self, text: str, position: int, pieces: list[str]) -> int:
        quote = text.find('"', position)
        end = len(text) if quote < 0 else quote
        pieces.append(self._outside.feed(text[position:end]))
        if quote < 0:
            return end
        if not self._outside.rejected:
            pieces.append(self._outside.close())
        if not self._outside.rejected:
            pieces.append('"')
            self._in_string = True
        return quote + 1

    def _feed_string(self, text: str, position: int, pieces: list[str]) -> int:
        if self._escape:
            return self._feed_escape(text, position, pieces)
        match = _STRING_EVENT.search(text, position)
        end = match.start() if match else len(text)
        if end > position:
            self._feed_inside(text[position:end], pieces)
        if match is None or self._inside.rejected:
            return end
        if match.group() == "\\":
            self._escape = "\\"
        else:
            self._flush_escape(pieces)
            if not self._inside.rejected:
                pieces.append(_encode(self._inside.close()))
            if not self._inside.rejected:
                pieces.append('"')
                self._in_string = False
        return end + 1

    def _feed_escape(self, text: str, position: int, pieces: list[str]) -> int:
        character = text[position]
        if self._escape == "\\" and character != "u":
            self._escape = ""
            self._feed_inside(_ESCAPES.get(character, "\\" + character), pieces)
            return position + 1
        if self._escape != "\\" and character not in _HEX:
            self._flush_escape(pieces)
            return position
        self._escape += character
        if len(self._escape) == len("\\u0000"):
            self._feed_code_unit(chr(int(self._escape[2:], 16)), pieces)
        return position + 1

    def _feed_code_unit(self, unit: str, pieces: list[str]) -> None:
        self._escape = ""
        if ord(unit) in _HIGH_SURROGATES:
            if self._high_surrogate:
                self._feed_inside("", pieces)
            self._high_surrogate = unit
        elif ord(unit) in _LOW_SURROGATES:
            high, self._high_surrogate = self._high_surrogate, ""
            pair = (high + unit).encode("utf-16-le", "surrogatepass").decode("utf-16-le") if high else _REPLACEMENT
            self._feed_inside(pair, pieces)
        else:
            self._feed_inside(unit, pieces)

    def _feed_inside(self, text: str, pieces: list[str]) -> None:
        if self._high_surrogate:
            text, self._high_surrogate = _REPLACEMENT + text, ""
        pieces.append(_encode(self._inside.feed(text)))

    def _flush_escape(self, pieces: list[str]) -> None:
        """An incomplete escape is treated as text."""
        escape, self._escape = self._escape, ""
        if escape or self._high_surrogate:
            self._feed_inside(escape, pieces)


def _encode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1] if text else ""


def may_hide(texts: Iterable[tuple[TextSource, str]]) -> bool:
    """Whether a JSON text may hide a finding: by an escape, or by a bare control character.

    The stage rewrites a bare control character as an escape even without a finding, so such a text must pass a stage.
    """
    return any(source.kind is Kind.JSON and ("\\" in text or not text.isprintable()) for source, text in texts)
