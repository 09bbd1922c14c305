"""Collects the signals of each answer. It finds nothing, and changes nothing."""

from __future__ import annotations

from typing import Any, Final, Self
from zlib import crc32

import orjson

from extproc.config.filters import SignalsSection
from extproc.config.section import Mode, OnError
from extproc.detectors.answers.asking import asks_back
from extproc.detectors.answers.loops import TAIL_CHARS_MAX, loop_chars
from extproc.detectors.answers.repairs import BEGINNING_CHARS, says_wrong
from extproc.detectors.answers.schema_fit import fits
from extproc.detectors.text.languages import Expected, expected_by, is_unexpected
from extproc.domain.errors import ApiError
from extproc.domain.gaps import new_gaps
from extproc.domain.signals import (
    ASKS_BACK,
    BAD_CALL,
    EMPTY,
    LOOPED,
    OTHER_LANGUAGE,
    REPAIR,
    TOKEN_LIMIT,
    UNSTRUCTURED,
    AnswerSignals,
)
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeContext, Filter, GuardState, Resources
from extproc.payload.view import UNNAMED_PART_FIRST, RequestView

JSON_CHARS_MAX: Final = 16_384
"""A longer call, or a longer structured answer, is not judged. [characters]"""
LOOP_CHARS_MIN: Final = 400
QUESTION_CHARS_MAX: Final = 240
LANGUAGE_CHARS: Final = 240
WORDS_MAX: Final = 16
"""First words of an answer that are compared with those of another one."""
_HEAD_CHARS: Final = 512
_WORDS_CHARS: Final = 128
COMPARED_SHARE: Final = 0.25
"""Of questions whose answers are compared with each other, at least: it costs more than any other signal."""
_DRAWS: Final = 65_536
_QUESTIONS: Final = 65_536
_ANSWERS: Final = frozenset({Kind.CONTENT, Kind.REFUSAL, Kind.JSON, Kind.NAME})


class _Choice:
    """What came of one choice: its texts when they are complete.

    Attributes:
        spoke: there is text, or a tool call.
        head: of its content.
        content: of each text, what is kept; from the last one the end is taken.
        whole: all of it is kept.
        calls: name and arguments, by part.
    """

    __slots__ = ("calls", "content", "head", "spoke", "whole")

    def __init__(self) -> None:
        self.spoke = False
        self.head = ""
        self.content: list[str] = []
        self.whole = True
        self.calls: dict[int, list[str]] | None = None


class _Asked:
    """What the request asks for, and its choices.

    Attributes:
        compares: whether its answer is compared with the one before to the same question.
        expected: the language; only in the sample.
        schemas: of tools by name, and of the answer under ``""``; only in the sample.
    """

    __slots__ = ("choices", "compares", "expected", "schemas", "wants_json")

    def __init__(self, wants_json: bool) -> None:
        self.wants_json = wants_json
        self.compares = False
        self.expected: Expected | None = None
        self.schemas: dict[str, Any] | None = None
        self.choices: dict[int, _Choice] = {}


class SignalsFilter(Filter):
    """Hears every text of an answer, and judges each choice at its end."""

    name = "signals"
    directions = frozenset({Direction.RESPONSE})

    @classmethod
    def build(cls, section: SignalsSection, _: Resources) -> Self:
        """Build the filter with its own key."""
        return cls(section.mode, section.on_error, section.sample)

    def __init__(self, mode: Mode, on_error: OnError, sample: float) -> None:
        super().__init__(mode, on_error)
        self._drawn_below = round(sample * _DRAWS)
        self._compared_below = round(max(sample, COMPARED_SHARE) * _QUESTIONS)
        self._asked = GuardState[_Asked]()

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Remember what is asked for."""
        record = exchange.record
        signals = record.signals = AnswerSignals()
        if request.streamed:
            signals.gaps = new_gaps()
        asked = self._asked.put(exchange, _Asked(request.wants_json))
        spoken = request.spoken_texts
        if not spoken or (last := spoken[-1]).source.speaker is not Speaker.USER:
            return None
        signals.question = hash((record.team, *[one.text for one in spoken]))
        signals.request = hash((record.user, signals.question))
        asked.compares = signals.question % _QUESTIONS < self._compared_below
        if len(spoken) > 2 and spoken[-2].source.speaker is Speaker.ASSISTANT:
            signals.judge(REPAIR, says_wrong(last.text[:BEGINNING_CHARS]))
        if crc32(record.id.encode()) % _DRAWS < self._drawn_below:
            asked.expected = expected_by(last.text[-QUESTION_CHARS_MAX:])
            asked.schemas = request.schemas
        return None

    def applies_to(self, source: TextSource) -> bool:
        """The model's text but its reasoning, in fields that its API defines."""
        return source.direction is Direction.RESPONSE and source.part < UNNAMED_PART_FIRST and source.kind in _ANSWERS

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage that keeps what is judged at the end."""
        asked = self._asked.of(exchange)
        if asked is None:
            return None
        choice = asked.choices.get(source.choice)
        if choice is None:
            choice = asked.choices[source.choice] = _Choice()
        return _HearingStage(choice, source)

    def on_choice_end(self, choice: int, cut_short: bool, exchange: ExchangeContext) -> None:
        """Judge it."""
        asked, signals = self._asked.of(exchange), exchange.record.signals
        if asked is None or signals is None:
            return
        heard, judged = asked.choices.pop(choice, _SILENT), signals.judged
        judged[EMPTY] += 1
        judged[TOKEN_LIMIT] += 1
        if not heard.spoke:
            signals.hits[EMPTY] += 1
        if cut_short:
            signals.hits[TOKEN_LIMIT] += 1
        elif heard.calls:
            for name, arguments in heard.calls.values():
                _judge_call(signals, name, arguments, asked.schemas)
        if heard.content:
            _judge_content(signals, heard, asked, cut_short)


_SILENT: Final = _Choice()
"""A choice of which nothing was heard."""


class _HearingStage:
    """Keeps the beginning and the end of a text, or all of it while it is not long; releases it at once."""

    __slots__ = ("_chars", "_choice", "_head", "_pieces", "_shortened_from", "_source", "rejected")

    def __init__(self, choice: _Choice, source: TextSource) -> None:
        self._choice = choice
        self._source = source
        self._pieces: list[str] = []
        self._chars = 0  # in all
        self._head = ""  # of a text that is too long to be kept
        self._shortened_from = JSON_CHARS_MAX
        self.rejected = False

    def feed(self, text: str) -> str:
        """Keep the text, and release it."""
        self._pieces.append(text)
        self._chars += len(text)
        if self._chars > self._shortened_from:
            self._shorten()
        return text

    def close(self) -> str:
        """It is complete."""
        pieces = self._pieces
        if not pieces:
            return ""
        kept, choice = pieces[0] if len(pieces) == 1 else "".join(pieces), self._choice
        if self._source.kind is not Kind.CONTENT:
            self._tell_call(kept)
        else:
            if not choice.content:
                choice.head = self._head or kept
            choice.content.append(kept)
            choice.spoke = choice.spoke or not kept.isspace()
        self._pieces, self._chars = [], 0
        if self._head:
            choice.whole = False
            self._head, self._shortened_from = "", JSON_CHARS_MAX
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> Stage:
        """A copy whose choice nobody asks for."""
        copy = _HearingStage(_Choice(), self._source)
        copy._pieces, copy._chars, copy._head = self._pieces.copy(), self._chars, self._head
        copy._shortened_from = self._shortened_from
        return copy

    def _shorten(self) -> None:
        kept = "".join(self._pieces)
        self._head = self._head or kept[:_HEAD_CHARS]
        self._pieces = [kept[-TAIL_CHARS_MAX:]]
        self._shortened_from = self._chars + TAIL_CHARS_MAX

    def _tell_call(self, kept: str) -> None:
        choice, source = self._choice, self._source
        choice.spoke = True
        if source.kind in (Kind.NAME, Kind.JSON):
            choice.calls = choice.calls or {}
            call = choice.calls.setdefault(source.part, ["", ""])
            call[source.kind is Kind.JSON] = "" if self._head else kept


def _judge_call(signals: AnswerSignals, name: str, arguments: str, schemas: dict[str, Any] | None) -> None:
    """Whether a tool call can be run. Args: arguments: empty where there are none, or too many to be kept."""
    if arguments:
        signals.judge(BAD_CALL, _is_unfit(arguments, name, schemas))


def _is_unfit(text: str, name: str, schemas: dict[str, Any] | None) -> bool:
    """Whether a text is no JSON, or does not fit the schema of that name, if there is one."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    schema = None if schemas is None else schemas.get(name)
    return schema is not None and fits(value, schema) is False


def _judge_content(signals: AnswerSignals, heard: _Choice, asked: _Asked, cut_short: bool) -> None:
    last, judged = heard.content[-1], signals.judged
    judged[LOOPED] += 1
    if loop_chars(last[-TAIL_CHARS_MAX:], LOOP_CHARS_MIN):
        signals.hits[LOOPED] += 1
    if asked.wants_json:
        if heard.whole and not cut_short:
            signals.judge(UNSTRUCTURED, _is_unfit("".join(heard.content), "", asked.schemas))
        return
    if not cut_short:
        judged[ASKS_BACK] += 1
        if asks_back(last):
            signals.hits[ASKS_BACK] += 1
    if asked.expected is not None:
        signals.judge(OTHER_LANGUAGE, is_unexpected(heard.head[:LANGUAGE_CHARS], asked.expected))
    if asked.compares and not signals.words:
        signals.words = frozenset(map(hash, heard.head[:_WORDS_CHARS].split()[:WORDS_MAX]))
