"""Restricts roles in a request: clients that must not set the system prompt, or prefill the model's response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extproc.config.guards.roles import RolesSection
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction, Speaker, TextSource
from extproc.filters.base import ExchangeContext, Guard
from extproc.payload.view import RequestView


class RolesGuard(Guard):
    """Checks the roles in a request, not the texts."""

    code = "role_not_allowed"
    judges_each_alone = False

    def __init__(self, section: RolesSection) -> None:
        super().__init__(section)
        self._allowed = frozenset(map(Speaker, section.allowed))
        self._prefill = section.prefill

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Report each role that is not allowed."""
        kinds = list(self._not_allowed(request))
        for kind in kinds:
            self.report(exchange, Direction.REQUEST, Evidence(Finding(kind, 0, 0, 1.0, "roles")))
        return self.rejection() if kinds and self.action is Action.BLOCK else None

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The role, or the prefill."""
        kind = evidence.finding.kind
        prefill = "the last message is the assistant's, and `prefill` is false"
        return [Reason("rule", prefill if kind == "PREFILL" else f"{kind[5:].lower()} is not in `allowed`")]

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """False: there is no stage, as the request was checked as a whole."""
        return False

    def _not_allowed(self, request: RequestView) -> Iterator[str]:
        for speaker in sorted(request.speakers - self._allowed):
            yield f"ROLE_{speaker.upper()}"
        if not self._prefill and request.is_prefilled:
            yield "PREFILL"
