"""URLs in requests and answers: where they lead, and images that are loaded unasked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from extproc.config.guards.urls import UrlsGuard as UrlsSection
from extproc.detectors.hosts import HostRules
from extproc.detectors.urls import UrlRules, UrlScan, may_hold_url
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeFacts, Guard, tell_nobody
from extproc.filters.json_text import JsonTextStage, may_hide
from extproc.filters.observe import ObservingStage
from extproc.payload.joined import found_only_joined
from extproc.payload.request_shape import media_addresses
from extproc.payload.view import RequestView

_MASK = "<URL>"


class UrlsGuard(Guard):
    """Looks at every text of its directions and speakers."""

    def __init__(self, section: UrlsSection) -> None:
        super().__init__(section, section.guard, section.on, section.action, section.message)
        hosts = HostRules(section.allow, section.deny, section.ip_addresses == "allow")
        self._rules = UrlRules(hosts, frozenset(section.schemes_deny), section.images == "as_links")
        self._speakers = frozenset(map(Speaker, section.speakers))

    def sees(self, source: TextSource) -> bool:
        """What the chosen speakers say, and answers."""
        return super().sees(source) and (source.direction is Direction.RESPONSE or source.speaker in self._speakers)

    def on_request(self, request: RequestView, exchange: ExchangeFacts) -> ApiError | None:
        """Look for what is divided among the parts of a message, and for addresses that the server would fetch.

        No mask can stand in two places, or in the place of an address, so these refuse.
        """
        if Direction.REQUEST not in self.directions:
            return None
        judged = [field for field in request.texts if self.sees(field.source)]
        found = [finding for address in media_addresses(request) for finding in self._find(address)]
        found += [finding for group in found_only_joined(judged, self._find) for finding in group]
        for finding in found:
            self.report(exchange, Direction.REQUEST, finding)
        return self.rejection() if found and self.action in (Action.BLOCK, Action.MASK) else None

    def may_find(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """One look at all texts.

        An escape in a JSON text may hide what is looked for; a bare control character is written as one, found or not.
        """
        judged = [(source, text) for source, text in texts if self.sees(source)]
        if may_hide(judged):
            return True
        return may_hold_url("\n".join([text for _, text in judged]))

    def stage(self, source: TextSource, exchange: ExchangeFacts) -> Stage:
        """A stage that looks for URLs; JSON texts are judged string by string, so that they stay JSON."""

        def on_finding(finding: Finding) -> None:
            self.report(exchange, source.direction, finding)

        stage: Stage = UrlStage(UrlScan(self._rules), self._mask(_MASK), on_finding)
        if source.kind is Kind.JSON:
            stage = JsonTextStage(stage, UrlStage(UrlScan(self._rules), self._mask(f'"{_MASK}"'), on_finding))
        return stage if self.action in (Action.MASK, Action.BLOCK) else ObservingStage(stage)

    def _find(self, text: str) -> list[Finding]:
        return UrlScan(self._rules).push(text, closing=True).findings if may_hold_url(text) else []

    def _mask(self, written: str) -> str | None:
        return None if self.action is Action.BLOCK else written

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", "url_not_allowed", self.message)


class UrlStage:
    """Holds back what may be the beginning of a URL, until its host is known; masks or rejects URLs.

    ``mask`` stands in the place of a URL, or is None where URLs reject; ``on_finding`` is told of each.
    """

    __slots__ = ("_mask", "_on_finding", "_scan", "rejected")

    def __init__(self, scan: UrlScan, mask: str | None, on_finding: Callable[[Finding], None]) -> None:
        self._scan = scan
        self._mask = mask
        self._on_finding = on_finding
        self.rejected = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is decided."""
        return self._judge(text, closing=False) if text else ""

    def close(self) -> str:
        """What is held was the beginning of a URL, or all of it."""
        return self._judge("", closing=True)

    def held(self) -> str:
        """What may be the beginning of a URL."""
        return self._scan.undecided

    def fork(self) -> UrlStage:
        """A stage in the same state that tells nobody what it finds."""
        copy = UrlStage(self._scan.copy(), self._mask, tell_nobody)
        copy.rejected = self.rejected
        return copy

    def _judge(self, text: str, *, closing: bool) -> str:
        scanned = self._scan.push(text, closing=closing)
        pieces: list[str] = []
        done = scanned.ongoing  # of a URL whose mask was written when it was found
        for finding in scanned.findings:
            self._on_finding(finding)
            pieces.append(scanned.text[done : finding.start])
            if self._mask is None:
                self.rejected = True
                return "".join(pieces)
            pieces.append(self._mask)
            done = finding.end
        pieces.append(scanned.text[done : scanned.settled])
        return "".join(pieces)
