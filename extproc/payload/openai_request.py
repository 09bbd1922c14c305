"""The common parts of all APIs' requests: fields that no guard can read, or that a server interprets differently.

Unknown fields are read as text: a newer server may show them to the model. Source: vLLM 0.32's request models; each
bypass here has a recording and a test named after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from extproc.domain.errors import refuse
from extproc.domain.text import Kind, Speaker, TextSource
from extproc.payload.ends import own_ends
from extproc.payload.request_shape import RequestShape
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

# They replace the prompt with token ids, add text that no guard checks, or address another server.
REFUSED_FIELDS: Final = (
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
# Generating requests only: they truncate the beginning of the prompt, where the system prompt is, or control the queue.
# The values in the table do not; vLLM truncates at 0 too.
_REFUSED_WITH_ANSWERS: Final[dict[str, tuple[Any, ...]]] = {"truncate_prompt_tokens": (None,), "priority": (None, 0)}
_TRUNCATION: Final = "truncation"
_NO_TRUNCATION: Final = "disabled"  # vLLM truncates for every other value, null too
# The header with the same meaning is removed.
_SESSION_FIELD: Final = "session_id"
_SUSPECT_FIELDS: Final = frozenset(
    {*REFUSED_FIELDS, *_REFUSED_WITH_ANSWERS, _TRUNCATION, _SESSION_FIELD, "chat_template_kwargs"}
)
# Words of the API and keys of caches: the model does not see them, and a mask would break them.
_SILENT_FIELDS: Final = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "cache_salt",
        "prompt_cache_key",
        "request_id",
        _SESSION_FIELD,
        "encoding_format",
        "service_tier",
        _TRUNCATION,
        "include",
        "logit_bias",
    }
)
# Text for the model from other sources than the application. Not listed: tools, schemas, stop words, the user's name.
_SPEAKERS: Final = {"documents": Speaker.DOCUMENT, "chat_template_kwargs": Speaker.USER}

TEXT_PART_KEYS: Final = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "thinking": "thinking",
    "refusal": "refusal",
}
# The keys and values of a cache marker as clients of Anthropic's API write it.
_CACHE_WORDS: Final = frozenset({"type", "ttl", "scope", "ephemeral", "5m", "1h", "global"})
# Where a part that is not text holds its content: bytes, or an address.
_MEDIA_KEYS: Final = frozenset(
    {
        "source",
        "uuid",
        "data",
        "detail",
        "image_url",
        "image_embeds",
        "image_pil",
        "input_image",
        "audio_url",
        "audio_embeds",
        "input_audio",
        "video_url",
        "video_embeds",
        "file",
        "file_data",
        "file_id",
        "file_url",
    }
)
_MEDIA_SILENT: Final = _MEDIA_KEYS | {"type"}
_MEDIA_VALUE_SILENT: Final = frozenset(
    {"type", "url", "data", "format", "detail", "media_type", "file_data", "file_id"}
)
_DOCUMENT_SILENT: Final = frozenset({"type", "media_type"})
_PART_READ: Final = {key: frozenset({"type", key}) for key in TEXT_PART_KEYS.values()}
_STREAM_OPTIONS: Final = frozenset({"include_usage", "continuous_usage_stats", "include_obfuscation"})
_CALL_TYPES: Final = frozenset({"function", "custom"})
_CALL_READ: Final = frozenset({"id", "function"})
_CALL_SILENT: Final = _CALL_READ | {"type"}
_FUNCTION_READ: Final = frozenset({"name", "arguments"})
_CALL_NAME: Final = request_source(Speaker.ASSISTANT, Kind.NAME)
# Names of keys that the APIs define, not the client. Their values are still texts.
_KNOWN_KEYS: Final = frozenset(
    {
        "role",
        "type",
        "name",
        "id",
        "status",
        "content",
        "text",
        "thinking",
        "refusal",
        "reasoning",
        "reasoning_content",
        "tool_call_id",
        "tool_calls",
        "function_call",
        "function",
        "custom",
        "arguments",
        "audio",
        "task",
        "tools",
        "index",
        "annotations",
        "citations",
        "logprobs",
        "phase",
        "cache_control",
        "signature",
        "tool_use_id",
        "is_error",
        "title",
        "context",
        "call_id",
        "namespace",
        "input",
        "output",
        "action",
        "error",
        *_MEDIA_KEYS,
    }
)


def read_object(body: bytes, policy: RequestPolicy, shape: RequestShape, *, generates: bool = True) -> RequestView:
    """Parse a request; its texts are not read yet. Raises: PayloadRefused."""
    tree, canonical = parse_strict(body, policy.json_depth_max)
    expect_object(tree)
    if not _SUSPECT_FIELDS.isdisjoint(tree):
        _refuse_fields(tree, policy, generates)
    streamed = expect_bool(tree, "stream")
    options = tree.get("stream_options")
    if options is not None:
        expect_bool(expect_object(options, "stream_options"), "continuous_usage_stats")
    view = RequestView(
        body=body,
        tree=tree,
        canonical=canonical,
        texts=[],
        model=expect_text(tree, "model"),
        streamed=streamed,
        choices=expect_count(tree, "n"),
        user=expect_text(tree, "user") or _safety_identifier(tree),
        usage_asked=bool(options) and expect_bool(options, "include_usage"),
        own_ends=own_ends(tree),
        shape=shape,
    )
    if tree.get(_SESSION_FIELD) is not None:
        view.set((_SESSION_FIELD,), None)
    if options and not _STREAM_OPTIONS.issuperset(options):
        later = {key: value for key, value in options.items() if key not in _STREAM_OPTIONS}
        view.texts += text_fields(later, ("stream_options",), request_source(Speaker.DEFINITION))
    return view


def _safety_identifier(tree: dict[str, Any]) -> str | None:
    """What OpenAI's API has in place of ``user``; vLLM does not read it."""
    found = tree.get("safety_identifier")
    return found if isinstance(found, str) else None


def _refuse_fields(tree: dict[str, Any], policy: RequestPolicy, generates: bool) -> None:
    for name in REFUSED_FIELDS:
        if tree.get(name) is not None:
            raise refuse(
                400,
                "field_not_allowed",
                f"{name} is not allowed here: it can carry content that cannot be checked.",
                name,
            )
    for name, harmless in _REFUSED_WITH_ANSWERS.items() if generates else ():
        if tree.get(name) not in harmless:
            raise refuse(400, "field_not_allowed", f"{name} is not allowed here: the operator controls it.", name)
    if generates and tree.get(_TRUNCATION, _NO_TRUNCATION) != _NO_TRUNCATION:
        raise refuse(
            400,
            "field_not_allowed",
            f"{_TRUNCATION} must be {_NO_TRUNCATION} or absent here: it truncates the system prompt.",
            _TRUNCATION,
        )
    _refuse_template_kwargs(tree, policy)


def other_fields(tree: dict[str, Any], read: frozenset[str]) -> list[TextField]:
    """Texts of the fields that the dialect has not ``read`` itself: output formats, and unknown fields."""
    fields: list[TextField] = []
    for name, value in tree.items():
        if name not in read and name not in _SILENT_FIELDS:
            fields += text_fields(value, (name,), request_source(_SPEAKERS.get(name, Speaker.DEFINITION)))
    return fields


def speaker_of(message: dict[str, Any], speakers: Mapping[str, Speaker], param: str) -> Speaker:
    """The speaker of a message. Raises: PayloadRefused (400) for an unknown role."""
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
        where = (*path, index)
        fields += text_fields(expect_object(call, "tool_calls[]").get("id"), (*where, "id"), _CALL_NAME)
        if "function" in call:
            function = expect_object(call["function"], "tool_calls[].function")
            fields += _function_fields(function, (*where, "function"))
        kind = call.get("type")
        silent = _CALL_SILENT if isinstance(kind, str) and kind in _CALL_TYPES else _CALL_READ
        fields += extra_fields(call, silent, where, request_source(Speaker.ASSISTANT))
    return fields


def _function_fields(function: dict[str, Any], path: tuple[str | int, ...]) -> list[TextField]:
    fields: list[TextField] = []
    for key, kind in (("name", Kind.NAME), ("arguments", Kind.JSON)):
        value = function.get(key)
        source = request_source(Speaker.ASSISTANT, kind if isinstance(value, str) else Kind.CONTENT)
        fields += text_fields(value, (*path, key), source)
    return fields + extra_fields(function, _FUNCTION_READ, path, request_source(Speaker.ASSISTANT))


def extra_fields(
    holder: dict[str, Any], silent: frozenset[str], path: tuple[str | int, ...], source: TextSource
) -> list[TextField]:
    """Texts of an object's other keys, and the names of keys that no API defines: templates print whole objects.

    A cache marker in the usual form is not text.
    """
    fields: list[TextField] = []
    if silent.issuperset(holder):
        return fields
    unknown: dict[str, Any] = {}
    for key, value in holder.items():
        if key in silent or (key == "cache_control" and _is_cache_mark(value)):
            continue
        if key in _KNOWN_KEYS:
            fields += text_fields(value, (*path, key), source)
        else:
            unknown[key] = value
    return fields + text_fields(unknown, path, source) if unknown else fields


def _is_cache_mark(value: Any) -> bool:
    return isinstance(value, dict) and all(
        key in _CACHE_WORDS and isinstance(word, str) and word in _CACHE_WORDS for key, word in value.items()
    )


def part_fields(
    part: Any, path: tuple[str | int, ...], speaker: Speaker, policy: RequestPolicy, view: RequestView
) -> None:
    """Add the texts of one content part to the view. Raises: PayloadRefused (400) for parts that no guard can read."""
    param = str(path[0])
    kind = expect_object(part, "content[]").get("type")
    if not isinstance(kind, str):
        raise refuse(400, "invalid_type", "A content part must have a type.", param)
    source = request_source(speaker, Kind.REASONING if kind == "thinking" else Kind.CONTENT)
    key = TEXT_PART_KEYS.get(kind)
    if key is None or part.get("uuid") is not None:  # with a uuid vLLM looks for media in a part of any type
        if not policy.media_pass:
            raise refuse(
                400, "part_not_allowed", "A content part is not text, and only text can be checked here.", param
            )
        view.unread = (*view.unread, "media")
    elif not isinstance(part.get(key), str):
        raise refuse(400, "invalid_type", f"A content part of type {kind} must have text in {key}.", param)
    if key is None:
        view.texts += _media_fields(part, path, source)
        return
    own = text_fields(part.get(key), (*path, key), source)
    for field in own:
        field.is_part = True
    view.texts += own
    view.texts += extra_fields(part, _PART_READ[key], path, source)


def _media_fields(part: dict[str, Any], path: tuple[str | int, ...], source: TextSource) -> list[TextField]:
    """Texts of a part that is not text: everything except bytes and addresses; documents may be plain text."""
    fields = extra_fields(part, _MEDIA_SILENT, path, source)
    for key, value in part.items():
        if key in _MEDIA_KEYS and isinstance(value, dict):
            if value.get("type") in ("text", "content"):
                fields += extra_fields(value, _DOCUMENT_SILENT, (*path, key), request_source(Speaker.DOCUMENT))
            else:
                fields += extra_fields(value, _MEDIA_VALUE_SILENT, (*path, key), source)
    return fields


def _refuse_template_kwargs(tree: dict[str, Any], policy: RequestPolicy) -> None:
    kwargs = tree.get("chat_template_kwargs")
    if kwargs is None:
        return
    for key, value in expect_object(kwargs, "chat_template_kwargs").items():
        if key not in policy.template_kwargs or isinstance(value, (dict, list)):
            raise refuse(
                400,
                "field_not_allowed",
                "chat_template_kwargs has a key that is not allowed here: it can carry content that cannot be checked.",
                "chat_template_kwargs",
            )
