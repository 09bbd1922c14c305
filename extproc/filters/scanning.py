"""Bases for guards that check texts of configured speakers, and for those that find spans with a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Generic

from extproc.config.guards.banned import BannedSection
from extproc.config.guards.harm import HarmSection
from extproc.config.guards.urls import UrlsSection
from extproc.detectors.text.scanned import FoundT, Scan, Scanned
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.pace import Pace, slices
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard
from extproc.filters.json_text import JsonTextStage, may_hide
from extproc.filters.observe import ObservingStage
from extproc.payload.joined import found_only_joined
from extproc.payload.view import RequestView


class SpeakersGuard(Guard):
    """Checks responses, and texts of configured speakers in requests; reviewers must read its findings."""

    finds_data = False

    def __init__(self, section: BannedSection | UrlsSection | HarmSection, speakers: Iterable[Speaker]) -> None:
        super().__init__(section)
        self._speakers = frozenset(speakers)

    def applies_to(self, source: TextSource) -> bool:
        """Texts of the configured speakers, and responses."""
        return super().applies_to(source) and (
            source.direction is Direction.RESPONSE or source.speaker in self._speakers
        )

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """A prefilter over all texts as one.

        An escape in a JSON text may hide a finding; a bare control character is rewritten as an escape even without
        one.
        """
        judged = [(source, text) for source, text in texts if self.applies_to(source)]
        if may_hide(judged):
            return True
        return bool(judged) and self.might_match("\n".join([text for _, text in judged]))

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage:
        """A stage that checks a text; JSON texts are checked string by string, so they remain JSON."""
        stage = self.text_stage(source, FindingReporter(self, source, exchange), bare=False)
        if source.kind is Kind.JSON:
            stage = JsonTextStage(stage, self.text_stage(source, FindingReporter(self, source, exchange), bare=True))
        return stage if self.action in (Action.MASK, Action.BLOCK) else ObservingStage(stage)

    def might_match(self, text: str) -> bool:
        """False only if nothing can be found in the text."""
        raise NotImplementedError

    def text_stage(self, source: TextSource, reporter: FindingReporter, bare: bool) -> Stage:
        """A stage for a text; with ``bare``, for the text outside of strings in JSON."""
        raise NotImplementedError


class ScanningGuard(SpeakersGuard, Generic[FoundT]):
    """Masks or refuses the findings of a scan."""

    mask: str

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Check places that no stage sees; they cannot be masked, so a finding refuses the request."""
        if Direction.REQUEST not in self.directions:
            return None
        found = self.find_outside_stages(request, exchange.pace)
        for speaker, text, spots in found:
            for spot in spots:
                self.report(exchange, Direction.REQUEST, Evidence(self.finding_of(spot), text, speaker))
        return self.rejection() if found and self.action in (Action.BLOCK, Action.MASK) else None

    def find_outside_stages(self, request: RequestView, pace: Pace) -> list[tuple[str, str, list[FoundT]]]:
        """Findings that span parts of a message. Returns: for each the speaker, the joined text, and the findings."""
        judged = [field for field in request.texts if self.applies_to(field.source)]
        found_in = found_only_joined(judged, partial(self.find, pace=pace))
        return [(joined.source.speaker.value, joined.text, found) for joined, found in found_in]

    def text_stage(self, source: TextSource, reporter: FindingReporter, bare: bool) -> Stage:
        """A stage that masks or rejects; a mask outside of strings in JSON must be a string."""
        mask = None if self.action is Action.BLOCK else f'"{self.mask}"' if bare else self.mask
        return ScanStage(self.scan(), mask, self.finding_of, reporter)

    def scan(self) -> Scan[FoundT]:
        """A scan of a text from its beginning."""
        raise NotImplementedError

    def find(self, text: str, pace: Pace) -> list[FoundT]:
        """The findings in a whole text. Raises: as the pace does."""
        pace.check()
        if not self.might_match(text):
            return []
        scan, found = self.scan(), []
        before = 0
        for piece in slices(text):
            pace.check()
            begin = before - len(scan.undecided)
            before += len(piece)
            found += [spot.moved(begin) for spot in scan.push(piece, closing=before == len(text)).found]
        return found

    def finding_of(self, spot: FoundT) -> Finding:
        """The finding to report."""
        raise NotImplementedError


class ScanStage(Generic[FoundT]):
    """Holds a possible beginning of a finding; masks or rejects findings.

    ``mask`` replaces a finding; it is None if findings reject.
    """

    __slots__ = ("_finding_of", "_mask", "_reporter", "_scan", "rejected")

    def __init__(
        self, scan: Scan[FoundT], mask: str | None, finding_of: Callable[[FoundT], Finding], reporter: FindingReporter
    ) -> None:
        self._scan = scan
        self._mask = mask
        self._finding_of = finding_of
        self._reporter = reporter
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: the decided text."""
        return self._judge(text, closing=False) if text else ""

    def close(self) -> str:
        """Decide about the held text: a complete finding, or only a beginning."""
        released = self._judge("", closing=True)
        self._reporter.note_released("\n")
        return released

    def held(self) -> str:
        """The undecided text."""
        return self._scan.undecided

    def fork(self) -> ScanStage[FoundT]:
        """A stage in the same state that reports nothing."""
        copy = ScanStage(self._scan.copy(), self._mask, self._finding_of, NULL_REPORTER)
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str, *, closing: bool) -> str:
        scanned = self._scan.push(text, closing=closing)
        if scanned.found:
            return self._replace(scanned, closing)
        settled = scanned.text[: scanned.settled]
        self._reporter.note_released(settled)
        return settled[scanned.ongoing :]  # the mask for earlier text was written at the finding

    def _replace(self, scanned: Scanned[FoundT], closing: bool) -> str:
        reporter = self._reporter
        reporter.set_text(scanned.text, ends=closing)
        pieces: list[str] = []
        done = scanned.ongoing
        for spot in scanned.found:
            reporter.report(self._finding_of(spot))
            pieces.append(scanned.text[done : spot.start])
            if self._mask is None:
                self.rejected = True
                return "".join(pieces)
            pieces.append(self._mask)
            done = spot.end
        pieces.append(scanned.text[done : scanned.settled])
        reporter.note_released(scanned.text[: scanned.settled])
        return "".join(pieces)
