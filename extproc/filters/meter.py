"""Ensures that tokens can be counted: requests usage from the server on streams if the client did not."""

from __future__ import annotations

from typing import Self

from extproc.config.filters import MeterSection
from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.filters.base import ExchangeContext, Filter, Resources
from extproc.payload.view import RequestView


class MeterFilter(Filter):
    """Requests usage, and enables metering for the exchange."""

    name = "meter"

    @classmethod
    def build(cls, section: MeterSection, _: Resources) -> Self:
        """Build the filter with its own key."""
        return cls(section.mode, section.on_error, section.continuous_usage)

    def __init__(self, mode: Mode, on_error: OnError, continuous_usage: bool) -> None:
        super().__init__(mode, on_error)
        self._continuous_usage = continuous_usage

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Request usage."""
        exchange.record.metered = True
        if self.enforced:
            exchange.facts.dialect.ask_for_usage(request, self._continuous_usage)
        return None
