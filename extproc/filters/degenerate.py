"""Degenerate responses: loops, empty responses, the wrong language, broken JSON, truncation in mid-sentence."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from extproc.config.guards.degenerate import DegenerateSection
from extproc.detectors.answers.loops import REPEATS_MIN, TAIL_CHARS_MAX, loop_chars
from extproc.detectors.text.json_reader import JsonReader
from extproc.detectors.text.languages import Expected, expected_by, expected_of, is_unexpected
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard, GuardState
from extproc.filters.observe import ObservingStage
from extproc.payload.view import UNNAMED_PART_FIRST, RequestView

REQUEST_CHARS_MAX: Final = 2_000
STEP_CHARS: Final = 64
"""Loops are searched at each multiple of this position, counted from the beginning of a text. [characters]"""
LANGUAGE_CHARS: Final = 7 * STEP_CHARS
"""The length of text whose language is checked at a time: a few sentences. [characters]"""
LANGUAGE_CHARS_MIN: Final = 40

_ANSWERS: Final = frozenset({Kind.CONTENT, Kind.REFUSAL, Kind.JSON, Kind.NAME})
_LOOPING: Final = frozenset({Kind.CONTENT, Kind.REASONING, Kind.JSON})
_ABOUT: Final = {
    "LOOP": "it repeats a run of characters to its end",
    "EMPTY": "it has neither text nor a tool call",
    "LANGUAGE": "it is not in the language of the question, or of `languages`",
    "BROKEN_JSON": "it must be JSON, and is not",
    "CUT_SHORT": "the token limit ended it in the middle of a sentence",
}
_SENTENCE_ENDS: Final = frozenset(".!?…。！？؟।:;)]}>\"'”’»`*_|")


@dataclass(slots=True)
class _Spoken:
    """The state of one choice."""

    something: bool = False
    last: str = ""  # the last visible character of its content
    ending: str = ""  # the end of its content, once complete


@dataclass(slots=True)
class _Asked:
    """The expectations of a request, and the state of each choice."""

    json: bool = False
    expected: Expected | None = None
    choices: dict[int, _Spoken] = field(default_factory=dict)


class DegenerateGuard(Guard):
    """Checks the tail, the script and the format of each text, and the end of each choice."""

    code = "degenerate_answer"
    finds_data = False

    def __init__(self, section: DegenerateSection) -> None:
        super().__init__(section)
        self.kinds = frozenset(section.kinds)
        self._asked = GuardState[_Asked]()
        self.loop_chars_min = section.loop_chars_min
        self._expected = expected_of(section.languages) if section.languages else None
        self._by_request = self._expected is None and "LANGUAGE" in self.kinds

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Store the expectations of the request: JSON, and the language."""
        expected = expected_by(_question(request)) if self._by_request else self._expected
        self._asked.put(exchange, _Asked(request.wants_json, expected))
        return None

    def applies_to(self, source: TextSource) -> bool:
        """The model's text, in fields that its API defines."""
        return super().applies_to(source) and source.part < UNNAMED_PART_FIRST and source.kind is not Kind.ASIDE

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A stage on every text of the model."""
        asked = self._asked.of(exchange) or self._asked.put(exchange, _Asked())
        spoken = asked.choices.setdefault(source.choice, _Spoken())
        content = source.kind is Kind.CONTENT
        judges = _Judges(
            loop_chars_min=self.loop_chars_min if "LOOP" in self.kinds and source.kind in _LOOPING else 0,
            expected=asked.expected if "LANGUAGE" in self.kinds and content and not asked.json else None,
            json="BROKEN_JSON" in self.kinds and (source.kind is Kind.JSON or (content and asked.json)),
            speaks=source.kind in _ANSWERS,
            content=content,
        )
        stage = _ResponseStage(judges, spoken, FindingReporter(self, source, exchange), self.action is Action.BLOCK)
        return stage if self.action is Action.BLOCK else ObservingStage(stage)

    def on_choice_end(self, choice: int, cut_short: bool, exchange: ExchangeContext) -> None:
        """Check what only the end shows. All text has been sent, so findings are only reported."""
        asked = self._asked.of(exchange) or _Asked()
        spoken = asked.choices.get(choice) or _Spoken()
        if not spoken.something:
            self._report("EMPTY", exchange)
        elif cut_short and spoken.last and spoken.last not in _SENTENCE_ENDS:
            self._report("CUT_SHORT", exchange, spoken.ending)

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """What is degenerate about the response."""
        return [Reason("rule", _ABOUT[evidence.finding.kind])]

    def _report(self, kind: str, exchange: ExchangeContext, ending: str = "") -> None:
        if kind in self.kinds:
            action = Action.FLAG if self.action is Action.BLOCK else self.action
            chars = len(ending)
            finding = Finding(kind, max(0, chars - STEP_CHARS), chars, 1.0, f"degenerate.{kind.lower()}")
            begins, ends = chars < TAIL_CHARS_MAX, False  # more text was expected
            evidence = Evidence(finding, ending, Speaker.ASSISTANT.value, begins, ends)
            self.report(exchange, Direction.RESPONSE, evidence, action)


def _question(request: RequestView) -> str:
    """The end of the user's last message."""
    for text_field in reversed(request.texts):
        if text_field.source.speaker is Speaker.USER and text_field.source.kind is Kind.CONTENT:
            return text_field.text[-REQUEST_CHARS_MAX:]
    return ""


@dataclass(frozen=True, slots=True)
class _Judges:
    """The checks for one text."""

    loop_chars_min: int  # 0: no search for loops
    expected: Expected | None
    json: bool
    speaks: bool  # part of a response
    content: bool


class _ResponseStage:
    """Checks one text at fixed positions; releases text immediately, up to a finding that ends it.

    Each kind is reported once.
    """

    __slots__ = (
        "_blocks",
        "_json",
        "_judges",
        "_position",
        "_reporter",
        "_since",
        "_spoken",
        "_tail",
        "_told",
        "rejected",
    )

    def __init__(self, judges: _Judges, spoken: _Spoken, reporter: FindingReporter, blocks: bool) -> None:
        self._judges = judges
        self._spoken = spoken
        self._reporter = reporter
        self._blocks = blocks
        self._json = JsonReader() if judges.json else None
        self._told: set[str] = set()
        self._position = 0  # length of the text so far [characters]
        self._since: list[str] = []  # text since the last step
        self._tail = ""
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece; all of it is released, except text after a finding that ends the response."""
        self._hear(text)
        begin = self._position
        done = 0
        while done < len(text) and not self.rejected:
            room = STEP_CHARS - self._position % STEP_CHARS
            piece = text[done : done + room]
            self._step(piece)
            done = self._position - begin
        return text[:done]

    def close(self) -> str:
        """The text is complete. Later input is a separate text."""
        if self._position:
            self._tail_now()
            self._judge_loop(closing=True)
            rest = self._position % LANGUAGE_CHARS
            if rest >= LANGUAGE_CHARS_MIN and not self.rejected:
                self._judge_language(rest, closing=True)
            if not self.rejected:
                self._judge_json_end()
            if self._judges.content:
                self._spoken.ending = self._tail
        self._position, self._tail = 0, ""
        self._json = JsonReader() if self._judges.json else None
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> _ResponseStage:
        """A stage in the same state that reports nothing."""
        copy = _ResponseStage(self._judges, replace(self._spoken), NULL_REPORTER, self._blocks)
        copy._json = self._json.copy() if self._json is not None else None
        copy._told = self._told.copy()
        copy._position, copy._since, copy._tail = self._position, self._since.copy(), self._tail
        copy.rejected = self.rejected
        return copy

    def _hear(self, text: str) -> None:
        visible = text.rstrip()
        if visible:
            spoken = self._spoken
            spoken.something = spoken.something or self._judges.speaks
            if self._judges.content:
                spoken.last = visible[-1]

    def _step(self, piece: str) -> None:
        """Process a piece that ends at or before the next step."""
        if self._json is not None and "BROKEN_JSON" not in self._told:
            place = self._json.feed(piece)
            if place >= 0:
                before = self._tail + "".join(self._since)
                self._reporter.set_text(before + piece, len(before) == self._position, ends=False)
                self._report("BROKEN_JSON", len(before) + place, len(before) + place + 1)
                if self.rejected:
                    self._position += place
                    return
        self._since.append(piece)
        self._position += len(piece)
        if self._position % STEP_CHARS == 0:
            self._tail_now()
            self._judge_loop(closing=False)
            if self._position % LANGUAGE_CHARS == 0 and not self.rejected:
                self._judge_language(LANGUAGE_CHARS, closing=False)

    def _tail_now(self) -> None:
        self._tail = (self._tail + "".join(self._since))[-TAIL_CHARS_MAX:]
        self._since = []

    def _judge_loop(self, closing: bool) -> None:
        if self._judges.loop_chars_min and "LOOP" not in self._told:
            period = loop_chars(self._tail, self._judges.loop_chars_min)
            if period:
                self._report_tail("LOOP", max(self._judges.loop_chars_min, REPEATS_MIN * period), closing)

    def _judge_language(self, chars: int, closing: bool) -> None:
        expected = self._judges.expected
        if expected is not None and "LANGUAGE" not in self._told and is_unexpected(self._tail[-chars:], expected):
            self._report_tail("LANGUAGE", chars, closing)

    def _judge_json_end(self) -> None:
        reader = self._json
        if reader is not None and not (reader.blank or reader.complete() or "BROKEN_JSON" in self._told):
            self._report_tail("BROKEN_JSON", STEP_CHARS, closing=False)  # more text was expected

    def _report_tail(self, kind: str, chars: int, closing: bool) -> None:
        tail = self._tail
        self._reporter.set_text(tail, len(tail) == self._position, ends=closing)
        self._report(kind, max(0, len(tail) - chars), len(tail))

    def _report(self, kind: str, start: int, end: int) -> None:
        self._told.add(kind)
        self._reporter.report(Finding(kind, start, end, 1.0, f"degenerate.{kind.lower()}"))
        self.rejected = self._blocks
