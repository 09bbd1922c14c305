"""What chat, completions, responses and embeddings requests have in common: the fields that no guard can read, and those that
a server may read otherwise than they look.

Source: vLLM 0.32's request models; each door here has a recording and a test named after it.
"""

from __future__ import annotations

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
    "prompt_embeds",
    "chat_template",
    "mm_processor_kwargs",
    "media_io_kwargs",
    "previous_input_messages",
    "logits_processors",
)
# Written by the application rather than by a person, but text all the same: masks and word lists apply.
DEFINITION_FIELDS = (
    "structured_outputs",
    "response_format",
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "stop",
    "bad_words",
    "tools",
    "functions",
    "metadata",
)
_DEFINITION = request_source(Speaker.DEFINITION)
_DOCUMENT = request_source(Speaker.DOCUMENT)


def read_object(body: bytes, policy: RequestPolicy) -> RequestView:
    """Parse a request of OpenAI's family; its texts are still to be read. Raises: PayloadRefused."""
    tree, canonical = parse_strict(body, policy.json_depth_max)
    expect_object(tree)
    for name in REFUSED_FIELDS:
        if tree.get(name) is not None:
            raise refuse(400, "field_not_allowed", f"{name} is not allowed here: it can carry what cannot be checked.", name)
    _refuse_template_kwargs(tree, policy)
    streamed = expect_bool(tree, "stream")
    options = tree.get("stream_options")
    if options is not None:
        expect_object(options, "stream_options")
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


def definition_fields(tree: dict[str, Any]) -> list[TextField]:
    """Texts that dictate or shape the answer: schemas, tool definitions, stop words, documents."""
    fields: list[TextField] = []
    for name in DEFINITION_FIELDS:
        if name in tree:
            fields += text_fields(tree[name], (name,), _DEFINITION)
    if "documents" in tree:
        fields += text_fields(tree["documents"], ("documents",), _DOCUMENT)
    return fields


def tool_call_fields(calls: Any, path: tuple[str | int, ...]) -> list[TextField]:
    """Texts of an assistant message's earlier tool calls. Raises: PayloadRefused (400)."""
    fields: list[TextField] = []
    if calls is None:
        return fields
    if not isinstance(calls, list):
        raise refuse(400, "invalid_type", "tool_calls must be an array.", "messages")
    for index, call in enumerate(calls):
        expect_object(call, "tool_calls[]")
        function = call.get("function")
        if function is None:
            fields += text_fields(call, (*path, index), request_source(Speaker.ASSISTANT))
            continue
        expect_object(function, "tool_calls[].function")
        where = (*path, index, "function")
        fields += text_fields(function.get("name"), (*where, "name"), request_source(Speaker.ASSISTANT, Kind.NAME))
        arguments = function.get("arguments")
        kind = Kind.JSON if isinstance(arguments, str) else Kind.CONTENT
        fields += text_fields(arguments, (*where, "arguments"), request_source(Speaker.ASSISTANT, kind))
    return fields


def part_fields(part: Any, path: tuple[str | int, ...], speaker: Speaker, policy: RequestPolicy, view: RequestView) -> None:
    """Add the texts of one content part to the view. Raises: PayloadRefused for parts that no guard can read."""
    expect_object(part, "content[]")
    kind = part.get("type", "text")
    source = request_source(speaker, Kind.REASONING if kind == "thinking" else Kind.CONTENT)
    if kind in TEXT_PART_KEYS:
        key = TEXT_PART_KEYS[kind]
        if not isinstance(part.get(key), str):
            raise refuse(400, "invalid_type", f"A content part of type {kind} must have a text in {key}.", "messages")
        view.texts += text_fields(part[key], (*path, key), source)
    elif not policy.media_pass:
        raise refuse(400, "part_not_allowed", "A content part is not text, and only text can be checked here.", "messages")
    else:
        view.unread = (*view.unread, "media")
        for name, value in part.items():
            if name != kind and name != "type":
                view.texts += text_fields(value, (*path, name), source)


TEXT_PART_KEYS = {
    "text": "text",
    "input_text": "text",
    "output_text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "thinking": "thinking",
    "refusal": "refusal",
}


def _refuse_template_kwargs(tree: dict[str, Any], policy: RequestPolicy) -> None:
    kwargs = tree.get("chat_template_kwargs")
    if kwargs is None:
        return
    for key, value in expect_object(kwargs, "chat_template_kwargs").items():
        if key not in policy.template_kwargs or isinstance(value, dict | list):
            raise refuse(
                400,
                "field_not_allowed",
                "chat_template_kwargs has a key that is not allowed here: it can carry what cannot be checked.",
                "chat_template_kwargs",
            )
