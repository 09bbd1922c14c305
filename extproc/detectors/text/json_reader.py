"""Incremental JSON validation: whether a streamed text can still become JSON, and finally whether it is.

A model that was asked for JSON is checked while it writes, without keeping the text: the state is the stack of open
arrays and objects, and the position within a token. Source: RFC 8259; nesting above ``DEPTH_MAX`` counts as broken,
since parsers reject it too.
"""

from __future__ import annotations

import re
from enum import IntEnum, auto
from typing import Final

DEPTH_MAX: Final = 128

_BLANKS: Final = frozenset(" \t\n\r")
_STRING_EVENT: Final = re.compile(r'["\\\x00-\x1f]')
_ESCAPES: Final = frozenset('"\\/bfnrt')
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_HEX_DIGITS: Final = 4
_LITERALS: Final = {"t": "rue", "f": "alse", "n": "ull"}
_DIGITS: Final = "0123456789"
# A whole token: punctuation, a string without escapes, a number that ends here, a literal. Most JSON is read this way;
# what
# does not match is read by characters. No repeat can give back what the next part could take: linear.
_TOKEN: Final = re.compile(
    r"[ \t\n\r]*+(?:([\[\]{}:,])|(\"[^\"\\\x00-\x1f]*+\")"
    r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?(?=[\]},: \t\n\r])|true|false|null)"
)
# Allowed next characters in a number, by class of its last one; _NUMBER_ENDS says where it may end.
_NUMBER_NEXT: Final[dict[str, dict[str, str]]] = {
    "sign": {"0": "zero", **dict.fromkeys("123456789", "whole")},
    "zero": {".": "point", "e": "power", "E": "power"},
    "whole": {**dict.fromkeys(_DIGITS, "whole"), ".": "point", "e": "power", "E": "power"},
    "point": dict.fromkeys(_DIGITS, "fraction"),
    "fraction": {**dict.fromkeys(_DIGITS, "fraction"), "e": "power", "E": "power"},
    "power": {**dict.fromkeys(_DIGITS, "exponent"), "+": "power sign", "-": "power sign"},
    "power sign": dict.fromkeys(_DIGITS, "exponent"),
    "exponent": dict.fromkeys(_DIGITS, "exponent"),
}
_NUMBER_ENDS: Final = frozenset({"zero", "whole", "fraction", "exponent"})
_NUMBER_BEGINS: Final = {"-": "sign", **_NUMBER_NEXT["sign"]}


class _At(IntEnum):
    """Parser state; up to NOTHING between tokens."""

    VALUE = auto()
    VALUE_OR_END = auto()  # behind [
    KEY = auto()
    KEY_OR_END = auto()  # behind {
    COLON = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()
    STRING = auto()
    ESCAPE = auto()
    HEX = auto()
    NUMBER = auto()
    LITERAL = auto()
    BROKEN = auto()


class JsonReader:
    """Reads one text. ``blank`` until a character other than white space has arrived."""

    __slots__ = ("_at", "_is_key", "_left", "_number", "_stack", "blank")

    def __init__(self) -> None:
        self._at = _At.VALUE
        self._stack: list[str] = []  # closing brackets of open arrays and objects
        self._is_key = False
        self._left = ""  # rest of a literal, or one character per hexadecimal digit of an escape
        self._number = ""
        self.blank = True

    def feed(self, text: str) -> int:
        """Process the next piece; returns the position of the first invalid character, or -1. [characters]"""
        position = 0
        if self.blank and text and not text.isspace():
            self.blank = False
        while position < len(text):
            if self._at <= _At.NOTHING and (end := self._token(text, position)) > position:
                position = end
                continue
            if self._at is _At.STRING:
                match = _STRING_EVENT.search(text, position)
                if match is None:
                    return -1
                position = match.start()
            if not self._take(text[position]):
                self._at = _At.BROKEN
                return position
            position += 1
        return -1

    def complete(self) -> bool:
        """Whether the text so far is complete JSON."""
        if self._at is _At.NUMBER:
            return not self._stack and self._number in _NUMBER_ENDS
        return self._at is _At.NOTHING

    def copy(self) -> JsonReader:
        """A reader in the same state."""
        other = JsonReader()
        other._at, other._stack, other._is_key = self._at, self._stack.copy(), self._is_key
        other._left, other._number, other.blank = self._left, self._number, self.blank
        return other

    def _token(self, text: str, position: int) -> int:
        """Read a whole token, if one is here and allowed; returns its end, or ``position``. [characters]"""
        match = _TOKEN.match(text, position)
        if match is None:
            return position
        mark, string = match.groups()
        at = self._at
        if mark:
            if not self._may_mark(mark):
                return position
            self._between(mark)
        elif string and at in (_At.KEY, _At.KEY_OR_END):
            self._at = _At.COLON
        elif at in (_At.VALUE, _At.VALUE_OR_END):
            self._end_value()
        else:
            return position
        return match.end()

    def _may_mark(self, mark: str) -> bool:
        at = self._at
        if mark == ":":
            return at is _At.COLON
        if mark == ",":
            return at is _At.COMMA_OR_END
        if mark in "[{":
            return at in (_At.VALUE, _At.VALUE_OR_END) and len(self._stack) < DEPTH_MAX
        return at in (_At.COMMA_OR_END, _At.VALUE_OR_END, _At.KEY_OR_END) and self._stack[-1] == mark

    def _take(self, character: str) -> bool:
        match self._at:
            case _At.STRING:
                return self._in_string(character)
            case _At.ESCAPE:
                return self._in_escape(character)
            case _At.HEX:
                self._left = self._left[1:]
                self._at = _At.HEX if self._left else _At.STRING
                return character in _HEX
            case _At.NUMBER:
                return self._in_number(character)
            case _At.LITERAL:
                expected, self._left = self._left[0], self._left[1:]
                if not self._left:
                    self._end_value()
                return character == expected
        return character in _BLANKS or self._between(character)

    def _in_string(self, character: str) -> bool:
        if character == "\\":
            self._at = _At.ESCAPE
        elif character == '"':
            if self._is_key:
                self._at = _At.COLON
            else:
                self._end_value()
        else:
            return False  # a control character
        return True

    def _in_escape(self, character: str) -> bool:
        if character == "u":
            self._at, self._left = _At.HEX, "u" * _HEX_DIGITS
            return True
        self._at = _At.STRING
        return character in _ESCAPES

    def _in_number(self, character: str) -> bool:
        following = _NUMBER_NEXT[self._number].get(character)
        if following is not None:
            self._number = following
            return True
        if self._number not in _NUMBER_ENDS:
            return False
        self._end_value()
        return character in _BLANKS or self._between(character)

    def _between(self, character: str) -> bool:
        """A non-space character between two tokens."""
        at = self._at
        if at is _At.VALUE or (at is _At.VALUE_OR_END and character != "]"):
            return self._begin_value(character)
        if at is _At.KEY or (at is _At.KEY_OR_END and character != "}"):
            self._at, self._is_key = _At.STRING, True
            return character == '"'
        if at is _At.COLON:
            self._at = _At.VALUE
            return character == ":"
        if at is _At.COMMA_OR_END and character == ",":
            self._at = _At.KEY if self._stack[-1] == "}" else _At.VALUE
            return True
        if at in (_At.COMMA_OR_END, _At.VALUE_OR_END, _At.KEY_OR_END) and character == self._stack[-1]:
            self._stack.pop()
            self._end_value()
            return True
        return False

    def _begin_value(self, character: str) -> bool:
        if character in "[{":
            self._stack.append("]" if character == "[" else "}")
            self._at = _At.VALUE_OR_END if character == "[" else _At.KEY_OR_END
            return len(self._stack) <= DEPTH_MAX
        if character == '"':
            self._at, self._is_key = _At.STRING, False
        elif character in _LITERALS:
            self._at, self._left = _At.LITERAL, _LITERALS[character]
        elif character in _NUMBER_BEGINS:
            self._at, self._number = _At.NUMBER, _NUMBER_BEGINS[character]
        else:
            return False
        return True

    def _end_value(self) -> None:
        self._at = _At.COMMA_OR_END if self._stack else _At.NOTHING
