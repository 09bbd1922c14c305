"""Prompt injection and jailbreaks in texts of users, tools and documents. The inserted system prompt is exempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final, NamedTuple

from extproc.config.guards.injection import InjectionSection
from extproc.detectors.injection.detector import InjectionDetector
from extproc.detectors.text.fence import fenced, unfenced
from extproc.domain.classification import FoundInText
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence
from extproc.domain.pace import Stride
from extproc.domain.reasons import Reason
from extproc.domain.record import Action, Asked, Coverage, Fencing
from extproc.domain.text import Direction, Kind, Speaker, TextSource
from extproc.filters.asking import Asking
from extproc.filters.base import ExchangeContext, Guard
from extproc.payload.joined import joined_parts
from extproc.payload.view import RequestView, TextField

_JUDGED: Final = frozenset({Speaker.USER, Speaker.TOOL, Speaker.DOCUMENT})
_OUTSIDE: Final = frozenset({Speaker.TOOL, Speaker.DOCUMENT, Speaker.DEFINITION})
_FENCED: Final = frozenset({Speaker.TOOL, Speaker.DOCUMENT})


class _Thresholds(NamedTuple):
    """The minimum scores that count."""

    flag: float
    block: float


@cache
def _detector(with_model: bool) -> InjectionDetector:
    """Shared by all policies: its automata and weights take megabytes."""
    return InjectionDetector.shipped() if with_model else InjectionDetector()


class InjectionGuard(Guard):
    """Checks each text of a request as a whole: requests are never streamed to us."""

    code = "prompt_injection"
    finds_data = False

    def __init__(self, section: InjectionSection) -> None:
        super().__init__(section)
        self._detector = _detector(section.model)
        self._from_users = _Thresholds(section.flag_threshold, section.block_threshold)
        self._from_outside = _Thresholds(section.tool_flag_threshold, section.tool_block_threshold)
        self._judged = _JUDGED | {Speaker.DEFINITION} if section.tool_definitions else _JUDGED
        self._fences = section.fence and self.enforced
        self._flag = self.action if self.action is Action.SHADOW else Action.FLAG
        self._asking = Asking(self.name, section) if section.ask_between is not None else None
        self.judges_out_of_band = self._asking is not None

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Refuse the request if a score reaches the threshold and the guard blocks."""
        judged = [field for field in request.texts if self.applies_to(field.source)]
        said = [_as_said(field) for field in judged]
        certain = False
        unsure: list[Evidence] = []
        unsure_fields = 0
        stride = Stride(exchange.pace)
        for field, as_said in zip(judged, said, strict=True):
            if not field.known_clean:
                stride.take(as_said.text)
                found_before, unsure_before = exchange.record.finding_count, len(unsure)
                certain |= self._judge(field.source, as_said.text, exchange, unsure)
                is_unsure = len(unsure) != unsure_before
                unsure_fields += is_unsure
                field.found = field.found or is_unsure or exchange.record.finding_count != found_before
        if not certain and len(said) > 1:
            certain = self._judge_joined(said, exchange, stride, unsure)
        is_refused = certain and self.action is Action.BLOCK
        if self._asking is not None:
            known = sum([field.known_clean for field in judged])
            asked = 0 if is_refused else unsure_fields
            self._note_checked(exchange, len(judged) - known - asked)
            if unsure and not is_refused:
                self._asking.ask(unsure, asked, exchange)
        return self.rejection() if is_refused else None

    def on_verdict(self, found: Sequence[FoundInText], exchange: ExchangeContext) -> ApiError | None:
        """Act where the classifier confirms; what it does not confirm is reported from the flag threshold on."""
        assert self._asking is not None, "only a guard that asks gets a verdict"
        asked = self._asking.take_open(exchange)
        self._note_checked(exchange, asked.fields)
        confirmed = self._asking.confirmed(found)
        certain = False
        for spoken, evidence in asked.unsure:
            is_confirmed = spoken in confirmed
            exchange.record.note_asked(self.name, Asked.CONFIRMED if is_confirmed else Asked.REFUTED)
            if is_confirmed:
                self.report(exchange, Direction.REQUEST, evidence)
                certain = True
            elif evidence.finding.score >= self._thresholds_of(evidence.speaker).flag:
                self.report(exchange, Direction.REQUEST, evidence, self._flag)
        return self.rejection() if certain and self.action is Action.BLOCK else None

    def on_no_verdict(self, exchange: ExchangeContext) -> ApiError | None:
        """Leave the texts to the thresholds."""
        assert self._asking is not None, "only a guard that asks misses a verdict"
        certain = False
        asked = self._asking.take_open(exchange)
        exchange.record.note_coverage(self.name, Direction.REQUEST.value, Coverage.FAILED_OPEN, asked.fields)
        for _, evidence in asked.unsure:
            exchange.record.note_asked(self.name, Asked.UNANSWERED)
            certain |= self._act(evidence, exchange)
        return self.rejection() if certain and self.action is Action.BLOCK else None

    def on_end(self, exchange: ExchangeContext, seen: int, whole: Coverage, not_checked: Coverage | None) -> None:
        """Account for texts whose verdict has not come."""
        if self._asking is not None:
            fields = self._asking.take_open(exchange).fields
            outcome = not_checked or Coverage.SKIPPED_ENDED
            exchange.record.note_coverage(self.name, Direction.REQUEST.value, outcome, fields)

    def on_passed(self, request: RequestView, exchange: ExchangeContext) -> None:
        """Fence what tools and documents say, as they and all guards have left it.

        Without a chat template no model answers in words: marks would only change scores and vectors.
        """
        if not self._fences:
            return
        is_chat = exchange.facts.dialect.templated
        for field in request.texts:
            if not (_is_from_outside(field) and request.is_said(field)):
                continue
            fences = is_chat and request.is_prose(field)
            if fences:
                request.replace_text(field, fenced(field.text))
            exchange.record.note_fence(self.name, Fencing.FENCED if fences else Fencing.LEFT)

    def applies_to(self, source: TextSource) -> bool:
        """Texts of users, tools and documents, and definitions if configured."""
        return source.speaker in self._judged

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """False: there is no stage, as the request was checked as a whole."""
        return False

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """Patterns, n-grams, and the disguise that was undone."""
        return self._detector.reasons(evidence.text, evidence.finding) if evidence.text else []

    def thresholds(self, speaker: str) -> dict[str, float]:
        """Where it flags, and where it acts."""
        of_speaker = self._thresholds_of(speaker)
        if self.action is Action.BLOCK:
            return {Action.FLAG.value: of_speaker.flag, Action.BLOCK.value: of_speaker.block}
        return {self.action.value: of_speaker.flag}

    def _judge_joined(
        self, judged: Sequence[TextField], exchange: ExchangeContext, stride: Stride, unsure: list[Evidence]
    ) -> bool:
        """Look for an attack that spans parts of a message; one above the threshold is enough."""
        for parts, texts in joined_parts(judged):
            for text in texts:
                stride.take(text)
                if self._judge(parts[0].source, text, exchange, unsure):
                    return True
        return False

    def _judge(self, source: TextSource, text: str, exchange: ExchangeContext, unsure: list[Evidence]) -> bool:
        """Report the findings in a text, or put them with those to ask about.

        Returns: whether any reaches the threshold for action.
        """
        certain = False
        score_min, score_enough = self._thresholds_of(source.speaker)
        asking = self._asking
        if asking is not None:
            score_min, score_enough = min(score_min, asking.low), max(score_enough, asking.high)
        for finding in self._detector.find(text, score_min, score_enough, exchange.pace):
            evidence = Evidence(finding, text, source.speaker.value)
            if asking is not None and asking.is_unsure(finding.score):
                unsure.append(evidence)
            else:
                certain |= self._act(evidence, exchange)
        return certain

    def _act(self, evidence: Evidence, exchange: ExchangeContext) -> bool:
        """Report a finding by the thresholds. Returns: whether it reaches the one for action."""
        thresholds, score = self._thresholds_of(evidence.speaker), evidence.finding.score
        if score >= thresholds.flag:
            self.report(exchange, Direction.REQUEST, evidence, self.action if score >= thresholds.block else self._flag)
        return score >= thresholds.block

    def _thresholds_of(self, speaker: str) -> _Thresholds:
        return self._from_outside if speaker in _OUTSIDE else self._from_users

    def _note_checked(self, exchange: ExchangeContext, fields: int) -> None:
        exchange.record.note_coverage(self.name, Direction.REQUEST.value, Coverage.CHECKED, fields)


def _is_from_outside(field: TextField) -> bool:
    """Whether it is the text of a tool or a document, and not only a name."""
    return field.source.speaker in _FENCED and field.source.kind is Kind.CONTENT and not field.keys


def _as_said(field: TextField) -> TextField:
    """A text without the marks of another hop, which would be read as an attack themselves."""
    said = unfenced(field.text) if _is_from_outside(field) else field.text
    return field if said == field.text else replace(field, text=said)
