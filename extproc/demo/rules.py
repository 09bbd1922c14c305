"""Rules that choose the recording for a request.

In order: ``[replay NAME]`` in the user's last message, then the first matching rule, then the plain recording of the
endpoint. Unknown endpoints have none: the caller replies with vLLM's own 404.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from extproc.demo.seen import Request
from extproc.domain.contract import ENDPOINT_PATHS, MODELS_PATH

CHAT: Final = "/v1/chat/completions"
COMPLETIONS: Final = "/v1/completions"
RESPONSES: Final = "/v1/responses"
MESSAGES: Final = "/v1/messages"

NOT_FOUND: Final = "err_route"
_CUE: Final = "[replay "
_STEMS: Final = {CHAT: "chat", COMPLETIONS: "comp", RESPONSES: "responses", MESSAGES: "messages"}
# Recordings of other endpoints are named after their paths.
_UNSTREAMED: Final = {
    **{("POST", path): path.removeprefix("/v1/").replace("/", "_") for path in ENDPOINT_PATHS.values()},
    ("GET", MODELS_PATH): "models",
    ("GET", "/health"): "health",
}


@dataclass(frozen=True, slots=True)
class ReplayRule:
    """Answers `path`, streamed or not (None: either), with `recording`.

    `phrase` must occur in the user's last message, case-insensitively; None matches every message.
    """

    path: str
    stream: bool | None
    phrase: str | None
    recording: str

    def matches(self, request: Request, streamed: bool, text: str) -> bool:
        """Whether this rule matches a request whose last user message is `text`."""
        return (
            request.path == self.path
            and self.stream in (None, streamed)
            and (self.phrase is None or self.phrase.casefold() in text.casefold())
        )


def says(phrase: str | None, stem: str, paths: Sequence[str] = (CHAT, RESPONSES, MESSAGES)) -> tuple[ReplayRule, ...]:
    """Rules that answer `phrase` with the dictated text `stem`, in each API, streamed and not."""
    rules = []
    for path in paths:
        name = stem if path == CHAT else f"{_STEMS[path]}_{stem}"
        rules += [ReplayRule(path, False, phrase, name), ReplayRule(path, True, phrase, f"{name}_stream")]
    return tuple(rules)


DEMO_RULES: Final = (
    *says("write to", "greeting_pii"),
    *says("pick a lock", "refusal", (CHAT, RESPONSES)),
    *says("weather in", "chat_tool_auto", (CHAT,)),
    *says(None, "hello"),
)


def choose(request: Request, rules: Sequence[ReplayRule]) -> str:
    """The name of the recording for `request`; `NOT_FOUND` for an unknown endpoint."""
    document = request.document
    text = last_user_text(document)
    if cue := _cue(text):
        return cue
    streamed = document.get("stream") is True
    for rule in rules:
        if rule.matches(request, streamed, text):
            return rule.recording
    if request.method == "POST" and request.path in _STEMS:
        return _STEMS[request.path] + (_stream_suffix(request.path, document) if streamed else "")
    return _UNSTREAMED.get((request.method, request.path), NOT_FOUND)


def _stream_suffix(path: str, document: dict[str, Any]) -> str:
    options = document.get("stream_options")
    if path not in (CHAT, COMPLETIONS) or not isinstance(options, dict) or options.get("include_usage") is not True:
        return "_stream"
    continuous = path == CHAT and options.get("continuous_usage_stats") is True
    return "_stream_usage_continuous" if continuous else "_stream_usage"


def _cue(text: str) -> str | None:
    begin = text.rfind(_CUE)
    end = text.find("]", begin)
    return text[begin + len(_CUE) : end].strip() if 0 <= begin < end else None


def last_user_text(document: dict[str, Any]) -> str:
    """The text of the user's last message, in any of the APIs; empty if there is none."""
    for key in ("messages", "input", "prompt", "query"):
        asked = document.get(key)
        if isinstance(asked, str):
            return asked
        if isinstance(asked, list):
            turns = [turn for turn in asked if isinstance(turn, dict) and turn.get("role") == "user"]
            return _text(turns[-1].get("content")) if turns else _text(asked)
    return ""


def _text(content: Any) -> str:
    """The text of a message's content: a string, or a list of strings and text parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "\n".join(text for text in texts if isinstance(text, str))
