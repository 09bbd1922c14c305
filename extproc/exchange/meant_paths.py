"""The path that a request probably meant, where a client's base URL says too much or too little."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from extproc.config.checks import INFERENCE_DOORS
from extproc.domain.contract import ENDPOINT_PATHS, MODELS_PATH

PATH_CHARS_MAX: Final = 200
"""Of a path that is looked at; no base URL is as long."""
_ROOT: Final = "/v1/"
_TAILS: Final = {path: path.removeprefix(_ROOT).split("/") for path in (*ENDPOINT_PATHS.values(), MODELS_PATH)}
_OF_BASE_URLS: Final = frozenset(
    {"v1", "api", "openai", "anthropic", *(word for tail in _TAILS.values() for word in tail)}
)
"""What may stand before the last words of a path: a base URL, or an endpoint that was taken for one."""


def meant_path(path: str, lists_models: bool) -> str | None:
    """``/chat/completions`` and ``/v1/v1/chat/completions/`` mean ``/v1/chat/completions``; None if nothing is near.

    A path of the model server that is refused, such as ``/rerank``, means itself.

    Args: lists_models: whether the list of models is served.
    """
    if len(path) > PATH_CHARS_MAX or path in INFERENCE_DOORS:
        return None
    words = [word for word in path.lower().split("/") if word]
    near = [known for known, tail in _TAILS.items() if words[-len(tail) :] == tail and _begins(words[: -len(tail)])]
    meant = max(near, key=len, default=None)
    return None if meant == path or (meant == MODELS_PATH and not lists_models) else meant


def _begins(words: Iterable[str]) -> bool:
    return all(word in _OF_BASE_URLS for word in words)


def base_url_hint(path: str) -> str:
    """What the base URL of a client of this path ends in."""
    if path.startswith(ENDPOINT_PATHS["messages"]):
        return "The base URL of an Anthropic client ends before /v1."
    return "The base URL of an OpenAI client ends in /v1, once."
