"""Detects attempts to override, extract or disable a model's instructions: one score from patterns and a linear model.

Patterns over the plain form find explicit attempts, with their position. An n-gram model knows what such texts have in
common. Neither detects a polite instruction hidden in a document: keep data and instructions apart, and treat the score
as a signal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from extproc.detectors.injection.patterns import COMPACT_PATTERNS, FAMILIES, FAMILIES_EXPECTED, SPACED_PATTERNS
from extproc.detectors.injection.rules import Mentions, PatternSet
from extproc.detectors.injection.signs import Opened, SignReader
from extproc.detectors.text.hidden_text import hidden_texts, lacks_vowels, looks_backwards, may_hide
from extproc.detectors.text.ngram_model import NgramModel, fold
from extproc.detectors.text.normalize import (
    compact,
    is_broken,
    is_leetspeak,
    is_spaced,
    original_span,
    plain,
    spelled_right,
    unleet,
    unparted,
    unspaced,
)
from extproc.domain.finding import Finding
from extproc.domain.pace import UNHURRIED, Pace
from extproc.domain.reasons import Reason

SCORE_MIN: Final = 0.5
WINDOW_CHARACTERS: Final = 16_384
WINDOW_OVERLAP_CHARACTERS: Final = 512
KIND: Final = "PROMPT_INJECTION"
_SPACED_FAMILY_PATTERNS: Final = 12

_PATTERN_LOG_ODDS: Final = 3.0
"""What a pattern's full weight adds to the model's log odds; the best of 3, 3.5 and 4 on sources left out."""
_PATTERN_WEIGHT_MIN: Final = 0.4
"""From this weight on, a model that knows few attacks in a language speaks against a pattern no more."""
_MODEL_BYTES_MIN: Final = 24
"""Shorter texts are only a word or three: the model would confuse the topic with the act."""

_LOG_ODDS_AT_HALF: Final = 2.1
"""Log odds that map to score one half: of sources left out, 1 honest text in 1,000 scores higher (macro mean)."""

_DOUBLING_LOG_ODDS: Final = 0.2
"""What each doubling of the length takes away: a long text has more windows, each another chance of a false alarm."""
_DOUBLED_BYTES: Final = 160


_REPEATS_LOG_ODDS: Final = 0.5
"""Below the lowest reported score: most benign text needs no second reading."""

_JOINED_LOG_ODDS_AT_HALF: Final = 0.3
"""The same for texts without blanks: 1 honest one in 100 scores higher, and many a chat has words as short."""

_JOINED_BYTES_MIN: Final = 12

_NGRAMS_SHOWN: Final = 6
_PATTERNS_SHOWN: Final = 4
_READING_CHARS_SHOWN: Final = 200


class _Look(NamedTuple):
    """The score of one reading of a text."""

    score: float
    pattern: int = -1  # the matching pattern, if patterns decided
    start: int = 0  # the worst window, if the model decided [bytes of the folded form]
    end: int = 0


class InjectionDetector:
    """Detects prompt injection and jailbreak attempts in some thirty languages and in common disguises."""

    def __init__(self, model: NgramModel | None = None, joined_model: NgramModel | None = None) -> None:
        """Without a model, patterns decide alone; ``joined_model`` reads text without blanks."""
        self._model = model
        self._joined_model = joined_model
        self._signs = SignReader(FAMILIES, COMPACT_PATTERNS)
        self._patterns = PatternSet(FAMILIES, expected=FAMILIES_EXPECTED)
        self._compact_patterns = PatternSet([COMPACT_PATTERNS], expected=1)
        self._spaced_patterns = PatternSet(
            [
                SPACED_PATTERNS[first : first + _SPACED_FAMILY_PATTERNS]
                for first in range(0, len(SPACED_PATTERNS), _SPACED_FAMILY_PATTERNS)
            ]
        )
        self._mentions = Mentions()

    @classmethod
    def shipped(cls) -> Self:
        """With the packaged models."""
        return cls(NgramModel.shipped("injection"), NgramModel.shipped("injection_joined"))

    def find(
        self, text: str, score_min: float = SCORE_MIN, score_enough: float = SCORE_MIN, pace: Pace = UNHURRIED
    ) -> list[Finding]:
        """At most one finding (of at least ``score_min``) per window of the text, in order.

        The span is the match or the worst part, if it maps back to the text; it is the whole window for
        anything found only after joining blanks, correcting words or decoding. Linear in the length; texts
        above ``WINDOW_CHARACTERS`` are read in overlapping windows, so that memory stays bounded and distant
        weak signals do not add up.

        Args:
            score_min: lowest score that is reported.
            score_enough: no further readings of a window are tried from this score on.
            pace: called before each window but the first.
        Raises: TextTooCostly, Abandoned, as the pace does.
        """
        found: list[Finding] = []
        for begin, window in _windows(text):
            if begin:
                pace.check()
            finding = self._find_in_window(window, begin, score_min, score_enough)
            if finding is not None:
                found.append(finding)
        return found

    def reasons(self, text: str, finding: Finding) -> list[Reason]:
        """What led to a finding of ``find`` in this text: how it was read, which patterns and n-grams counted.

        The weight of a pattern is its probability, that of an n-gram its part of the log odds. Not for the path.
        """
        begin, window = next(one for one in _windows(text) if finding.start < one[0] + len(one[1]))
        plain_text = plain(window[max(0, finding.start - begin - WINDOW_OVERLAP_CHARACTERS) :])
        how = finding.detector.removeprefix("injection.")
        if how in ("patterns", "model"):
            plain_text = self._mentions.without(plain_text)
            return self._causes(plain_text)
        readings = self._readings(how, window, plain(window))
        causes = [
            (self._causes(reading) if " " in reading or how == "parted" else self._causes_joined(how, reading), reading)
            for reading in readings
        ]
        best, reading = max(
            causes, key=lambda one: sum([cause.weight or 0.0 for cause in one[0]], 0.0), default=([], "")
        )
        said = f"{how}: {reading[:_READING_CHARS_SHOWN]}" if reading else how
        return [Reason("reading", said), *best]

    def _causes(self, plain_text: str) -> list[Reason]:
        """The patterns that match a reading, and the n-grams of its worst part."""
        plain_utf8 = plain_text.encode("utf-8")
        matched = self._patterns.matched(plain_text, self._signs.read(plain_utf8).families)
        causes = [Reason("pattern", said, weight) for said, weight in matched[:_PATTERNS_SHOWN]]
        if self._model is None or len(plain_utf8) < _MODEL_BYTES_MIN:
            return causes
        best = self._model.best(plain_utf8, narrow=True, repeats_from=_REPEATS_LOG_ODDS)
        if best.log_odds < _REPEATS_LOG_ODDS:  # it would not count alone
            return causes
        return causes + _strongest(self._model, plain_utf8, best.start, best.end)

    def _causes_joined(self, how: str, joined: str) -> list[Reason]:
        """The same for a reading without blanks."""
        patterns = self._spaced_patterns if how == "spaced" else self._compact_patterns
        matched = patterns.matched(joined)[:_PATTERNS_SHOWN]
        causes = [Reason("pattern", said, weight) for said, weight in matched]
        if how not in ("spaced", "broken") or self._joined_model is None:
            return causes
        return causes + _strongest(self._joined_model, joined.encode("utf-8"))

    def _readings(self, how: str, window: str, plain_text: str) -> list[str]:
        """The texts that a disguise may stand for."""
        plain_utf8 = plain_text.encode("utf-8")
        undone = {
            "joined": (compact,),
            "spaced": (unspaced, compact),
            "broken": (compact,),
            "leetspeak": (unleet, lambda written: compact(unleet(written))),
            "misspelled": (spelled_right,),
            "parted": (unparted,),
        }
        if how in undone:
            return [undo(plain_utf8).decode("utf-8", "replace") for undo in undone[how]]
        return [plain(hidden) for method, hidden in hidden_texts(window, True, True) if method == how]

    def _find_in_window(self, window: str, begin: int, score_min: float, score_enough: float) -> Finding | None:
        plain_text = plain(window)
        plain_utf8 = plain_text.encode("utf-8")
        opened = self._signs.read(plain_utf8)
        look = self._look(plain_utf8, opened)
        if look.score >= score_min and (spoken := self._mentions.without(plain_text)) != plain_text:
            plain_text = spoken
            plain_utf8 = plain_text.encode("utf-8")
            opened = self._signs.read(plain_utf8)
            look = self._look(plain_utf8, opened)
        best, how = look.score, ""
        if best < score_enough:
            for disguise, score in self._disguised(window, plain_utf8, opened):
                if score > best:
                    best, how = score, disguise
                    if best >= score_enough:
                        break
        if best < score_min:
            return None
        first, end = (0, len(window)) if how else self._span(window, plain_text, plain_utf8, look)
        how = how or ("patterns" if look.pattern >= 0 else "model")
        return Finding(KIND, begin + first, begin + end, best, f"injection.{how}")

    def _look(self, plain_utf8: bytes, opened: Opened) -> _Look:
        """Combined score of patterns and model for one reading."""
        weight, pattern = self._patterns.score(plain_utf8, opened.families) if opened.families else (0.0, -1)
        if self._model is None or len(plain_utf8) < _MODEL_BYTES_MIN:
            return _Look(weight, pattern)
        folded = fold(plain_utf8)
        log_odds, start, end = self._model.best_of_folded(folded, narrow=True, repeats_from=_REPEATS_LOG_ODDS)
        if weight >= _PATTERN_WEIGHT_MIN:
            log_odds = max(0.0, log_odds)
        log_odds += _PATTERN_LOG_ODDS * weight - _doubt_of_length(len(folded)) - _LOG_ODDS_AT_HALF
        return _Look(_share(log_odds), pattern if weight >= SCORE_MIN else -1, start, end)

    def _span(self, window: str, plain_text: str, plain_utf8: bytes, look: _Look) -> tuple[int, int]:
        if look.pattern >= 0:
            return original_span(window, *self._patterns.span(look.pattern, plain_text))
        if len(plain_text) == len(plain_utf8) == len(fold(plain_utf8)):
            return original_span(window, look.start, look.end)
        return 0, len(window)

    def _disguised(self, window: str, plain_utf8: bytes, opened: Opened) -> Iterator[tuple[str, float]]:
        if opened.joined:
            yield "joined", self._compact_patterns.score(compact(plain_utf8))[0]
        if opened.maybe_spaced and is_spaced(plain_utf8):
            joined = compact(plain_utf8)
            yield "spaced", self._spaced_patterns.score(joined)[0]
            yield "spaced", self._joined_score(joined)
            if (words := unspaced(plain_utf8)) != joined:
                yield "spaced", self._look(words, self._signs.read(words)).score
        elif is_broken(plain_utf8):
            score = self._joined_score(compact(plain_utf8))
            yield "broken", score if score >= SCORE_MIN else 0.0  # much benign text has short words too
        if opened.parted:
            words = unparted(plain_utf8)
            yield "parted", self._look(words, self._signs.read(words)).score
        if opened.leetspeak:
            letters = unleet(plain_utf8)
            read_as_letters = self._signs.read(letters)
            if is_leetspeak(plain_utf8):
                yield "leetspeak", self._look(letters, read_as_letters).score
            else:
                yield "leetspeak", self._patterns.score(letters, read_as_letters.families)[0]
            if read_as_letters.joined:
                yield "leetspeak", self._compact_patterns.score(compact(letters))[0]
        if opened.misspelled and (words := spelled_right(plain_utf8)) != plain_utf8:
            yield "misspelled", self._look(words, self._signs.read(words)).score
        rotated = opened.turned or lacks_vowels(plain_utf8)
        backwards = opened.turned or looks_backwards(window)
        if rotated or backwards or may_hide(window):
            for how, hidden in hidden_texts(window, rotated, backwards):
                hidden_utf8 = plain(hidden).encode("utf-8")
                yield how, self._look(hidden_utf8, self._signs.read(hidden_utf8)).score

    def _joined_score(self, joined: bytes) -> float:
        if self._joined_model is None or len(joined) < _JOINED_BYTES_MIN:
            return 0.0
        return _share(self._joined_model.log_odds(joined) - _JOINED_LOG_ODDS_AT_HALF)


def _strongest(model: NgramModel, plain_utf8: bytes, start: int = 0, end: int = WINDOW_CHARACTERS) -> list[Reason]:
    parts = model.contributions(plain_utf8, start, end)[:_NGRAMS_SHOWN]
    return [Reason("n-gram", part.ngram, part.log_odds) for part in parts if part.log_odds > 0]


def _doubt_of_length(length_bytes: int) -> float:
    return _DOUBLING_LOG_ODDS * math.log2(max(length_bytes, _DOUBLED_BYTES) / _DOUBLED_BYTES)


def _share(log_odds: float) -> float:
    return round(1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, log_odds)))), 4)


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Offset and text of each window; the whole text if it is short enough."""
    begin = 0
    while begin + WINDOW_CHARACTERS < len(text):
        yield begin, text[begin : begin + WINDOW_CHARACTERS]
        begin += WINDOW_CHARACTERS - WINDOW_OVERLAP_CHARACTERS
    yield begin, text[begin:]
