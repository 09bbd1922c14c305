"""Matches lists of words and phrases as whole words, in any disguise that the plain form undoes, at constant cost.

A text is read as *tokens*: words of its plain form (letters and digits), and single characters of scripts without
spaces. A phrase is a sequence of tokens; the text between them does not matter, up to ``GAP_CHARS_MAX`` non-token
characters: ``project falcon`` also matches ``Project-Falcon``. A trailing ``*`` on a word matches any ending. Words are
looked up, not searched for, so that thousands of phrases cost the same as one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from extproc.detectors.text.normalize import plain, plain_with_places
from extproc.detectors.text.scanned import Scanned

GAP_CHARS_MAX: Final = 8
"""Maximum characters of the plain form between two tokens of a phrase."""

SPAN_CHARS_MAX: Final = 1_024
"""Maximum characters of one match: bounds what is kept, far above any phrase."""

# Scripts without spaces, and Hangul, where particles stick to a word: each character is a token.
_SINGLES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN: Final = re.compile(f"[{_SINGLES}]|[^\\W_{_SINGLES}]+")
_SINGLE: Final = re.compile(f"[{_SINGLES}]")
_BLANKED: Final = {code: " " for code in range(128) if not chr(code).isalnum()}


class Match(NamedTuple):
    """A match: its phrase and position. [characters]"""

    start: int
    end: int
    phrase: int

    def moved(self, chars: int) -> Match:
        """The same span in a text that has this many characters more at its start."""
        return Match(self.start + chars, self.end + chars, self.phrase)


class _Node:
    """A common prefix of phrases: the tokens that may follow, and the phrase that is complete here."""

    __slots__ = ("phrase", "sorted_stems", "sorted_words", "stem_chars", "stems", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.stems: dict[str, _Node] = {}
        self.phrase = -1
        self.sorted_words: list[str] = []
        self.sorted_stems: list[str] = []
        self.stem_chars: tuple[int, ...] = ()

    def seal(self) -> None:
        """All phrases are added: prepare for ``may_become``."""
        self.sorted_words, self.sorted_stems = sorted(self.words), sorted(self.stems)
        self.stem_chars = tuple(sorted({len(stem) for stem in self.stems}))
        for node in (*self.words.values(), *self.stems.values()):
            node.seal()

    def after(self, token: str) -> list[_Node]:
        """The node after a complete token."""
        reached = [self.words[token]] if token in self.words else []
        return reached + [self.stems[token[:chars]] for chars in self.stem_chars if token[:chars] in self.stems]

    def may_become(self, begun: str) -> bool:
        """Whether a word with this beginning may lead anywhere."""
        if _is_beginning(begun, self.sorted_words) or _is_beginning(begun, self.sorted_stems):
            return True
        return any(begun[:chars] in self.stems for chars in self.stem_chars)


def _is_beginning(begun: str, words: list[str]) -> bool:
    place = bisect_left(words, begun)
    return place < len(words) and words[place].startswith(begun)


class PhraseBook:
    """Compiled phrases.

    Args:
        phrases: each with at least one letter or digit.
        every: find every match of every phrase; otherwise, from the left, the first complete one, without overlaps.
    Raises: ValueError for a phrase without a token.
    """

    def __init__(self, phrases: Sequence[str], *, every: bool = False) -> None:
        self.every = every
        self.root = _Node()
        self._rare_words: set[str] = set()
        self._rare_stems: dict[int, set[str]] = {}
        for number, phrase in enumerate(phrases):
            self._add(tokens_of(phrase), number)
        self.root.seal()

    def _add(self, tokens: list[str], number: int) -> None:
        if not tokens:
            raise ValueError("a phrase has no letter and no digit")
        node = self.root
        for token in tokens:
            branch = node.stems if token.endswith("*") else node.words
            node = branch.setdefault(token.rstrip("*"), _Node())
        if node.phrase < 0:
            node.phrase = number
        rarest = max(tokens, key=len)
        if rarest.endswith("*"):
            self._rare_stems.setdefault(len(rarest) - 1, set()).add(rarest[:-1])
        else:
            self._rare_words.add(rarest)

    def might_match(self, text: str) -> bool:
        """Prefilter: False only if the text contains no phrase; one look at its words, for any number of phrases."""
        plain_text = plain(text)
        words = plain_text.translate(_BLANKED).split() if plain_text.isascii() else _TOKEN.findall(plain_text)
        if not self._rare_words.isdisjoint(words):
            return True
        different = set(words) if self._rare_stems else ()
        return any(
            not stems.isdisjoint([word[:chars] for word in different]) for chars, stems in self._rare_stems.items()
        )

    def find(self, text: str) -> list[Match]:
        """Matches in a whole text, in the order of their ends."""
        return PhraseScan(self).push(text, closing=True).found if self.might_match(text) else []


def tokens_of(phrase: str) -> list[str]:
    """The comparison key of a phrase: phrases with the same tokens are equal."""
    tokens: list[str] = []
    plain_phrase = plain(phrase)
    for match in _TOKEN.finditer(plain_phrase):
        stem = plain_phrase.startswith("*", match.end())
        tokens.append(match.group() + "*" * stem)
    return tokens


def count_words(text: str) -> int:
    """Number of tokens in a text."""
    return len(_TOKEN.findall(plain(text)))


class PhraseScan:
    """Searches for phrases in streamed text. ``undecided`` is the possible beginning of one."""

    __slots__ = ("_book", "_in_word", "_skipped", "undecided")

    def __init__(self, book: PhraseBook) -> None:
        self._book = book
        self._in_word = False  # the text before ``undecided`` ends in the middle of a word
        self._skipped = 0  # characters of the plain form of ``undecided`` that are settled, for example of a ligature
        self.undecided = ""

    def copy(self) -> PhraseScan:
        """A scan in the same state."""
        other = PhraseScan(self._book)
        other._in_word, other._skipped, other.undecided = self._in_word, self._skipped, self.undecided
        return other

    def push(self, text: str, *, closing: bool = False) -> Scanned[Match]:
        """Process the next piece; with ``closing`` the text is complete, and another one may follow."""
        whole = self.undecided + text
        view = _View(whole, closing, self._in_word, self._skipped)
        open_token, matches = self._every(view) if self._book.every else self._from_the_left(view)
        settled = len(whole) if open_token is None else view.start_of(open_token)
        self.undecided = whole[settled:]
        self._skipped = 0 if open_token is None else view.skipped_before(open_token)
        self._in_word = not closing and open_token is None and view.ends_in_word
        return Scanned(whole, matches, settled)

    def _from_the_left(self, view: _View) -> tuple[int | None, list[Match]]:
        matches: list[Match] = []
        done = 0
        for first in self._promising(view):
            start = view.start_of(first)
            if start < done:
                continue
            found, undecided = self._walk(view, first, start)
            if found:
                matches.append(found[0])
                done = found[0].end
            elif undecided:
                return first, matches
        return None, matches

    def _every(self, view: _View) -> tuple[int | None, list[Match]]:
        matches: list[Match] = []
        open_token: int | None = None
        for first in self._promising(view):
            start = view.start_of(first)
            found, undecided = self._walk(view, first, start)
            matches += found
            if undecided and open_token is None:
                open_token = first
        return open_token, sorted(matches, key=lambda match: (match.end, match.start))

    def _promising(self, view: _View) -> Iterator[int]:
        """Tokens that may begin a phrase: most do not, and are not examined further."""
        root = self._book.root
        words, stems, stem_chars = root.words, root.stems, root.stem_chars
        for number in view.first_tokens:
            if number >= view.complete_tokens:
                yield number
                continue
            token = view.token(number)
            if token in words or (stem_chars and any(token[:chars] in stems for chars in stem_chars)):
                yield number

    def _walk(self, view: _View, first: int, start: int) -> tuple[list[Match], bool]:
        """The phrases that begin with a token, shortest first, and whether more of them may follow."""
        found: list[Match] = []
        nodes = [self._book.root]
        number = first
        undecided = False
        while nodes and (number == first or view.gap_before(number) <= GAP_CHARS_MAX):
            if number >= view.complete_tokens:
                undecided = view.may_go_on(nodes, number)
                break
            nodes = [after for node in nodes for after in node.after(view.token(number))]
            for node in nodes:
                if node.phrase >= 0 and view.end_of(number) - start <= SPAN_CHARS_MAX:
                    found.append(Match(start, view.end_of(number), node.phrase))
            number += 1
        return found, undecided and len(view.text) - start <= SPAN_CHARS_MAX


class _View:
    """A piece of text as tokens of its plain form, each with its position in the text."""

    __slots__ = ("_closing", "_places", "_plain", "_spans", "complete_tokens", "ends_in_word", "first_tokens", "text")

    def __init__(self, text: str, closing: bool, in_word: bool, skipped: int) -> None:
        self.text = text
        self._closing = closing
        self._plain, self._places = plain_with_places(text)
        self._spans = [match.span() for match in _TOKEN.finditer(self._plain)]
        self.ends_in_word = in_word if not self._plain else self._open_word()
        self.complete_tokens = len(self._spans) - (not closing and bool(self._spans) and self.ends_in_word)
        goes_on = in_word and bool(self._spans) and self._spans[0][0] == 0 and not _SINGLE.match(self._plain)
        first = bisect_left(self._spans, (skipped, 0)) if skipped else int(goes_on)
        self.first_tokens: Iterable[int] = range(first, len(self._spans))

    def _open_word(self) -> bool:
        return bool(self._spans) and self._spans[-1][1] == len(self._plain) and not _SINGLE.match(self._plain[-1])

    def token(self, number: int) -> str:
        first, end = self._spans[number]
        return self._plain[first:end]

    def start_of(self, number: int) -> int:
        """Start of a token in the text."""
        return self._places[self._spans[number][0]]

    def end_of(self, number: int) -> int:
        """Its end: a word ends before the next character that the plain form keeps, which alone reveals its end."""
        end = self._spans[number][1]
        behind = self._places[end - 1] + 1
        return behind if _SINGLE.match(self._plain, end - 1) else max(self._places[end], behind)

    def skipped_before(self, number: int) -> int:
        """Characters of the plain form before a token that come from the same character of the text."""
        begin = self._spans[number][0]
        return begin - bisect_left(self._places, self._places[begin])

    def gap_before(self, number: int) -> int:
        """Characters of the plain form before a token that may still arrive."""
        begin = self._spans[number][0] if number < len(self._spans) else len(self._plain)
        return begin - self._spans[number - 1][1]

    def may_go_on(self, nodes: list[_Node], number: int) -> bool:
        """Whether following text may continue from any of the nodes."""
        if self._closing:
            return False
        if number == len(self._spans):
            return any(node.words or node.stems for node in nodes)
        return any(node.may_become(self.token(number)) for node in nodes)
