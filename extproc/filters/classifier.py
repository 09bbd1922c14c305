"""Submits texts to a classifier: a model that is too slow for the path of an exchange.

The guard only selects the texts. With ``await_ms`` the request waits for the verdict. Otherwise the texts
are classified out of band: those of the request immediately, those of the response at the end of the exchange. Skipped
texts (too many, too long, not in the sample) appear in the coverage.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from io import StringIO
from itertools import groupby
from typing import Final, NamedTuple

from extproc.config.guards.classifier import ClassifierSection
from extproc.domain.classification import BlockingCheck, ClassificationJob, FoundInText, Origin, SpokenText
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence
from extproc.domain.masks import type_mask
from extproc.domain.record import Action, Coverage
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeContext, Guard, GuardState
from extproc.payload.documents import brought_texts, pasted_texts
from extproc.payload.joined import in_reading_order
from extproc.payload.view import RequestView, TextField

_JUDGED_KINDS: Final = frozenset(
    {Kind.CONTENT, Kind.REASONING, Kind.REFUSAL, Kind.JSON}
)  # of responses, classified separately
_DRAWS: Final = 1 << 64
MASKED_VALUES_MAX: Final = 1_000
"""Of a request. One with more is refused: each is searched for in all of its texts."""
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")  # half a character, which no search can find


class ClassifierGuard(Guard):
    """Selects texts, and counts an awaited verdict."""

    code = "unsafe_content"
    judges_out_of_band = True
    judges_each_alone = False  # it submits messages, and the classifier caches repeated ones
    finds_data = False

    def __init__(self, section: ClassifierSection) -> None:
        super().__init__(section)
        self.cuts_responses = self.changes_responses = False
        self._section = section
        self._speakers = frozenset(Speaker(name) for name in section.speakers)
        self._on_request = Direction.REQUEST in self.directions
        self.on_response = Direction.RESPONSE in self.directions
        self._kinds = _JUDGED_KINDS if section.against is None else frozenset({Kind.CONTENT})
        self._context = GuardState[str]()
        self._pending = GuardState[int]()  # number of the request's texts whose verdict is awaited
        self._gathered = GuardState[dict[TextSource, GatheringStage]]()
        self._drawn_below = round(section.sample * _DRAWS)

    def applies_to(self, source: TextSource) -> bool:
        """Texts of the configured speakers, and the model's text in a response."""
        if source.direction is Direction.REQUEST:
            return self._on_request and source.speaker in self._speakers
        return self.on_response and source.kind in self._kinds

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Request a verdict, or submit the texts; store the context that a response is compared with."""
        if self._section.against is not None:
            self._note_context(request, exchange)
        if not self._on_request:
            return None
        section, record = self._section, exchange.record
        every = self._messages(request)
        messages = [message for message in every if message.spoken.text]
        empty = sum([message.fields for message in every if not message.spoken.text])
        record.note_coverage(self.name, Direction.REQUEST.value, Coverage.CHECKED, empty)
        if not messages:
            return None
        if not self.is_drawn(record.id):
            fields = sum([message.fields for message in messages])
            self._submit(exchange, Direction.REQUEST, (), fields, sampled_out=True)
            return None
        last = messages[-section.texts_max :]
        whole = sum([message.fields for message in last if len(message.spoken.text) <= section.chars_max])
        cut = sum([message.fields for message in messages]) - whole
        record.note_coverage(self.name, Direction.REQUEST.value, Coverage.SKIPPED_TOO_LONG, cut)
        texts = tuple(SpokenText(speaker, text[: section.chars_max]) for (speaker, text), _ in last)
        if section.await_ms is None:
            self._submit(exchange, Direction.REQUEST, texts, whole)
        else:
            self._pending.put(exchange, whole)
            exchange.outbox.ask(self._check(texts, section.await_ms))
        return None

    def _check(self, texts: tuple[SpokenText, ...], wait_ms: int) -> BlockingCheck:
        return BlockingCheck(self.name, self._section.classifier, texts, wait_ms, self.action is Action.MASK)

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """False for a request, which was checked as a whole; a response is collected."""
        return self.on_response and any(source.direction is Direction.RESPONSE for source, _ in texts)

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage that collects the client's text, one per channel: a text that is repeated in full is already
        known.
        """
        if source.direction is not Direction.RESPONSE or source.kind not in self._kinds:
            return None
        gathered = self._gathered.of(exchange) or {}
        if source in gathered or exchange.skipped(self.name) is not None or not self.is_drawn(exchange.record.id):
            return None
        stage = gathered[source] = GatheringStage(self._section.chars_max)
        self._gathered.put(exchange, gathered)
        return stage

    def on_verdict(self, found: Sequence[FoundInText], exchange: ExchangeContext) -> ApiError | None:
        """Refuse the request on any finding, if the guard blocks; note what it masks."""
        exchange.record.note_coverage(
            self.name, Direction.REQUEST.value, Coverage.CHECKED, self._pending.pop(exchange) or 0
        )
        for spoken, finding in found:
            self.report(exchange, Direction.REQUEST, Evidence(finding, spoken.text, spoken.speaker.value))
        if found and self.action is Action.MASK:
            values = {spoken.text[one.start : one.end].strip(): type_mask(one.kind) for spoken, one in found}
            if len(values) > MASKED_VALUES_MAX or any(map(_SURROGATE.search, values)):
                return self.rejection()
            exchange.outbox.mask(self, {value: mask for value, mask in values.items() if value})
        return self.rejection() if found and self.action is Action.BLOCK else None

    def on_end(self, exchange: ExchangeContext, seen: int, whole: Coverage, not_checked: Coverage | None) -> None:
        """Submit the collected response, one text per choice; a check that is still open got no verdict."""
        record = exchange.record
        context = self._context.pop(exchange) or ""
        pending = self._pending.pop(exchange) or 0
        record.note_coverage(self.name, Direction.REQUEST.value, not_checked or Coverage.SKIPPED_ENDED, pending)
        if not seen:
            return
        if not self.is_drawn(record.id):
            self._submit(exchange, Direction.RESPONSE, (), seen, sampled_out=True)
            return
        gathered = self._gathered.of(exchange) or {}
        choices: dict[int, list[GatheringStage]] = {}
        for source in sorted(gathered):  # independent of their order in the stream
            if gathered[source].text:
                choices.setdefault(source.choice, []).append(gathered[source])
        if not choices or not_checked is not None:
            record.note_coverage(self.name, Direction.RESPONSE.value, not_checked or whole, seen)
            return
        texts = [self._text_of(stages) for stages in choices.values()]
        covers = whole if all(is_all for _, is_all in texts) else Coverage.SKIPPED_TOO_LONG
        spoken = tuple(SpokenText(Speaker.ASSISTANT, text) for text, _ in texts)
        self._submit(exchange, Direction.RESPONSE, spoken, seen, covers, context=context)

    def is_drawn(self, exchange_id: str) -> bool:
        """Whether an exchange is in the sample: deterministic for an id and a guard."""
        if self._drawn_below >= _DRAWS:
            return True
        drawn = hashlib.blake2b(f"{self.name}\x00{exchange_id}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < self._drawn_below

    def _note_context(self, request: RequestView, exchange: ExchangeContext) -> None:
        """Store the context of a response, or the reason why it is not classified."""
        section = self._section
        if section.against == "question":
            texts = _question(request)
        else:
            texts = brought_texts(request.texts) or pasted_texts(request.texts, section.context_chars_min)
        if not texts:
            exchange.skip(self.name, Coverage.SKIPPED_NO_CONTEXT)
        elif sum(map(len, texts)) > section.context_chars_max:
            exchange.skip(self.name, Coverage.SKIPPED_TOO_LONG)
        elif self.is_drawn(exchange.record.id):
            self._context.put(exchange, "\n".join(texts))

    def _messages(self, request: RequestView) -> list[_Message]:
        """The parts of a message as one text: the model reads them so, and findings that span parts become visible."""
        judged = [field for field in request.texts if self.applies_to(field.source)]
        messages = []
        for (_, speaker), fields in groupby(judged, key=_message_of):
            parts = [field.text for field in in_reading_order(list(fields))]
            messages.append(_Message(SpokenText(speaker, "\n".join(parts)), len(parts)))
        return messages

    def _text_of(self, stages: Sequence[GatheringStage]) -> tuple[str, bool]:
        """The texts of a choice as one, and whether it is complete."""
        text = "\n".join(stage.text for stage in stages)
        chars_max = self._section.chars_max
        return text[:chars_max], len(text) <= chars_max and not any(stage.is_cut for stage in stages)

    def _submit(
        self,
        exchange: ExchangeContext,
        direction: Direction,
        texts: tuple[SpokenText, ...],
        fields: int,
        covers: Coverage = Coverage.CHECKED,
        sampled_out: bool = False,
        context: str = "",
    ) -> None:
        record = exchange.record
        who = (record.team, record.project, record.policy, record.version)
        origin = Origin(record.id, record.endpoint, *who, record.revision, record.arm)
        exchange.outbox.submit(
            ClassificationJob(
                origin,
                self.name,
                self._section.classifier,
                direction,
                self.action,
                texts,
                fields,
                covers,
                sampled_out,
                self.is_reviewed,
                context,
            )
        )


class _Message(NamedTuple):
    """A message of a request, and the number of its texts."""

    spoken: SpokenText
    fields: int


def _question(request: RequestView) -> list[str]:
    """The texts of the user's last message."""
    asked = [field for field in request.spoken_texts if field.source.speaker is Speaker.USER and field.text]
    return [field.text for field in asked if field.message == asked[-1].message]


def _message_of(field: TextField) -> tuple[object, Speaker]:
    return field.message, field.source.speaker


class GatheringStage:
    """Releases the text immediately, and keeps its first ``chars_max`` characters."""

    __slots__ = ("_kept", "_room", "is_cut", "rejected")

    def __init__(self, chars_max: int) -> None:
        self._kept = StringIO()  # appends in place: the cost of a piece does not grow with the text
        self._room = chars_max
        self.is_cut = False
        self.rejected = False

    @property
    def text(self) -> str:
        """The collected text."""
        return self._kept.getvalue()

    def feed(self, text: str) -> str:
        """Collect text up to the limit."""
        if len(text) > self._room:
            self.is_cut = True
        if self._room:
            self._room -= self._kept.write(text[: self._room])
        return text

    def close(self) -> str:
        """Nothing is held."""
        return ""

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> Stage:
        """A stage that collects nothing, because collecting is all that this stage does."""
        return GatheringStage(0)
