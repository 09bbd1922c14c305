"""What the requests of all APIs have in common: fields that no guard can read, or that a server reads otherwise.

Fields that are not known are read as text: a server newer than we are may show them to the model. Source: vLLM 0.32's
request models; each door here has a recording and a test named after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extproc.domain.errors import refuse
from extproc.domain.text import Kind, Speaker
from extproc.payload.strict_json import parse_strict
from extproc.payload.view import (
    RequestPolicy,
    RequestView,
    TextField,
    expect_bool,
    expect_count,
    expect_object,
    expect_text,
    request_source,
    text_fields,
)

# They put token ids in the place of the prompt, or text where no guard looks, or address another server.
REFUSED_FIELDS = (
    "kv_transfer_params",
    "ec_transfer_params",
    "vllm_xargs",
    "prompt_embeds",
    "chat_template",
    "mm_processor_kwargs",
    "media_io_kwargs",
    "previous_input_messages",
    "previous_response",
    "previous_response_id",
    "conversation",
    "logits_processors",
)
# In requests for an answer: they cut off the prompt's beginning, where the system prompt is, or steer the queue.
_REFUSED_WITH_ANSWERS = ("truncate_prompt_tokens", "priority")
_SUSPECT_FIELDS = frozenset({*REFUSED_FIELDS, *_REFUSED_WITH_ANSWERS, "chat_template_kwargs"})
# Words of the API and keys of caches: the model does not see them, and a mask would break them.
_SILENT_FIELDS = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "cache_salt",
        "prompt_cache_key",
        "request_id",
        "encoding_format",
        "service_tier",
        "truncation",
        "include",
        "logit_bias",
    }
)
# What the model is told by someone else than the application. Not named: tools, schemas, stop words, the user's name.
_SPEAKERS = {"documents": Speaker.DOCUMENT, "chat_template_kwargs": Speaker.USER}

TEXT_PART_KEYS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "thinking": "thinking",
    "refusal": "refusal",
}
_PART_SILENT = frozenset({"type", "cache_control", "signature"})
# Where a part that is not text holds what it is: bytes, or an address.
_MEDIA_KEYS = frozenset({"source", "image_url", "uuid", "data", "file_data", "file_id", "file_url", "detail"})


def read_object(body: bytes, policy: RequestPolicy, *, generates: bool = True) -> RequestView:
    """Parse a request; its texts are still to be read. Raises: PayloadRefused."""
    tree, canonical = parse_strict(body, policy.json_depth_max)
    expect_object(tree)
    if not _SUSPECT_FIELDS.isdisjoint(tree):
        _refuse_fields(tree, policy, generates)
    streamed = expect_bool(tree, "stream")
    options = tree.get("stream_options")
    if options is not None:
        expect_bool(expect_object(options, "stream_options"), "continuous_usage_stats")
    return RequestView(
        body=body,
        tree=tree,
        canonical=canonical,
        texts=[],
        model=expect_text(tree, "model"),
        streamed=streamed,
        choices=expect_count(tree, "n"),
        user=expect_text(tree, "user"),
        usage_asked=bool(options) and expect_bool(options, "include_usage"),
    )


def _refuse_fields(tree: dict[str, Any], policy: RequestPolicy, generates: bool) -> None:
    for name in REFUSED_FIELDS:
        if tree.get(name) is not None:
            raise refuse(
                400, "field_not_allowed", f"{name} is not allowed here: it can carry what cannot be checked.", name
            )
    for name in _REFUSED_WITH_ANSWERS if generates else ():
        if tree.get(name) not in (None, 0):
            raise refuse(400, "field_not_allowed", f"{name} is not allowed here: the operator decides on it.", name)
    _refuse_template_kwargs(tree, policy)


def other_fields(tree: dict[str, Any], read: frozenset[str]) -> list[TextField]:
    """Texts of the fields that the dialect has not ``read`` itself: what shapes the answer, and what is unknown."""
    fields: list[TextField] = []
    for name, value in tree.items():
        if name not in read and name not in _SILENT_FIELDS:
            fields += text_fields(value, (name,), request_source(_SPEAKERS.get(name, Speaker.DEFINITION)))
    return fields


def speaker_of(message: dict[str, Any], speakers: Mapping[str, Speaker], param: str) -> Speaker:
    """Whose words a message is. Raises: PayloadRefused (400) for a role that is not known."""
    role = message.get("role")
    speaker = speakers.get(role) if isinstance(role, str) else None
    if speaker is None:
        raise refuse(400, "invalid_role", f"A message's role must be one of {', '.join(speakers)}.", param)
    return speaker


def tool_call_fields(calls: Any, path: tuple[str | int, ...]) -> list[TextField]:
    """Texts of an assistant message's earlier tool calls. Raises: PayloadRefused (400)."""
    fields: list[TextField] = []
    if calls is None:
        return fields
    if not isinstance(calls, list):
        raise refuse(400, "invalid_type", "tool_calls must be an array.", "messages")
    for index, call in enumerate(calls):
        for key, value in expect_object(call, "tool_calls[]").items():
            where = (*path, index, key)
            if key == "function":
                fields += _function_fields(expect_object(value, "tool_calls[].function"), where)
            elif key != "type":
                kind = Kind.NAME if key == "id" else Kind.CONTENT
                fields += text_fields(value, where, request_source(Speaker.ASSISTANT, kind))
    return fields


def _function_fields(function: dict[str, Any], path: tuple[str | int, ...]) -> list[TextField]:
    fields: list[TextField] = []
    for key, value in function.items():
        kind = Kind.CONTENT
        if isinstance(value, str) and key in ("name", "arguments"):
            kind = Kind.NAME if key == "name" else Kind.JSON
        fields += text_fields(value, (*path, key), request_source(Speaker.ASSISTANT, kind))
    return fields


def part_fields(
    part: Any, path: tuple[str | int, ...], speaker: Speaker, policy: RequestPolicy, view: RequestView
) -> None:
    """Add the texts of one content part to the view. Raises: PayloadRefused (400) for parts that no guard can read."""
    param = str(path[0])
    kind = expect_object(part, "content[]").get("type")
    if not isinstance(kind, str):
        raise refuse(400, "invalid_type", "A content part must say its type.", param)
    source = request_source(speaker, Kind.REASONING if kind == "thinking" else Kind.CONTENT)
    key = TEXT_PART_KEYS.get(kind)
    if key is None or part.get("uuid") is not None:  # with a uuid vLLM looks for media in a part of any type
        if not policy.media_pass:
            raise refuse(
                400, "part_not_allowed", "A content part is not text, and only text can be checked here.", param
            )
        view.unread = (*view.unread, "media")
    elif not isinstance(part.get(key), str):
        raise refuse(400, "invalid_type", f"A content part of type {kind} must have a text in {key}.", param)
    silent = _PART_SILENT if key else _PART_SILENT | _MEDIA_KEYS | {kind}
    for name, value in part.items():
        if name not in silent:
            view.texts += text_fields(value, (*path, name), source)


def _refuse_template_kwargs(tree: dict[str, Any], policy: RequestPolicy) -> None:
    kwargs = tree.get("chat_template_kwargs")
    if kwargs is None:
        return
    for key, value in expect_object(kwargs, "chat_template_kwargs").items():
        if key not in policy.template_kwargs or isinstance(value, (dict, list)):
            raise refuse(
                400,
                "field_not_allowed",
                "chat_template_kwargs has a key that is not allowed here: it can carry what cannot be checked.",
                "chat_template_kwargs",
            )
