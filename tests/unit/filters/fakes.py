"""Filters that do one small thing, to try the chain with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from extproc.config.models import CompiledModel
from extproc.config.section import Mode, OnError
from extproc.domain.contract import UNKNOWN_IDENTITY
from extproc.domain.errors import ApiError
from extproc.domain.finding import Finding
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Direction, Stage, TextSource
from extproc.filters.base import ExchangeContext, ExchangeFacts, Filter, FindingReporter
from extproc.payload.endpoints import CHAT
from extproc.payload.view import RequestView


class Broken(Exception):
    """What a fake raises."""


class FakeStage:
    """Holds the last ``holds`` characters; upper-cases; may reject or raise when it meets a character."""

    def __init__(self, owner: FakeFilter) -> None:
        self.owner = owner
        self.rejected = False
        self._held = ""
        self.closed = 0

    def feed(self, text: str) -> str:
        """Take a piece."""
        self._held += text
        self.owner.fed += text
        if self.owner.raises_at and self.owner.raises_at in self._held:
            raise Broken
        ready = max(0, len(self._held) - self.owner.holds)
        return self._give(ready)

    def close(self) -> str:
        """Give the rest."""
        self.closed += 1
        if self.owner.raises_on_close:
            raise Broken
        return self._give(len(self._held))

    def held(self) -> str:
        """What is held."""
        return self._held

    def fork(self) -> Stage:
        """A copy."""
        copy = FakeStage(self.owner)
        copy._held = self._held
        return copy

    def _give(self, chars: int) -> str:
        given, self._held = self._held[:chars], self._held[chars:]
        if self.owner.rejects_at and self.owner.rejects_at in given:
            self.rejected = True
            given = given[: given.index(self.owner.rejects_at)]
        return self.owner.change(given)


class FakeFilter(Filter):
    """One fake."""

    directions = frozenset(Direction)

    def __init__(
        self,
        name: str,
        *,
        holds: int = 0,
        rejects_at: str = "",
        raises_at: str = "",
        raises_on_close: bool = False,
        raises: bool = False,
        raises_on_request: bool = False,
        replaces: Mapping[str, str] | None = None,
        on_error: OnError = OnError.CLOSED,
        looks_only: bool = False,
        mode: Mode = Mode.ENFORCE,
    ) -> None:
        super().__init__(mode, on_error)
        self.name = name
        self.holds = holds
        self.rejects_at = rejects_at
        self.raises_at = raises_at
        self.raises_on_close = raises_on_close
        self.raises = raises
        self.raises_on_request = raises_on_request
        self.replaces = replaces or {}
        self.changes_responses = not looks_only
        self.cuts_responses = bool(rejects_at)
        self.fed = ""

    def change(self, text: str) -> str:
        """The text after the filter."""
        for old, new in self.replaces.items():
            text = text.replace(old, new)
        return text

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Pass, or raise."""
        if self.raises_on_request:
            raise Broken
        return None

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage, or an error."""
        if self.raises:
            raise Broken
        return FakeStage(self)

    def rejection(self) -> ApiError:
        """What the client reads."""
        return ApiError(400, "invalid_request_error", self.name, "No.")


class Heard(FindingReporter):
    """Tells a function of each finding, and no exchange."""

    def __init__(self, on_finding: Callable[[Finding], None]) -> None:
        self.on_finding = on_finding

    def note_released(self, text: str) -> None:
        """Keep nothing."""

    def set_text(self, text: str, begins: bool = True, ends: bool = True) -> None:
        """Look away."""

    def report(self, finding: Finding) -> None:
        """Pass it on."""
        self.on_finding(finding)


def exchange_of(
    models: Mapping[str, CompiledModel] = MappingProxyType({}),
    headers: Mapping[str, str] = MappingProxyType({}),
    unrouted: frozenset[str] = frozenset(),
) -> ExchangeContext:
    """An exchange that has just begun."""
    record = ExchangeRecord("exchange-1", "revision", 0, team=UNKNOWN_IDENTITY)
    return ExchangeContext(ExchangeFacts(CHAT, headers, models, unrouted), record)
