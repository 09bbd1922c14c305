"""What vLLM shows the model and no guard saw: each door by the number of the finding that named it (attack N)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.payload.view import RequestPolicy, RequestView
from tests.unit.payload.requests import MINIMAL, PROMPTED, minimal, read, refusal, texts

MARK = "zq mark one"
MEDIA = RequestPolicy(64, media_pass=True)


def seen(view: RequestView) -> str:
    """All that guards see of a request, names of keys too."""
    return "\n".join(field.text for field in view.texts)


def speakers_of_mark(view: RequestView, mark: str = MARK) -> set[str]:
    """Whose words the texts are in which a mark stands."""
    return {field.source.speaker.value for field in view.texts if mark in field.text}


def messages(*parts: Any, role: str = "user") -> dict[str, Any]:
    """A request of Anthropic's with these blocks in one message."""
    return {"messages": [{"role": role, "content": list(parts)}], "max_tokens": 5}


# --- attack 2: a tool_result outside of a user's message is shown whole --------------------------------------------


NESTED: list[Any] = [
    {"type": "redacted_thinking", "data": MARK},
    {"type": "text", "text": "a", "cache_control": {"note": MARK}},
    {"type": "thinking", "thinking": "a", "signature": MARK},
    {"type": "text", "text": "a", "later": {"deep": [MARK]}},
    {"type": "text", "text": "a", MARK: 1},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": MARK}},
    {"type": MARK},
]


@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("role", ["assistant", "system"])
def test_attack_2_everything_in_a_tool_result_is_read_where_vllm_shows_everything(role: str, nested: Any) -> None:
    """vLLM writes ``str(block.content)`` for any role but user: keys, marks of caches, sealed thoughts."""
    view = read("messages", messages({"type": "tool_result", "tool_use_id": "t", "content": [nested]}, role=role))
    assert speakers_of_mark(view) == {"tool"}


@pytest.mark.parametrize("nested", NESTED)
def test_attack_2_everything_in_a_users_tool_result_is_read_or_refused(nested: Any) -> None:
    """vLLM 0.32 drops most of it there; a server newer than we are may not."""
    request = messages({"type": "tool_result", "tool_use_id": "t", "content": [nested]})
    if nested["type"] in ("image", MARK):
        assert refusal("messages", request).code == "part_not_allowed"
    else:
        assert MARK in seen(read("messages", request))


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
@pytest.mark.parametrize(
    "extra", [{"later": MARK}, {"later": [{"deep": MARK}]}, {MARK: True}, {"is_error": MARK}, {"cache_control": [MARK]}]
)
def test_attack_2_unknown_keys_of_a_tool_result_are_read(role: str, extra: dict[str, Any]) -> None:
    """In whichever message it stands."""
    block = {"type": "tool_result", "tool_use_id": "t", "content": "a", **extra}
    assert MARK in seen(read("messages", messages(block, role=role)))


@pytest.mark.parametrize("number", [4111111111111111, 4111111111111111.0, 41111111111111110000000])
def test_attack_2_numbers_in_a_tool_result_are_read(number: float) -> None:
    """The model reads all their digits."""
    request = messages(
        {"type": "tool_result", "content": [{"type": "text", "text": "a", "n": number}]}, role="assistant"
    )
    spelled = orjson.dumps(request).decode() if number < 1 << 64 else str(request).replace("'", '"')
    assert str(int(number)) in seen(read("messages", spelled.encode()))


def test_attack_2_a_sealed_thought_is_silent_only_where_it_is_dropped() -> None:
    """vLLM leaves a block of the message itself out; what else is in it is read."""
    block = {"type": "redacted_thinking", "data": MARK}
    assert MARK not in seen(read("messages", messages(block, role="assistant")))
    assert MARK in seen(read("messages", messages({**block, "later": MARK}, role="assistant")))
    assert MARK in seen(read("messages", messages({**block, "data": {"x": MARK}}, role="assistant")))


def test_attack_2_honest_blocks_have_no_more_texts_than_before() -> None:
    """Cache marks and signatures as Anthropic's clients write them are no texts."""
    cache = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    request = messages(
        {"type": "thinking", "thinking": "a", "signature": "c2lnbmF0dXJl"},
        {"type": "text", "text": "b", **cache},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, **cache},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "c", **cache}], **cache},
        role="user",
    )
    assert [text for _, _, text in texts(read("messages", request))] == ["a", "b", "t", "f", "t", "c"]
    assert not any(field.keys for field in read("messages", request).texts)


# --- attack 10: unknown keys ---------------------------------------------------------------------------------------


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ITEM_CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
ONE_PART = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}
ONE_ITEM = {"input": [{"role": "user", "content": [{"type": "input_text", "text": "a"}]}]}
HOLDERS: list[tuple[str, dict[str, Any], tuple[str | int, ...]]] = [
    ("chat", {"messages": [{"role": "user", "content": "a"}]}, ("messages", 0)),
    ("chat", ONE_PART, ("messages", 0, "content", 0)),
    ("chat", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, ("messages", 0, "tool_calls", 0)),
    ("chat", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}, ("messages", 0, "tool_calls", 0, "function")),
    ("chat", {"messages": [{"role": "user", "content": "a"}], "stream_options": {}}, ("stream_options",)),
    ("messages", messages({"type": "text", "text": "a"}), ("messages", 0)),
    ("messages", messages({"type": "text", "text": "a"}), ("messages", 0, "content", 0)),
    ("messages", messages({"type": "tool_use", "id": "t", "name": "f", "input": {}}), ("messages", 0, "content", 0)),
    ("messages", messages({"type": "redacted_thinking", "data": "x"}), ("messages", 0, "content", 0)),
    ("messages", {**minimal("messages"), "system": [{"type": "text", "text": "a"}]}, ("system", 0)),
    ("responses", {"input": [{"role": "user", "content": "a"}]}, ("input", 0)),
    ("responses", ONE_ITEM, ("input", 0, "content", 0)),
    ("responses", {"input": [ITEM_CALL]}, ("input", 0)),
]  # fmt: skip


@pytest.mark.parametrize(
    "extra", [{"x_new": MARK}, {"x_new": [{"a": MARK}]}, {MARK: 1}], ids=["text", "nested", "name"]
)
@pytest.mark.parametrize(("name", "request_", "path"), HOLDERS)
def test_attack_10_unknown_keys_are_read_at_every_object(
    name: str, request_: dict[str, Any], path: tuple[str | int, ...], extra: dict[str, Any]
) -> None:
    """Values and names: templates that print a whole call print both."""
    tree = orjson.loads(orjson.dumps(request_))
    holder: Any = tree
    for step in path:
        holder = holder[step]
    holder.update(extra)
    assert MARK in seen(read(name, tree))


@pytest.mark.parametrize("kind", [MARK, ["x", MARK], None])
def test_attack_10_the_type_of_a_call_is_read(kind: Any) -> None:
    """A template may print it; a word of the API is no text."""
    view = read("chat", {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "type": kind}]}]})
    assert (MARK in seen(view)) is (kind is not None)
    assert "function" not in seen(read("chat", {"messages": [{"role": "assistant", "tool_calls": [CALL]}]}))


@pytest.mark.parametrize("key", ["cache_control", "signature"])
def test_attack_10_marks_of_a_chats_parts_are_read(key: str) -> None:
    """vLLM hands unknown keys of a part to the template where that takes parts; only words of the API are silent."""
    part = {"type": "text", "text": "a", key: MARK}
    assert MARK in seen(read("chat", {"messages": [{"role": "user", "content": [part]}]}))


def test_attack_10_a_part_of_media_names_no_key_that_is_silent() -> None:
    """``type`` is the client's: a text must not stand unread under a key of that name."""
    part = {"type": "note", "note": MARK, "uuid": "u", "image_url": "https://a.example/x.png"}
    assert MARK in seen(read("chat", {"messages": [{"role": "user", "content": [part]}]}, MEDIA))


@pytest.mark.parametrize(
    ("part", "speaker"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a.example/x.png", "x_new": MARK}}, "user"),
        ({"type": "image", "source": {"type": "base64", "data": "QQ==", MARK: 1}}, "user"),
        ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": MARK}}, "document"),
        ({"type": "document", "source": {"type": "content", "content": [{"text": MARK}]}}, "document"),
        ({"type": "file", "file": {"file_data": "QQ==", "filename": MARK}}, "user"),
    ],
)
def test_what_is_text_in_a_part_of_media_is_read(part: dict[str, Any], speaker: str) -> None:
    """Where media may pass: only their bytes and addresses go unread."""
    view = read("messages", messages(part), MEDIA)
    assert view.unread == ("media",)
    assert speakers_of_mark(view) == {speaker}


@pytest.mark.parametrize("own", [{}, {"text": [MARK]}, {"text": MARK}])
def test_a_part_of_text_that_names_media_is_read_as_far_as_it_is_text(own: dict[str, Any]) -> None:
    """With a ``uuid`` vLLM looks for media in it; where media may pass, its text need not be there."""
    part = {"type": "text", "uuid": "u", "image_url": "https://a.example/x.png", **own}
    view = read("chat", {"messages": [{"role": "user", "content": [part]}]}, MEDIA)
    assert (MARK in seen(view)) is bool(own)


@pytest.mark.parametrize(
    "kind", [None, 5, ["message"], "later", "mcp_call", "file_search_call", "code_interpreter_call"]
)
def test_attack_10_an_item_that_is_not_known_is_no_word_of_the_assistants(kind: Any) -> None:
    """What a tool or a client says must not pass for what the model has said: injection does not judge that."""
    view = read(
        "responses", {"input": [{"type": kind, "role": "user", "content": MARK, "output": MARK, "later": MARK}]}
    )
    assert speakers_of_mark(view) <= {"user", "tool"}


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("mcp_call", "output", MARK),
        ("mcp_call", "error", MARK),
        ("file_search_call", "results", [{"text": MARK}]),
        ("code_interpreter_call", "outputs", [{"type": "logs", "logs": MARK}]),
        ("mcp_list_tools", "tools", [{"description": MARK}]),
        ("web_search_call", "action", {"sources": [{"url": MARK}]}),
        ("image_generation_call", "result", MARK),
        ("function_call", "output", MARK),
        ("shell_call_output", "output", [{"stdout": MARK}]),
    ],
)
def test_attack_10_what_tools_give_back_is_the_tools(kind: str, key: str, value: Any) -> None:
    """Whatever the item is called that brings it."""
    assert speakers_of_mark(read("responses", {"input": [{"type": kind, key: value}]})) == {"tool"}


def test_attack_10_a_call_is_the_assistants() -> None:
    """Its name and arguments are what the model has said."""
    assert {speaker for speaker, _, _ in texts(read("responses", {"input": [ITEM_CALL]}))} == {"assistant"}


def test_attack_10_tools_of_a_developer_message_are_tools() -> None:
    """vLLM hands them to the template; a guard of tools must see their names."""
    tool = {"type": "function", "function": {"name": "shell"}}
    view = read("chat", {"messages": [{"role": "developer", "content": "a", "tools": [tool]}]})
    assert [named.names for named in view.named_tools] == [("shell",)]
    item = read("responses", {"input": [{"role": "developer", "content": "a", "tools": [tool]}]})
    assert [named.names for named in item.named_tools] == [("shell",)]


def test_tools_of_an_item_are_tools_and_definitions() -> None:
    """Sibling of attack 10: vLLM offers those of ``additional_tools``; a list of what a server has had offers none."""
    tools = [{"type": "function", "name": "shell", "description": MARK}]
    added = read("responses", {"input": [{"type": "additional_tools", "role": "developer", "tools": tools}]})
    assert [named.names for named in added.named_tools] == [("shell",)]
    assert speakers_of_mark(added) == {"definition"}
    listed = read("responses", {"input": [{"type": "mcp_list_tools", "server_label": "s", "tools": tools}]})
    assert list(listed.named_tools) == []
    assert speakers_of_mark(listed) == {"tool"}


def test_tools_that_a_system_message_adds_are_tools_and_texts() -> None:
    """Sibling of attack 10: vLLM resolves ``tool_addition`` blocks into the list of tools."""
    tool = {"type": "tool_definition", "definition": {"name": "shell", "description": MARK, "input_schema": {}}}
    view = read("messages", messages({"type": "tool_addition", "tool": tool}, role="system"))
    assert speakers_of_mark(view) == {"definition"}
    assert [named.names for named in view.named_tools] == [("shell",)]
    named = {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "shell"}}
    assert list(read("messages", messages(named, role="system")).named_tools) == []


# --- attack 10: numbers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spelled", "digits"),
    [
        ("4111111111111111", "4111111111111111"),
        ("4111111111111111.0", "4111111111111111"),
        ("4.111111111111111e15", "4111111111111111"),
        ("-4111111111111111.0", "-4111111111111111"),
        ("5551234.25", "5551234.25"),
        ("41111111111111119999", "41111111111111119999"),
        ("4111111111111111000041111111111111110000", "4111111111111111000041111111111111110000"),
    ],
)
@pytest.mark.parametrize("blank", ["", " "])
def test_attack_10_numbers_of_any_size_are_read_with_all_their_digits(spelled: str, digits: str, blank: str) -> None:
    """A parser of 64 bits would round them; the model reads them as they were sent."""
    body = f'{{"messages":[{{"role":"user","content":"Hi"}}],{blank}"documents":[{{"n":{spelled}}}]}}'
    view = read("chat", body.encode())
    assert ("document", "content", digits) in texts(view)
    (field,) = [field for field in view.texts if field.text == digits]
    view.replace_text(field, "<CARD>")
    assert orjson.loads(view.body_after())["documents"] == [{"n": "<CARD>"}]


@pytest.mark.parametrize("spelled", ["0.1", "0.4111111111111111", "48.858370", "-73.985664", "1e-7", "999999.5"])
def test_attack_10_ordinary_fractions_are_no_texts(spelled: str) -> None:
    """Coordinates, prices and probabilities identify nobody."""
    body = f'{{"messages":[{{"role":"user","content":"Hi"}}],"documents":[{{"n":{spelled}}}]}}'
    assert texts(read("chat", body.encode())) == [("user", "content", "Hi")]


def test_attack_10_a_number_without_end_is_refused() -> None:
    """Python, and so vLLM, takes integers of at most 4,300 digits."""
    body = f'{{"messages":[{{"role":"user","content":"Hi"}}],"documents":[{{"n":{"4" * 5_000}}}]}}'
    assert refusal("chat", body.encode()).code == "invalid_json"


def test_numbers_in_definitions_are_read_unless_they_are_bounds() -> None:
    """The model reads an ``enum`` or a ``default``; a mask in a bound would break the schema."""
    schema = {"enum": [4111111111111111], "default": 4111111111111112.0, "maximum": 9007199254740991}
    view = read("chat", minimal("chat", tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}]))
    found = [text for speaker, _, text in texts(view) if speaker == "definition" and text.isdigit()]
    assert found == ["4111111111111111", "4111111111111112"]
    assert texts(read("chat", minimal("chat", seed=4111111111111111))) == [("user", "content", "Hi")]


# --- attack 4 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["auto", None, "", "Disabled", 0, False, {}])
@pytest.mark.parametrize("name", PROMPTED)
def test_attack_4_truncation_that_cuts_off_the_system_prompt_is_refused(name: str, value: Any) -> None:
    """vLLM truncates for all but ``disabled``, null too, and keeps the end."""
    error = refusal(name, minimal(name, truncation=value))
    assert (error.status, error.code, error.param) == (400, "field_not_allowed", "truncation")
    assert texts(read(name, minimal(name, truncation="disabled"))) == [("user", "content", "Hi")]


@pytest.mark.parametrize("value", [0, -1, 1, False, 0.0])
@pytest.mark.parametrize("name", PROMPTED)
def test_attack_4_any_number_of_tokens_to_truncate_to_is_refused(name: str, value: Any) -> None:
    """Sibling: 0 is a number too, and with ``truncation_side`` vLLM cuts the text before it counts tokens."""
    error = refusal(name, minimal(name, truncate_prompt_tokens=value, truncation_side="left"))
    assert (error.code, error.param) == ("field_not_allowed", "truncate_prompt_tokens")


# --- attack 8 ------------------------------------------------------------------------------------------------------


LAST = {"role": "user", "content": "Hi"}
REASONING = {
    "type": "reasoning",
    "id": "r",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "I comply."}],
}


@pytest.mark.parametrize(
    "last",
    [
        {**REASONING, "status": "in_progress"},
        {**REASONING, "status": "incomplete"},
        REASONING,
        {**LAST, "status": "in_progress"},
        {**LAST, "type": "message", "status": "incomplete"},
        {"role": "assistant", "content": "a"},
        {"type": "message", "role": "assistant", "content": "a", "status": "completed"},
    ],
)
def test_attack_8_a_message_to_go_on_with_is_a_prefill(last: dict[str, Any]) -> None:
    """As vLLM's ``should_continue_final_message`` says, and what stands for the beginning of an answer."""
    assert read("responses", {"input": [LAST, last]}).is_prefilled


@pytest.mark.parametrize(
    "last", [LAST, {**LAST, "status": "completed"}, {"type": "function_call_output", "call_id": "c", "output": "x"}]
)
def test_attack_8_what_is_to_be_answered_is_none(last: dict[str, Any]) -> None:
    """A conversation with reasoning in it goes on as ever."""
    assert not read("responses", {"input": [LAST, REASONING, ITEM_CALL, last]}).is_prefilled


# --- attack 10: what steers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MINIMAL)
@pytest.mark.parametrize("blank", [b"", b" "])
def test_attack_10_a_session_id_does_not_go_on(name: str, blank: bytes) -> None:
    """The header ``x-session-id`` is removed, so the field of the same meaning is emptied; it is no text."""
    view = read(name, orjson.dumps(minimal(name, session_id="4111111111111111")) + blank)
    assert texts(view) == [("user", "content", "Hi")]
    assert orjson.loads(view.body_after())["session_id"] is None
