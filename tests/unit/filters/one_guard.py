"""A request under one guard."""

from __future__ import annotations

from typing import Any

from extproc.exchange.events import RequestBody
from tests.playbooks.driver import Conversation, dumps, request_headers, snapshot_of

CHAT, COMPLETIONS, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"
USER: dict[str, Any] = {"role": "user", "content": "Good morning"}


def talk_of(section: dict[str, Any], path: str = CHAT, **fields: Any) -> Conversation:
    """A request under one guard; a refused one is over."""
    talk = Conversation(snapshot_of(section))
    talk.hears(request_headers(path))
    talk.hears(RequestBody(dumps({"model": "tiny", **fields})))
    return talk


def code_of(talk: Conversation) -> str | None:
    """The code of the error that a client got, None if the request went on."""
    if talk.server is not None:
        return None
    error = talk.client_json["error"]
    return str(error.get("code", error["type"]))
