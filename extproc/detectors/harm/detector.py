"""Detects requests for harm, and abuse: words first, then a linear model that decides about intent.

Three readers, cheapest first. One automaton searches for the topics of all categories: a text without any is done.
Abuse is scored by weighted words. A request is scored by an n-gram model trained on benign and harmful texts about the
same topics; in languages it was not trained on, by verb and object near words that ask for instructions. The model is
linear: it does not see what is only implied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import re2

from extproc.detectors.answers.refusal import refusal_detector
from extproc.detectors.harm.english import PLAIN_ENGLISH
from extproc.detectors.harm.languages import PLAIN_REQUESTS
from extproc.detectors.harm.lexicon import ABUSE, CATEGORIES, TOPIC_WORDS
from extproc.detectors.text.automata import automaton, utf8_options
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.normalize import plain
from extproc.domain.finding import Finding
from extproc.domain.reasons import Reason

PLAIN_REQUEST_SCORE = 0.8
_PLAIN_ENGLISH_LOG_ODDS = 2.0
"""What a request in plain English adds to the model's score; calibrated on sources that it was not trained on."""
_AUTOMATON_BYTES_MAX = 8 << 20
_NEVER = r"[^\x00-\x{10FFFF}]"  # never matches; replaces a disabled pattern
_ABUSE_CATEGORY = "hate"
_ABUSE_READER = "harm.abuse"
_NGRAMS_SHOWN = 6


class HarmDetector:
    """Checks windows of a text for some categories.

    Args:
        categories: of ``harm_lexicon.CATEGORIES``.
        threshold: lowest score of a finding, 0 to 1; at .5 about one benign text in a hundred is a false positive.
    """

    def __init__(self, categories: Sequence[str], threshold: float, model: NgramModel | None = None) -> None:
        self._threshold = threshold
        self._model = model or NgramModel.shipped("harm")
        self._categories = [category for category in CATEGORIES if category in categories]
        self._kinds = [category.upper() for category in self._categories]
        requests = [request for request in PLAIN_REQUESTS if request.category in categories]
        topics = [rf"\b(?:{TOPIC_WORDS[category]})\b" for category in self._categories]
        abuse = [rf"\b(?:{words})\b" for _, words in ABUSE] if _ABUSE_CATEGORY in categories else []
        self._abuse_weights = [weight for weight, _ in ABUSE]
        options = utf8_options(_AUTOMATON_BYTES_MAX)
        self._abuse = automaton(abuse, options)
        self._wanted = automaton([request.wanted for request in requests], options)
        self._asked = automaton([request.asked for request in requests], options)
        self._request_kinds = [request.category.upper() for request in requests]
        wanted = sorted({request.wanted for request in requests})
        self._topics = automaton([*topics, "|".join(abuse) or _NEVER, "|".join(wanted) or _NEVER], options)
        self._abuse_place = len(topics)
        self._english = automaton([PLAIN_ENGLISH], options)
        self._refusals = refusal_detector()

    def might_match(self, text: str) -> bool:
        """Prefilter: whether a text contains any word that a finding needs. One pass."""
        return bool(self._topics.Match(plain(text).encode("utf-8")))

    def find(self, text: str, of_model: bool = False) -> Finding | None:
        """The worst finding in a window of up to some hundred characters, if its score reaches the threshold.

        The finding's span is the whole window, since a model's evidence is spread over it.

        Args:
            of_model: text of a language model; it often names what it refuses to do, and that is no request.
        """
        plain_utf8 = plain(text).encode("utf-8")
        found = self._topics.Match(plain_utf8)
        if not found:
            return None
        kind, score, reader = max(self._readings(plain_utf8, sorted(found)), key=lambda reading: reading[1])
        if score < self._threshold:
            return None
        if of_model and reader != _ABUSE_READER and self._refusals.refuses(plain_utf8):
            return None
        return Finding(kind, 0, len(text), score, reader)

    def reasons(self, text: str, finding: Finding) -> list[Reason]:
        """What led to a finding in this window: words, patterns, n-grams. Not for the path."""
        plain_text = plain(text)
        if finding.detector == _ABUSE_READER:
            return [
                Reason("words", match.group(), weight)
                for weight, words in ABUSE
                for match in [re2.search(rf"\b(?:{words})\b", plain_text)]
                if match is not None
            ]
        if finding.detector == "harm.requests":
            return [
                Reason("pattern", match.group())
                for request in PLAIN_REQUESTS
                if request.category == finding.kind.lower()
                for match in [re2.search(request.asked, plain_text), re2.search(request.wanted, plain_text)]
                if match is not None
            ]
        topic = re2.search(rf"\b(?:{TOPIC_WORDS[finding.kind.lower()]})\b", plain_text)
        causes = [] if topic is None else [Reason("words", topic.group())]
        asked = re2.search(PLAIN_ENGLISH, plain_text)
        if asked is not None:
            causes.append(Reason("pattern", asked.group(), _PLAIN_ENGLISH_LOG_ODDS))
        parts = self._model.contributions(plain_text.encode("utf-8"))[:_NGRAMS_SHOWN]
        return causes + [Reason("n-gram", part.ngram, part.log_odds) for part in parts if part.log_odds > 0]

    def _readings(self, plain_utf8: bytes, found: list[int]) -> Iterable[tuple[str, float, str]]:
        """Kind, score and reader of each reading that the words suggest."""
        if found[0] < self._abuse_place:
            yield self._kinds[found[0]], self._request_score(plain_utf8), "harm.ngrams"
        if self._abuse_place in found:
            yield _ABUSE_CATEGORY.upper(), self._abuse_score(plain_utf8), _ABUSE_READER
        if found[-1] > self._abuse_place:
            yield self._plain_request(plain_utf8)

    def _request_score(self, plain_utf8: bytes) -> float:
        log_odds = self._model.log_odds(plain_utf8)
        if log_odds >= -_PLAIN_ENGLISH_LOG_ODDS and self._english.Match(plain_utf8):
            log_odds += _PLAIN_ENGLISH_LOG_ODDS
        return _chance(log_odds)

    def _abuse_score(self, plain_utf8: bytes) -> float:
        doubt: float = math.prod(1.0 - self._abuse_weights[index] for index in self._abuse.Match(plain_utf8) or ())
        return 1.0 - doubt

    def _plain_request(self, plain_utf8: bytes) -> tuple[str, float, str]:
        asked = self._asked.Match(plain_utf8)
        both = set(asked or ()).intersection(self._wanted.Match(plain_utf8) or ())
        if not both:
            return "", 0.0, ""
        return self._request_kinds[min(both)], PLAIN_REQUEST_SCORE, "harm.requests"


def _chance(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -50.0 else 0.0
