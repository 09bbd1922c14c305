"""Has texts judged by a classifier: a model that takes too long for the way of an exchange.

The guard only chooses what is to be judged. With ``await_ms`` it asks, and the request waits for the verdict. Else the
texts are handed on to be judged when there is time, the request's at once and the answer's at the end of the exchange,
and nothing waits. What was left out (texts that are too many or too long, exchanges that are not of the sample) shows
in the coverage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import StringIO
from itertools import groupby

from extproc.config.guards.classifier import ClassifierGuard as ClassifierSection
from extproc.domain.beside import Ask, Found, Judgement, Origin, SpokenText
from extproc.domain.errors import ApiError
from extproc.domain.record import Action, Coverage, Outcome
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeFacts, Guard
from extproc.payload.view import RequestView, TextField

_COMPLETE = (Outcome.COMPLETED, Outcome.CUT)
_JUDGED_KINDS = frozenset({Kind.CONTENT, Kind.REASONING, Kind.REFUSAL, Kind.JSON})  # of answers
_DRAWS = 1 << 64
_MESSAGE_DEPTH = 2  # ("messages", 3, ...): what has this much of its path in common is one message


class ClassifierGuard(Guard):
    """Chooses texts, and counts an awaited verdict."""

    judges_beside = True

    def __init__(self, section: ClassifierSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        self.cuts_answers = self.changes_answers = False
        self._section = section
        self._speakers = frozenset(Speaker(name) for name in section.speakers)
        self._on_request = Direction.REQUEST in self.directions
        self.on_response = Direction.RESPONSE in self.directions
        self._drawn_below = round(section.sample * _DRAWS)

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Ask for a verdict, or hand the texts on."""
        if not self._on_request:
            return None
        if request.unread:
            exchange.record.cover(self.name, Coverage.SKIPPED_UNREADABLE)
        spoken = self._messages(request)
        if not spoken:
            exchange.record.cover(self.name, Coverage.SKIPPED_NO_TEXT)
            return None
        if not self.is_drawn(exchange.record.id):
            self._hand_on(exchange, Direction.REQUEST, (), sampled_out=True)
            return None
        section = self._section
        is_whole = len(spoken) <= section.texts_max and all(len(one.text) <= section.chars_max for one in spoken)
        texts = tuple(SpokenText(speaker, text[: section.chars_max]) for speaker, text in spoken[-section.texts_max :])
        seen = Coverage.CHECKED if is_whole else Coverage.SKIPPED_INCOMPLETE
        if section.await_ms is None:
            self._hand_on(exchange, Direction.REQUEST, texts, seen)
        else:
            exchange.record.cover(self.name, seen)
            exchange.asks.append(Ask(self.name, section.classifier, texts, section.await_ms))
        return None

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """A request was looked at whole; an answer is gathered."""
        return self.on_response and any(source.direction is Direction.RESPONSE for source, _ in texts)

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage | None:
        """A stage that gathers what the client gets, once for a channel: a text that comes again whole is known."""
        if source.direction is not Direction.RESPONSE or source.kind not in _JUDGED_KINDS:
            return None
        if (self.name, source) in exchange.gathered or not self.is_drawn(exchange.record.id):
            return None
        stage = exchange.gathered[self.name, source] = GatheringStage(self._section.chars_max)
        return stage

    def on_verdict(self, found: Sequence[Found], exchange: ExchangeFacts) -> ApiError | None:
        """Refuse the request at any finding, if the guard blocks."""
        for _, finding in found:
            self.report(exchange, Direction.REQUEST, finding)
        return self.rejection() if found and self.action is Action.BLOCK else None

    def on_end(self, exchange: ExchangeFacts) -> None:
        """Hand on what was gathered of the answer, a text for each choice."""
        if not self.on_response:
            return
        if not self.is_drawn(exchange.record.id):
            self._hand_on(exchange, Direction.RESPONSE, (), sampled_out=True)
            return
        mine = {source: stage for (name, source), stage in exchange.gathered.items() if name == self.name}
        choices: dict[int, list[GatheringStage]] = {}
        for source in sorted(mine):  # not in the order in which a stream brought them
            if mine[source].text:
                choices.setdefault(source.choice, []).append(mine[source])
        if not choices:
            exchange.record.cover(self.name, Coverage.SKIPPED_NO_ANSWER)
            return
        whole = [self._text_of(stages) for stages in choices.values()]
        is_complete = all(complete for _, complete in whole) and exchange.record.outcome in _COMPLETE
        seen = Coverage.CHECKED if is_complete else Coverage.SKIPPED_INCOMPLETE
        texts = tuple(SpokenText(Speaker.ASSISTANT, text) for text, _ in whole)
        self._hand_on(exchange, Direction.RESPONSE, texts, seen)

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "unsafe_content", self.message)

    def is_drawn(self, exchange_id: str) -> bool:
        """Whether an exchange is of the sample: the same for the same id and guard, wherever it is asked."""
        if self._drawn_below >= _DRAWS:
            return True
        drawn = hashlib.blake2b(f"{self.name}\x00{exchange_id}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") < self._drawn_below

    def _messages(self, request: RequestView) -> list[SpokenText]:
        """The parts of a message as one text: the model reads them so, and what is divided among them shows."""
        judged = [field for field in request.texts if field.text and field.source.speaker in self._speakers]
        return [
            SpokenText(speaker, "\n".join([field.text for field in fields]))
            for (_, speaker), fields in groupby(judged, key=_message_of)
        ]

    def _text_of(self, stages: Sequence[GatheringStage]) -> tuple[str, bool]:
        """The texts of a choice as one, and whether it is all of it."""
        text = "\n".join(stage.text for stage in stages)
        chars_max = self._section.chars_max
        return text[:chars_max], len(text) <= chars_max and not any(stage.is_cut for stage in stages)

    def _hand_on(
        self,
        exchange: ExchangeFacts,
        direction: Direction,
        texts: tuple[SpokenText, ...],
        covers: Coverage = Coverage.CHECKED,
        sampled_out: bool = False,
    ) -> None:
        record = exchange.record
        origin = Origin(record.id, record.endpoint, record.team, record.project, record.policy, record.version)
        exchange.judgements.append(
            Judgement(origin, self.name, self._section.classifier, direction, self.action, texts, covers, sampled_out)
        )


def _message_of(field: TextField) -> tuple[object, Speaker]:
    return field.path[:_MESSAGE_DEPTH], field.source.speaker


class GatheringStage:
    """Lets the text pass at once, and keeps its first ``chars_max`` characters."""

    __slots__ = ("_kept", "_room", "is_cut", "rejected")

    def __init__(self, chars_max: int) -> None:
        self._kept = StringIO()  # appends in place: the cost of a piece does not grow with what came before
        self._room = chars_max
        self.is_cut = False
        self.rejected = False

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.getvalue()

    def feed(self, text: str) -> str:
        """Keep what there is room for."""
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
        """A stage that keeps nothing: this one only keeps."""
        return GatheringStage(0)
