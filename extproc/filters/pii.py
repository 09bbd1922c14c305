"""Personal data and secrets in requests and responses: masked, blocked, or only counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

from extproc.config.guards.masking import MaskType
from extproc.config.guards.pii import PiiSection
from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.postal_addresses import POSTAL_ADDRESS, may_hold_address, prepare_addresses
from extproc.detectors.pii.reasons import reasons_of
from extproc.detectors.text.cells import has_long_word, word_chars_max
from extproc.detectors.text.folding import read
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.masks import PROCESS_KEY, canonical, hash_mask, partial_mask, type_mask
from extproc.domain.placeholders import Placeholders
from extproc.domain.reasons import Reason
from extproc.domain.record import HOLD_LIMIT, Action, ExchangeRecord
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeContext, FindingReporter, Guard, Resources
from extproc.filters.in_turn import InTurn, PassingStage
from extproc.filters.json_text import JsonTextStage, WholeNumbers, may_hide
from extproc.filters.observe import ObservingStage
from extproc.filters.postal_addresses import PostalAddressStage
from extproc.filters.private_keys import KIND as KEY_BLOCK
from extproc.filters.private_keys import PrivateKeyStage, may_hold_private_key
from extproc.filters.span_detectors import Mask
from extproc.filters.spans import NO_LIMIT, HoldLimit, SpanStage
from extproc.payload.view import RequestView

_MS_NS: Final = 1_000_000
_ASCII_ESCAPE: Final = re.compile(r"\\u00([2-7][0-9a-fA-F])")


class _Report(NamedTuple):
    """Where all stages of a channel report their findings: one pair of bound methods for all of them."""

    finding: Callable[[Finding], None]
    text: Callable[[str, bool], None]


def detector_of(section: PiiSection) -> PiiDetector:
    """The detector for a section of the configuration."""
    custom = [
        CustomRecognizer(one.name, one.pattern, one.context, one.checksum, one.score) for one in section.recognizers
    ]
    return PiiDetector(section.entities, custom)


class PiiGuard(Guard):
    """Checks every text of its directions."""

    code = "personal_data"
    judges_cut_ends = True

    @classmethod
    def build(cls, section: PiiSection, resources: Resources) -> Self:
        """Build the guard with the key for its masks, if they are hashes."""
        masking = section.masking
        hashes = masking.type is MaskType.HASH
        return cls(section, resources.keys[masking.key_file or PROCESS_KEY] if hashes else b"")

    def __init__(self, section: PiiSection, key: bytes = b"") -> None:
        super().__init__(section)
        self._detector = detector_of(section)
        self._recognizers = section.recognizers
        self._finds_keys = KEY_BLOCK in section.entities
        self._finds_addresses = POSTAL_ADDRESS in section.entities
        if self._finds_addresses:
            prepare_addresses()
        self._numbers = WholeNumbers(self._detector)
        self._masking = section.masking
        self._style = section.masking.type
        self._key = key
        self._word_chars_max = word_chars_max(section.hold_chars_max)
        self._masks_at_limit = section.at_limit == "mask"
        masks = self.action is Action.MASK
        self.judges_each_alone = self._style is not MaskType.NUMBERED  # echoes in an earlier response determine numbers
        if self.action in (Action.MASK, Action.BLOCK) and Direction.RESPONSE in self.directions:
            self.hold_ns_max = (section.hold_ms_max or 0) * _MS_NS
        self.numbers_values = masks and self._style in (MaskType.NUMBERED, MaskType.REVERSIBLE)
        self.restores = masks and self._style is MaskType.REVERSIBLE and Direction.REQUEST in self.directions

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Record which placeholders the request already contains: new ones must differ.

        If responses keep their placeholders, those in texts of the assistant are our own, from earlier in the
        conversation.
        """
        if not self.numbers_values:
            return None
        known = exchange.placeholders = exchange.placeholders or Placeholders(self._masking.values_max)
        for field in request.texts:
            text = _without_escapes(field.source, field.text)
            if self._echoes(field.source):
                known.expect_echo(text)
            else:
                known.take(text)
        return None

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The rule or pattern, context words and check digits."""
        if not evidence.text:
            return []
        patterns = {one.name: one.pattern for one in self._recognizers}
        return reasons_of(self._detector, patterns, evidence.text, evidence.finding)

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """A prefilter over all texts as one, plus a check for words that are too long to be held.

        An escape in a JSON text may hide a finding; a bare control character is rewritten as an escape even without
        one.
        """
        if may_hide(texts):
            return True
        in_response = bool(texts) and texts[0][0].direction is Direction.RESPONSE
        if in_response and any(has_long_word(text, self._word_chars_max) for _, text in texts):
            return True
        joined = "\n".join([text for _, text in texts])
        if self._detector.might_match(joined) or (self._finds_keys and may_hold_private_key(joined)):
            return True
        return self._finds_addresses and may_hold_address(joined)

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A span stage; JSON texts are checked string by string, so they remain JSON."""
        reporter = FindingReporter(self, source, exchange)
        report = _Report(reporter.report, reporter.set_text)
        mask = None if self.action is Action.BLOCK else self._mask(source, exchange)
        limit = self._limit(source, exchange)
        stage: Stage
        if source.kind is Kind.JSON:
            inside = self._span_stage(mask, report, limit)
            outside = SpanStage(self._numbers, mask and _quoted(mask), report.finding, on_text=report.text)
            stage = self._with_key_blocks(JsonTextStage(inside, outside), mask, report)
        else:
            stage = self._span_stage(mask, report, limit)
        if self.action not in (Action.MASK, Action.BLOCK):
            return ObservingStage(stage)
        if self._echoes(source) and exchange.placeholders is not None:
            return _EchoStage(stage, source, exchange.placeholders)
        return stage

    def _span_stage(self, mask: Mask | None, report: _Report, limit: HoldLimit) -> Stage:
        """Finds spans in cells, and around that addresses and key blocks, which exceed a cell."""
        spans: Stage = SpanStage(self._detector, mask, report.finding, limit=limit, on_text=report.text)
        if self._finds_addresses:
            spans = PostalAddressStage(spans, mask, report.finding, limit=limit, on_text=report.text)
        return self._key_blocks(spans, mask, report) if self._finds_keys else spans

    def _with_key_blocks(self, stage: Stage, mask: Mask | None, report: _Report) -> Stage:
        """Adds the search for key blocks in text that is not JSON, or whose lines are separate strings."""
        return InTurn(stage, self._key_blocks(PassingStage(), mask, report)) if self._finds_keys else stage

    def _key_blocks(self, outside: Stage, mask: Mask | None, report: _Report) -> Stage:
        # The body of a key is never kept, so no value could be numbered, hashed or restored.
        bare = None if mask is None else _type_mask_of
        return PrivateKeyStage(outside, bare, report.finding, report.text)

    def _limit(self, source: TextSource, exchange: ExchangeContext) -> HoldLimit:
        """The policy for text that cannot be held any longer. A request is never held: it arrives whole."""
        if source.direction is Direction.REQUEST:
            return NO_LIMIT
        releases = not self._masks_at_limit and self.enforced
        action = Action.FLAG if releases else self.action
        on_limit = _LimitNote(exchange.record, self.name, source.direction, action)
        return HoldLimit(on_limit, self._word_chars_max, type_mask(HOLD_LIMIT) if self._masks_at_limit else None)

    def _mask(self, source: TextSource, exchange: ExchangeContext) -> Mask:
        """The mask for a channel. A truncated value reveals nothing of itself: clients choose its length."""
        mask = self._value_mask(source, exchange)
        if mask is _type_mask_of:
            return mask
        return lambda finding, value: type_mask(finding.kind) if finding.begun else mask(finding, value)

    def _value_mask(self, source: TextSource, exchange: ExchangeContext) -> Mask:
        if self._style is MaskType.HASH:
            return lambda finding, value: hash_mask(finding.kind, read(value), self._key)
        if self._style is MaskType.PARTIAL:
            return lambda finding, value: partial_mask(finding.kind, read(value))
        if not self.numbers_values or exchange.placeholders is None:
            return _type_mask_of
        return self._numbered_mask(source, exchange.placeholders)

    def _numbered_mask(self, source: TextSource, placeholders: Placeholders) -> Mask:
        in_response = source.direction is Direction.RESPONSE
        known = placeholders.of_choice(source.choice) if in_response else placeholders
        if not self.restores:
            return lambda finding, value: known.mask(finding.kind, canonical(finding.kind, read(value)))
        if in_response:  # values that the model itself introduces are never shown
            return lambda finding, value: known.mask(finding.kind, value)
        return lambda finding, value: known.mask_reversibly(finding.kind, value)

    def _echoes(self, source: TextSource) -> bool:
        """Whether placeholders in a text are those of earlier responses."""
        said_before = source.direction is Direction.REQUEST and source.speaker is Speaker.ASSISTANT
        return said_before and self._style is MaskType.NUMBERED


class _LimitNote:
    """Notes that text was held up to a limit."""

    __slots__ = ("_action", "_direction", "_name", "_record")

    def __init__(self, record: ExchangeRecord, name: str, direction: Direction, action: Action) -> None:
        self._record = record
        self._name = name
        self._direction = direction
        self._action = action

    def __call__(self) -> None:
        self._record.note_finding(self._name, self._direction.value, HOLD_LIMIT, self._action.value)


class _EchoStage:
    """Registers the numbers in an earlier response in order, so that later texts get higher ones."""

    __slots__ = ("_placeholders", "_source", "_stage", "rejected")

    def __init__(self, stage: Stage, source: TextSource, placeholders: Placeholders) -> None:
        self._stage = stage
        self._source = source
        self._placeholders = placeholders
        self.rejected = False  # a stage that masks never rejects

    def feed(self, text: str) -> str:
        """Process a text of a request, which arrives whole."""
        self._placeholders.echo(_without_escapes(self._source, text))
        return self._stage.feed(text)

    def close(self) -> str:
        """The rest."""
        return self._stage.close()

    def held(self) -> str:
        """The text held by the stage."""
        return self._stage.held()

    def fork(self) -> Stage:
        """A copy of the stage."""
        return self._stage.fork()


def _type_mask_of(finding: Finding, _: str = "") -> str:
    """One function for all channels: a stream keeps none of its own."""
    return type_mask(finding.kind)


def _quoted(mask: Mask) -> Mask:
    """For a bare number in JSON: the mask must be a string there."""
    return lambda finding, value: json.dumps(mask(finding, value), ensure_ascii=False)


def _without_escapes(source: TextSource, text: str) -> str:
    """A JSON text with escapes of ASCII characters decoded."""
    if source.kind is Kind.JSON and "\\u00" in text:
        return _ASCII_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return text
