"""Detects requests for harm, and abuse: two questions, each with a model of its own.

A text without any word of a topic, and without any clear word of abuse, is done: one pattern finds them all. Both
models are linear, over n-grams and over signs, groups of words in many languages. What a request is for decides
(``aims``): to do harm, or to stop it, report it, study it, tell a story of it. For abuse it is of whom a word is said,
and how it is meant (``abuse``). A linear model does not see what is only implied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import re2

from extproc.detectors.answers.refusal import refusal_detector
from extproc.detectors.harm.abuse import CLEAR_WORDS, MEANT, OTHER_WORDS, TARGETS
from extproc.detectors.harm.aims import AIMS
from extproc.detectors.harm.english import PLAIN_ENGLISH
from extproc.detectors.harm.languages import PLAIN_REQUESTS
from extproc.detectors.harm.signs import GroupReader, SignModel, SignTable
from extproc.detectors.harm.topics import CATEGORIES, TOPICS
from extproc.detectors.text.automata import automaton, utf8_options
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.normalize import plain
from extproc.domain.finding import Finding
from extproc.domain.reasons import Reason

REQUEST_GROUPS: Final = (*TOPICS, *AIMS)
ABUSE_GROUPS: Final = (*CLEAR_WORDS, *OTHER_WORDS, *TARGETS, *MEANT)
_IN_ENGLISH: Final = "asked for in plain English"
_ELSEWHERE: Final = "asked for in another language"
REQUEST_TABLE: Final = SignTable(
    (*(group.name for group in REQUEST_GROUPS), _IN_ENGLISH, _ELSEWHERE), len(TOPICS), len(TOPICS), pooled=True
)
ABUSE_TABLE: Final = SignTable(
    tuple(group.name for group in ABUSE_GROUPS), len(CLEAR_WORDS) + len(OTHER_WORDS), len(CLEAR_WORDS), pooled=False
)
_TOPIC_BITS: Final = (1 << len(TOPICS)) - 1
_ASKING_BITS: Final = sum(
    1 << place for place, group in enumerate(REQUEST_GROUPS) if group.name in ("asks how", "orders", "of oneself")
)
_AUTOMATON_BYTES_MAX: Final = 8 << 20
_ABUSE_CATEGORY: Final = "hate"
_ABUSE_READER: Final = "harm.abuse"
_NEAR_ABUSE: Final = sum(1 << CATEGORIES.index(name) for name in ("hate", "sexual", "violence", "self_harm"))
"""Topics of texts that may be abuse without a clear word of it."""
_NGRAMS_SHOWN: Final = 6
SIGNS_MIN: Final = 0.5
"""Log odds from which on n-grams are read: below are half of honest sentences on a topic, and 4 % of what is found."""


class HarmModels(NamedTuple):
    """A model for each question: n-grams with the bias, and signs."""

    requests: NgramModel
    request_signs: SignModel
    abuse: NgramModel
    abuse_signs: SignModel

    @classmethod
    def shipped(cls) -> HarmModels:
        """Those of the package."""
        return cls(
            NgramModel.shipped("harm"),
            SignModel.shipped("harm", REQUEST_TABLE),
            NgramModel.shipped("abuse"),
            SignModel.shipped("abuse", ABUSE_TABLE),
        )


class SignsOfRequests:
    """Reads what a text asks for: topics, aims, and plain requests."""

    def __init__(self) -> None:
        options = utf8_options(_AUTOMATON_BYTES_MAX)
        self._reader = GroupReader(REQUEST_GROUPS)
        self._english = re2.compile(PLAIN_ENGLISH.encode(), options)
        self._wanted = automaton([request.wanted for request in PLAIN_REQUESTS], options)
        self._asked = automaton([request.asked for request in PLAIN_REQUESTS], options)

    def read(self, plain_utf8: bytes) -> int:
        """The bits of ``REQUEST_TABLE``."""
        found = self._reader.read(plain_utf8)
        if found & _TOPIC_BITS and found & _ASKING_BITS:
            if self._english.search(plain_utf8):
                found |= 1 << REQUEST_TABLE.names.index(_IN_ENGLISH)
            if set(self._wanted.Match(plain_utf8) or ()).intersection(self._asked.Match(plain_utf8) or ()):
                found |= 1 << REQUEST_TABLE.names.index(_ELSEWHERE)
        return found

    def words_of(self, plain_utf8: bytes, found: int) -> list[str]:
        """The words of some groups in a text."""
        return self._reader.words_of(plain_utf8, found)


@cache
def signs_of_requests() -> SignsOfRequests:
    """One for all detectors: it does not depend on their configuration."""
    return SignsOfRequests()


@cache
def signs_of_abuse() -> GroupReader:
    """The same for abuse."""
    return GroupReader(ABUSE_GROUPS)


@cache
def clear_words() -> GroupReader:
    """The words of abuse of which one is enough for a closer look."""
    return GroupReader(CLEAR_WORDS)


@cache
def gate_of(categories: tuple[str, ...]) -> GroupReader:
    """The words of which a text must have one to be judged at all."""
    topics = [group for group in TOPICS if group.name in categories]
    return GroupReader([*topics, *(CLEAR_WORDS if _ABUSE_CATEGORY in categories else ())])


@cache
def _shipped() -> HarmModels:
    return HarmModels.shipped()


class HarmDetector:
    """Checks windows of a text for some categories.

    Args:
        categories: of ``topics.CATEGORIES``.
        threshold: lowest score of a finding, 0 to 1; at .5 about one benign text in a hundred is a false positive.
    """

    def __init__(self, categories: Sequence[str], threshold: float, models: HarmModels | None = None) -> None:
        self._threshold = threshold
        self._models = models or _shipped()
        self._judged = sum(1 << place for place, name in enumerate(CATEGORIES) if name in categories)
        self._judges_abuse = _ABUSE_CATEGORY in categories
        self._gate = gate_of(tuple(categories))
        self._refusals = refusal_detector()

    def might_match(self, text: str) -> bool:
        """Prefilter: whether a text contains any word that a finding needs. One pass."""
        return self._gate.any(plain(text).encode("utf-8"))

    def find(self, text: str, of_model: bool = False) -> Finding | None:
        """The worst finding in a window of up to some hundred characters, if its score reaches the threshold.

        The finding's span is the whole window, since a model's evidence is spread over it.

        Args:
            of_model: text of a language model; it often names what it refuses to do, and that is no request.
        """
        kind, score, reader = max(self.scores(text, of_model), key=lambda reading: reading[1], default=("", -1.0, ""))
        return None if score < self._threshold else Finding(kind, 0, len(text), score, reader)

    def scores(self, text: str, of_model: bool = False) -> list[tuple[str, float, str]]:
        """Kind, score and reader of each reading that the words of a window suggest."""
        plain_utf8 = plain(text).encode("utf-8")
        if not self._gate.any(plain_utf8):
            return []
        readings: list[tuple[str, float, str]] = []
        found = signs_of_requests().read(plain_utf8)
        topics = found & self._judged
        signs = self._models.request_signs.log_odds(found) if topics else 0.0
        if topics and signs >= SIGNS_MIN and not (of_model and self._refusals.refuses(plain_utf8)):
            kind = CATEGORIES[(topics & -topics).bit_length() - 1].upper()
            readings.append((kind, _chance(signs + self._models.requests.log_odds(plain_utf8)), "harm.requests"))
        if self._judges_abuse and (topics & _NEAR_ABUSE or clear_words().any(plain_utf8)):
            found = signs_of_abuse().read(plain_utf8)
            log_odds = self._models.abuse.log_odds(plain_utf8) + self._models.abuse_signs.log_odds(found)
            readings.append((_ABUSE_CATEGORY.upper(), _chance(log_odds), _ABUSE_READER))
        return readings

    def reasons(self, text: str, finding: Finding) -> list[Reason]:
        """What led to a finding in this window: words, signs, n-grams. Not for the path."""
        plain_utf8 = plain(text).encode("utf-8")
        models = self._models
        if finding.detector == _ABUSE_READER:
            found = signs_of_abuse().read(plain_utf8)
            words = signs_of_abuse().words_of(plain_utf8, found & ((1 << ABUSE_TABLE.words) - 1))
            signs, ngrams = models.abuse_signs, models.abuse
        else:
            found = signs_of_requests().read(plain_utf8)
            words = signs_of_requests().words_of(plain_utf8, found & _TOPIC_BITS)
            signs, ngrams = models.request_signs, models.requests
        parts = [(name, weight) for name, weight in signs.parts(found) if weight > 0][:_NGRAMS_SHOWN]
        shown = ngrams.contributions(plain_utf8)[:_NGRAMS_SHOWN]
        return [
            *(Reason("words", word) for word in words),
            *(Reason("pattern", name, weight) for name, weight in parts),
            *(Reason("n-gram", part.ngram, part.log_odds) for part in shown if part.log_odds > 0),
        ]


def _chance(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -50.0 else 0.0
