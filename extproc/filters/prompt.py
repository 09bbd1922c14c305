"""Inserts the system prompt of the exchange. It runs after the guards, because inserted text is not checked."""

from __future__ import annotations

from datetime import UTC, datetime

from extproc.config.prompt_template import CompiledPrompt
from extproc.config.section import Mode, OnError
from extproc.domain.errors import ApiError
from extproc.filters.base import ExchangeContext, Filter
from extproc.payload.dialect import Dialect
from extproc.payload.view import RequestView


class PromptFilter(Filter):
    """Inserts the prompt; in shadow it does nothing, as there is nothing to decide."""

    name = "prompt"

    def __init__(self, mode: Mode, on_error: OnError) -> None:
        super().__init__(mode, on_error)
        self.inserts_prompt = self.enforced

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Insert the prompt, if there is one for this exchange; with a fallback, the call in role egress inserts it."""
        prompt = exchange.prompt
        if self.enforced and exchange.is_egressed:
            request.show_own()
        if prompt is None or not self.enforced or not is_inserted(prompt, request):
            return None
        if exchange.is_egressed:
            note_inserted(prompt, _filled(prompt, exchange), request, exchange.facts.dialect)
        else:
            insert(prompt, _filled(prompt, exchange), request, exchange.facts.dialect)
        return None


def is_inserted(prompt: CompiledPrompt, request: RequestView) -> bool:
    """Whether a request gets a prompt."""
    return prompt.position != "if_absent" or not request.has_system


def insert(prompt: CompiledPrompt, text: str, request: RequestView, dialect: Dialect) -> None:
    """Insert a prompt whose variables are filled in."""
    dialect.insert_prompt(request, text, prompt.position == "replace")
    note_inserted(prompt, text, request, dialect)


def note_inserted(prompt: CompiledPrompt, text: str, request: RequestView, dialect: Dialect) -> None:
    """Count a prompt that the model reads."""
    if dialect.templated:
        request.inserted, request.inserted_replaces = text, prompt.position == "replace"


def _filled(prompt: CompiledPrompt, exchange: ExchangeContext) -> str:
    """Its text for this exchange."""
    if prompt.is_constant:
        return prompt.constant_text
    record, facts = exchange.record, exchange.facts
    version = record.version
    values = {
        "team": record.team,
        "project": record.project,
        "date": datetime.fromtimestamp(facts.utc_s, UTC).date().isoformat(),
        "model": version.model if version is not None else "",
        "version": version.version if version is not None else "",
    }
    return prompt.filled(values, facts.headers)
