"""Restricts the topics of a conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from extproc.config.guards.topics import Topic, TopicsSection
from extproc.detectors.rules.topics import Reached, TopicBook, TopicScan
from extproc.detectors.text.phrases import count_words
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.pace import Pace, slices
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard
from extproc.filters.observe import ObservingStage
from extproc.payload.joined import JoinedText, message_texts
from extproc.payload.view import RequestView

_OFF_TOPIC: Final = "OFF_TOPIC"
_JUDGED: Final = frozenset({Kind.CONTENT, Kind.REASONING, Kind.REFUSAL})


class TopicsGuard(Guard):
    """Checks each message of a request as a whole, and a response as it arrives."""

    code = "topic_not_allowed"
    judges_each_alone = False
    finds_data = False

    def __init__(self, section: TopicsSection) -> None:
        super().__init__(section)
        self._denied = _book(section.deny)
        self._allowed = _book(section.allow) if section.allow else None
        self._threshold = section.threshold
        self._words_min = section.words_min
        self._speakers = frozenset(map(Speaker, section.speakers))

    def applies_to(self, source: TextSource) -> bool:
        """Texts of the configured speakers, of users if topics are required, and of responses."""
        if source.direction is Direction.RESPONSE:
            return super().applies_to(source) and source.kind in _JUDGED
        speaks = source.speaker in self._speakers or (self._allowed is not None and source.speaker is Speaker.USER)
        return super().applies_to(source) and speaks

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Report each denied topic once, and the last message if it is off topic."""
        if Direction.REQUEST not in self.directions:
            return None
        told: set[str] = set()
        for finding, message in self._found_in(request, exchange.pace):
            if finding.kind not in told:
                told.add(finding.kind)
                evidence = Evidence(finding, message.text, message.source.speaker.value)
                self.report(exchange, Direction.REQUEST, evidence)
        return self.rejection() if told and self.action is Action.BLOCK else None

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The words of the topic, each with its share; or that no word of an allowed topic occurs."""
        finding = evidence.finding
        if finding.kind == _OFF_TOPIC:
            return [Reason("rule", "no word of a topic in `allow` occurs")]
        topic = next(name for name in self._denied.names if _kind_of(name) == finding.kind)
        shares = self._denied.shares(topic, evidence.text[: finding.end])
        return [Reason("phrase", phrase, share) for phrase, share in shares]

    def thresholds(self, speaker: str) -> dict[str, float]:
        """The share of a topic's weight that must be reached."""
        return {self.action.value: self._threshold}

    def _found_in(self, request: RequestView, pace: Pace) -> Iterator[tuple[Finding, JoinedText]]:
        judged = [field for field in request.texts if field.source.speaker in self._speakers]
        for message in message_texts(judged):
            pace.check()
            if self._denied.phrases.might_match(message.text):
                for reached in self._reached_in(message.text, pace):
                    yield _finding(_kind_of(reached.topic), reached.start, reached.end), message
        if self._allowed is not None:
            asked = message_texts([field for field in request.texts if field.source.speaker is Speaker.USER])
            if asked and self._is_off_topic(asked[-1].text):
                yield _finding(_OFF_TOPIC, 0, len(asked[-1].text)), asked[-1]

    def _reached_in(self, text: str, pace: Pace) -> Iterator[Reached]:
        scan = TopicScan(self._denied, self._threshold)
        before = 0
        for piece in slices(text):
            pace.check()
            for reached in scan.push(piece, closing=before + len(piece) == len(text)):
                yield Reached(reached.topic, reached.start + before, reached.end + before)
            before += len(piece)

    def _is_off_topic(self, text: str) -> bool:
        return self._allowed is not None and not self._allowed.score(text) and count_words(text) >= self._words_min

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """A prefilter on the words of a response; a request was checked as a whole."""
        judged = [text for source, text in texts if source.direction is Direction.RESPONSE and self.applies_to(source)]
        return bool(judged) and self._denied.phrases.might_match("\n".join(judged))

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage on the text of a response."""
        if source.direction is Direction.REQUEST:
            return None
        scan = TopicScan(self._denied, self._threshold)
        stage = TopicStage(scan, self.action is Action.BLOCK, FindingReporter(self, source, exchange))
        return stage if self.action is Action.BLOCK else ObservingStage(stage)


def _book(topics: Sequence[Topic]) -> TopicBook:
    return TopicBook([(topic.name, topic.words) for topic in topics])


def _kind_of(topic: str) -> str:
    return topic.upper()


def _finding(kind: str, start: int, end: int) -> Finding:
    return Finding(kind, start, end, 1.0, "topics.words")


class TopicStage:
    """Releases text as it arrives; if it ``rejects``, up to the word with which a denied topic is reached."""

    __slots__ = ("_rejects", "_reporter", "_scan", "rejected")

    def __init__(self, scan: TopicScan, rejects: bool, reporter: FindingReporter) -> None:
        self._scan = scan
        self._rejects = rejects
        self._reporter = reporter
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece."""
        return self._judge(text, closing=False) if text else ""

    def close(self) -> str:
        """The last word is complete."""
        return self._judge("", closing=True)

    def held(self) -> str:
        """Nothing is held."""
        return ""

    def fork(self) -> TopicStage:
        """A stage in the same state that reports nothing."""
        copy = TopicStage(self._scan.copy(), self._rejects, NULL_REPORTER)
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str, *, closing: bool) -> str:
        for reached in self._scan.push(text, closing=closing):
            self._reporter.set_text(text, ends=closing)
            self._reporter.report(_finding(_kind_of(reached.topic), reached.start, reached.end))
            if self._rejects:
                self.rejected = True
                return text[: max(reached.end, 0)]
        self._reporter.note_released(text)
        return text
