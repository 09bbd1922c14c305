"""``/v1/completions``: one text in, one text per choice out. Source: OpenAI's API reference, vLLM 0.32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import Kind, Speaker, TextSource
from extproc.payload.chat import ask_for_usage
from extproc.payload.dialect import Frame, UnreadableResponse, cut_reason, openai_error
from extproc.payload.openai_request import other_fields, read_object
from extproc.payload.openai_response import ChoiceStream, choices_of, copies_in, ends_of, unnamed_in
from extproc.payload.request_shape import RequestShape
from extproc.payload.usage import usage_of
from extproc.payload.view import (
    RequestPolicy,
    RequestView,
    ResponseView,
    Slot,
    TextField,
    request_source,
    response_source,
    text_fields,
)

_READ: Final = frozenset({"prompt", "suffix"})
_SHAPE: Final = RequestShape(prompts=["prompt"], lengths=["max_tokens"], formats=[("response_format",)])


class Completions:
    """OpenAI's text completions."""

    name: Endpoint = "completions"
    generates = True
    reads_responses = True
    templated = False

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE)
        view.texts += prompt_fields(view, "prompt", policy)
        view.texts += text_fields(view.tree.get("suffix"), ("suffix",), request_source(Speaker.USER))
        view.texts += other_fields(view.tree, _READ)
        view.choices *= _prompts_in(view.tree["prompt"])
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Do nothing: a completion has no system prompt, and the model would continue the text, not obey it."""

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Set ``stream_options.include_usage``."""
        ask_for_usage(request, continuous)

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        choices = choices_of(tree)
        slots = [_text_slot(choice, index) for index, choice in choices] + unnamed_in(tree, choices, "text")
        return ResponseView(tree, slots, usage_of(tree.get("usage")), copies_in(tree, choices), *ends_of(choices))

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """Set ``finish_reason: content_filter``."""
        for index, item in choices_of(view.tree):
            if index == choice:
                item["finish_reason"] = "content_filter"

    def stream(self, shown: Mapping[str, Any]) -> CompletionsStream:
        """A reader for one stream."""
        return CompletionsStream(shown)

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


def prompt_fields(view: RequestView, key: str, policy: RequestPolicy) -> list[TextField]:
    """The texts of a prompt: a string or a list of strings; token ids by policy. Raises: PayloadRefused (400)."""
    prompt = view.tree.get(key)
    source = request_source(Speaker.USER)
    if isinstance(prompt, str):
        return [TextField(source, (key,), prompt)]
    if not isinstance(prompt, list) or not prompt:
        raise refuse(400, "invalid_type", f"{key} must be a string or an array of strings.", key)
    if all(isinstance(item, str) for item in prompt):
        return [TextField(source, (key, index), item) for index, item in enumerate(prompt)]
    if not policy.token_ids_pass or not _are_token_ids(prompt):
        raise refuse(400, "token_ids_not_allowed", f"{key} must be text: token ids cannot be checked here.", key)
    view.unread = (*view.unread, "token_ids")
    return []


def _are_token_ids(prompt: list[Any]) -> bool:
    return all(isinstance(item, int) for item in prompt) or all(
        isinstance(item, list) and all(isinstance(token, int) for token in item) for item in prompt
    )


def _prompts_in(prompt: str | list[Any]) -> int:
    """The number of prompts: a list of numbers is one."""
    return len(prompt) if isinstance(prompt, list) and not isinstance(prompt[0], int) else 1


def _text_slot(choice: dict[str, Any], index: int) -> Slot:
    if not isinstance(choice.get("text"), str):
        raise UnreadableResponse("a choice has no text")
    return Slot(response_source(Kind.CONTENT, index), choice, "text")


class CompletionsStream(ChoiceStream):
    """A streamed completion."""

    __slots__ = ()

    def __init__(self, shown: Mapping[str, Any]) -> None:
        super().__init__(shown, "text")

    def _read_choice(self, frame: Frame, index: int, choice: dict[str, Any]) -> None:
        frame.slots.append(_text_slot(choice, index))

    def carry(self, source: TextSource, text: str) -> bytes:
        """A chunk that carries held text."""
        return self._chunk_of({"index": source.choice, "text": text, "logprobs": None, "finish_reason": None})

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """``finish_reason: content_filter``, or ``length``."""
        return self._chunk_of({"index": choice, "text": "", "logprobs": None, "finish_reason": cut_reason(at_limit)})
