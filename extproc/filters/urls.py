"""URLs in requests and responses: their targets, and images that a client loads automatically."""

from __future__ import annotations

from typing import Final

from extproc.config.guards.urls import UrlsSection
from extproc.detectors.rules.hosts import HostRules
from extproc.detectors.rules.urls import FoundUrl, UrlRules, UrlScan, may_hold_url
from extproc.domain.finding import Evidence, Finding
from extproc.domain.pace import Pace
from extproc.domain.reasons import Reason
from extproc.domain.text import Speaker
from extproc.filters.scanning import ScanningGuard
from extproc.payload.view import RequestView

_RULES: Final = {
    "URL_SCHEME": "its scheme is in `schemes_deny`",
    "URL_IMAGE": "it loads an image, and `images` is `block`",
    "URL_HOST": "its host is not in `allow`, or in `deny`, or an IP address",
}


class UrlsGuard(ScanningGuard[FoundUrl]):
    """Checks every text of its directions and speakers."""

    code = "url_not_allowed"
    mask = "<URL>"

    def __init__(self, section: UrlsSection) -> None:
        super().__init__(section, map(Speaker, section.speakers))
        hosts = HostRules(section.allow, section.deny, section.ip_addresses == "allow")
        self._rules = UrlRules(hosts, frozenset(section.schemes_deny), section.images == "as_links")

    def find_outside_stages(self, request: RequestView, pace: Pace) -> list[tuple[str, str, list[FoundUrl]]]:
        """Also checks addresses that the server would fetch."""
        addresses = [(speaker, address, self.find(address, pace)) for speaker, address in request.media_addresses]
        return [one for one in addresses if one[2]] + super().find_outside_stages(request, pace)

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """Which rule forbids the URL."""
        return [Reason("rule", _RULES[evidence.finding.kind])]

    def might_match(self, text: str) -> bool:
        """A prefilter on the beginnings of URLs."""
        return may_hold_url(text)

    def scan(self) -> UrlScan:
        """A scan for URLs."""
        return UrlScan(self._rules)

    def finding_of(self, spot: FoundUrl) -> Finding:
        """The part of the URL that was checked: the rest may not have arrived yet."""
        return Finding(spot.kind, spot.start, spot.judged_end, 1.0, "urls")
