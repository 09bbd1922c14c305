"""Inserts the chosen version's system prompt. It runs after the guards, because inserted text is not checked."""

from __future__ import annotations

from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.filters.base import ExchangeContext, Filter
from extproc.payload.view import RequestView


class PromptFilter(Filter):
    """Inserts the prompt; in shadow it does nothing, as there is nothing to decide."""

    name = "prompt"

    def __init__(self, mode: Mode, on_error: OnError) -> None:
        super().__init__(mode, on_error)
        self.inserts_prompt = self.enforced

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Insert the prompt, if the version has one."""
        choice = exchange.choice
        if choice is not None and choice.prompt and self.enforced:
            exchange.facts.dialect.insert_prompt(request, choice.prompt, choice.prompt_replaces)
            if exchange.facts.dialect.templated:
                request.inserted, request.inserted_replaces = choice.prompt, choice.prompt_replaces
        return None
