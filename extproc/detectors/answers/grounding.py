"""Detects content of an answer that its documents lack, or say otherwise.

Signals, and no more than signals: *items* (numbers, numeric dates, names, web addresses, citations) that do not occur
in the request; the share of new *words*; and sentences that *contradict* the sentence of a document that they restate.
There is no understanding, so a correct paraphrase looks new, and a wrong statement in a document's words is seen only
where a value, a name or a negation differs.

Of the words, names and numbers count twice. What an answer says of itself (*I*, *we*) counts, as documents do not say
it. A word that stands in the documents, but not in the sentence that the answer's sentence restates, is half new.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Final

from extproc.detectors.answers.compared_words import (
    COUNTED_CHARS_MIN,
    FREQUENT,
    NUMBER,
    STEM_CHARS,
    content_stems,
    names_of,
    number_keys,
    stem,
    words_of,
)
from extproc.detectors.answers.contradictions import difference
from extproc.detectors.answers.source_sentences import Source, SourceSentences

_SMOOTHING: Final = 3  # so that one new word out of two is not half of an answer

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"'`()\[\]{}]+")
_NUMBERED: Final = re.compile(r"\[([0-9]{1,3})\]")
_SURNAME: Final = r"[A-Z][\w'-]{1,40}+"
_CITED: Final = re.compile(rf"\(({_SURNAME})(?: et al\.?| and {_SURNAME}| & {_SURNAME})?,? ([12][0-9]{{3}})[a-z]?\)")
_NAME: Final = re.compile(r"(?<![\w'-])(?:[A-Z][\w'-]++(?: [A-Z][\w'-]++)++|[A-Z]{2,}+[0-9]*+\b)")
_LIST_NUMBER: Final = re.compile(r"\A\s*[0-9]{1,3}[.)]\s")
_FIRST_PERSON: Final = frozenset({"i", "me", "my", "mine", "we", "us", "our", "ours"})
_ELSEWHERE_WEIGHT: Final = 0.5
"""Of a word that the documents have, but not near the sentence that is the likely source."""


@dataclass(frozen=True, slots=True)
class Context:
    """The context of an answer.

    Attributes:
        stems, numbers, addresses: of all texts.
        asked: stems of texts that are no documents: an answer may repeat them.
        sources: the sentences of the documents.
        documents: how many can be cited by number.
    """

    stems: frozenset[str]
    numbers: frozenset[str]
    addresses: frozenset[str]
    asked: frozenset[str]
    sources: SourceSentences
    documents: int


def context_of(documents: Sequence[str], others: Sequence[str], cited_max: int) -> Context:
    """Build a context.

    Args:
        documents: what the answer should rest on.
        others: further texts of the request.
        cited_max: how many documents can be cited by number.
    """
    sources = SourceSentences(documents)
    asked = {word[:STEM_CHARS] for text in others for word in set(words_of(text.casefold()))}
    numbers: set[str] = set()
    addresses: set[str] = set()
    for text in (*documents, *others):
        for number in set(NUMBER.findall(text)):
            numbers.update(number_keys(number))
        if "://" in text:
            addresses.update(map(_plain_address, _ADDRESS.findall(text)))
    stems = asked.union([word[:STEM_CHARS] for word in sources.words])
    return Context(frozenset(stems), frozenset(numbers), frozenset(addresses), frozenset(asked), sources, cited_max)


@dataclass(slots=True)
class Tally:
    """How much of an answer the context lacks. Grows by sentences, and keeps only counts.

    Attributes:
        words, novel: weights of the words that count, and of those that are new.
        sentences, contradicting: those that restate a sentence of a document, and those that say something else.
    """

    items: int = 0
    unsupported: int = 0
    words: float = 0.0
    novel: float = 0.0
    sentences: int = 0
    contradicting: int = 0

    def add(self, sentence: str, context: Context) -> None:
        """Count one sentence."""
        for supported in _items(sentence, context):
            self.items += 1
            self.unsupported += not supported
        words = words_of(sentence.casefold())
        stems = content_stems(words)
        sources = context.sources.likely(stems)
        names = names_of(sentence)
        self._add_words(words, {word for name in names for word in words_of(name.casefold())}, context, sources)
        if sources:
            self.sentences += 1
            self.contradicting += all(difference(sentence, stems, names, one) is not None for one in sources)

    @property
    def unsupported_share(self) -> float:
        """Share of items that do not occur in the context."""
        return self.unsupported / self.items if self.items else 0.0

    @property
    def novel_share(self) -> float:
        """Share of counted words that are new, reduced for short answers."""
        return self.novel / (self.words + _SMOOTHING)

    @property
    def contradicting_share(self) -> float:
        """Share of the sentences with a source that say something else."""
        return self.contradicting / self.sentences if self.sentences else 0.0

    def _add_words(self, words: Sequence[str], names: Set[str], context: Context, sources: Sequence[Source]) -> None:
        known, asked = context.stems, context.asked
        near: Set[str] = sources[0].stems if sources else frozenset()
        for word in words:
            is_counted = word not in FREQUENT and (len(word) >= COUNTED_CHARS_MIN or not word[0].isascii())
            if not is_counted and word not in _FIRST_PERSON:
                continue
            weight = 2.0 if word in names or (word.isdecimal() and len(word) > 1) else 1.0
            self.words += weight
            beginning = word[:STEM_CHARS]
            if beginning not in known:
                self.novel += weight
            elif is_counted and beginning not in near and beginning not in asked:
                self.novel += _ELSEWHERE_WEIGHT


def _items(sentence: str, context: Context) -> list[bool]:
    """Whether each item of a sentence is supported. Text matched as one item is not matched again."""
    found: list[bool] = []
    rest = _LIST_NUMBER.sub(" ", sentence)
    if "://" in rest:
        found += [_plain_address(address) in context.addresses for address in _ADDRESS.findall(rest)]
        rest = _ADDRESS.sub(" ", rest)
    if "[" in rest:
        found += [
            0 < int(number) <= context.documents or number in context.numbers for number in _NUMBERED.findall(rest)
        ]
        rest = _NUMBERED.sub(" ", rest)
    if "(" in rest:
        found += [stem(name) in context.stems and year in context.numbers for name, year in _CITED.findall(rest)]
        rest = _CITED.sub(" ", rest)
    found += [not context.numbers.isdisjoint(number_keys(number)) for number in NUMBER.findall(rest) if len(number) > 1]
    for name in _NAME.findall(rest):
        found.append(all(stem(word) in context.stems for word in words_of(name)))
    return found


def _plain_address(address: str) -> str:
    return address.casefold().rstrip(".,;:!?*_/")
