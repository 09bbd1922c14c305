"""Requests of each API: which texts are read, whose words they are, and what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.errors import PayloadRefused
from extproc.payload.openai_request import REFUSED_FIELDS
from extproc.payload.view import RequestPolicy
from tests.unit.payload.requests import MINIMAL, PROMPTED, chat_with, minimal, read, refusal, texts

EACH = pytest.mark.parametrize("name", MINIMAL)
MEDIA = RequestPolicy(64, media_pass=True)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,4111111111111111"}}


# --- every API -----------------------------------------------------------------------------------------------------


@EACH
def test_the_smallest_request_is_read(name: str) -> None:
    """One text of the user's, nothing asked for."""
    view = read(name, MINIMAL[name])
    assert texts(view) == [("user", "content", "Hi")]
    assert (view.model, view.streamed, view.choices, view.user, view.unread) == (None, False, 1, None, ())


@pytest.mark.parametrize(("field", "harmless"), [("truncate_prompt_tokens", None), ("priority", 0)])
@pytest.mark.parametrize("name", PROMPTED)
def test_a_client_neither_cuts_off_the_system_prompt_nor_passes_others(name: str, field: str, harmless: Any) -> None:
    """Truncation drops a prompt's beginning; priority steers the queue, like the header that is removed."""
    error = refusal(name, minimal(name, **{field: 7}))
    assert (error.status, error.code, error.param) == (400, "field_not_allowed", field)
    read(name, minimal(name, **{field: harmless}))


@pytest.mark.parametrize("name", ["embeddings", "rerank"])
def test_what_is_embedded_or_scored_may_be_truncated(name: str) -> None:
    """There is no system prompt in it, and long texts are commonly cut."""
    read(name, minimal(name, truncate_prompt_tokens=512))


@EACH
@pytest.mark.parametrize("field", REFUSED_FIELDS)
def test_fields_that_cannot_be_checked_are_refused(name: str, field: str) -> None:
    """In every API, even where vLLM ignores them today; null is the same as absent."""
    error = refusal(name, minimal(name, **{field: {"a": 1}}))
    assert (error.status, error.code, error.param) == (400, "field_not_allowed", field)
    assert read(name, minimal(name, **{field: None})).texts


@EACH
@pytest.mark.parametrize("value", ["true", 1, 0, "", [], 1.0])
def test_stream_must_be_a_boolean(name: str, value: Any) -> None:
    """vLLM takes "true" and 1 for true: a guard that does not would read the stream as JSON."""
    error = refusal(name, minimal(name, stream=value))
    assert (error.code, error.param) == ("invalid_type", "stream")


@EACH
@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("n", "2", "n"),
        ("n", 2.0, "n"),
        ("n", True, "n"),
        ("n", 0, "n"),
        ("n", 1_001, "n"),
        ("model", 5, "model"),
        ("model", ["a"], "model"),
        ("user", {"a": 1}, "user"),
        ("stream_options", [], "stream_options"),
        ("stream_options", {"include_usage": "true"}, "include_usage"),
        ("stream_options", {"continuous_usage_stats": 1}, "continuous_usage_stats"),
        ("chat_template_kwargs", "text", "chat_template_kwargs"),
    ],
)
def test_what_we_act_on_must_have_its_type(name: str, field: str, value: Any, param: str) -> None:
    """Servers coerce; we refuse what they would coerce."""
    error = refusal(name, minimal(name, **{field: value}))
    assert (error.status, error.code, error.param) == (400, "invalid_type", param)


@EACH
@pytest.mark.parametrize("body", [b"[]", b'"text"', b"5", b"null", b"true"])
def test_a_body_must_be_an_object(name: str, body: bytes) -> None:
    """Any other JSON is refused."""
    assert refusal(name, body).code == "invalid_type"


@EACH
def test_unknown_fields_are_read_and_kept(name: str) -> None:
    """A newer server may show them to the model. What is not changed stays byte for byte."""
    body = (
        orjson.dumps(minimal(name, later={"deep": ["said", {"k": "more"}], "n": 7, "flag": True}))[:-1]
        + b' , "z":1e5 }'
    )
    view = read(name, body)
    assert texts(view)[1:] == [("definition", "content", "said"), ("definition", "content", "more")]
    assert view.body_after() == body


@EACH
def test_names_of_keys_are_judged_and_never_replaced(name: str) -> None:
    """A schema's property names reach the prompt; a mask in them would change what the application gets back."""
    view = read(name, minimal(name, tools=[{"parameters": {"properties": {"jane.doe@example.com": {}}}}]))
    (keys,) = [field for field in view.texts if field.keys]
    assert keys.text.split("\n") == ["parameters", "properties", "jane.doe@example.com"]
    view.replace_text(keys, keys.text)
    with pytest.raises(PayloadRefused) as caught:
        view.replace_text(keys, "<EMAIL>")
    assert caught.value.error.code == "key_not_maskable"
    assert "jane" not in caught.value.error.message
    assert view.edits == []


@EACH
def test_template_kwargs_that_are_listed_pass_and_are_read_as_the_users_words(name: str) -> None:
    """A template may print any of them into the system message."""
    view = read(name, minimal(name, chat_template_kwargs={"enable_thinking": False, "reasoning_effort": "Obey me"}))
    assert ("user", "content", "Obey me") in texts(view)
    assert texts(view)[0] == ("user", "content", "Hi")
    assert refusal(name, minimal(name, chat_template_kwargs={"other": 1})).code == "field_not_allowed"
    assert refusal(name, minimal(name, chat_template_kwargs={"enable_thinking": [1]})).code == "field_not_allowed"


@EACH
def test_words_of_the_api_are_not_texts(name: str) -> None:
    """A mask in a cache key or a model's name would break the request."""
    fields = {"model": "m", "cache_salt": "4111111111111111", "request_id": "r", "logit_bias": {"2044": 50}, "seed": 1}
    assert texts(read(name, minimal(name, **fields))) == [("user", "content", "Hi")]


@EACH
def test_a_long_body_and_a_spaced_one_are_read_alike(name: str) -> None:
    """The canonical spelling and any other."""
    request = minimal(name, model="é", tools=[{"description": "\u00e9"}])
    compact = read(name, orjson.dumps(request))
    spaced = read(name, orjson.dumps(request, option=orjson.OPT_INDENT_2))
    assert compact.canonical
    assert not spaced.canonical
    assert compact.texts == spaced.texts


# --- chat ----------------------------------------------------------------------------------------------------------


def test_chat_roles() -> None:
    """Whose words a message is."""
    roles = ["system", "developer", "user", "assistant", "tool", "function"]
    found = chat_with(*({"role": role, "content": role} for role in roles))
    assert [speaker for speaker, _, _ in found] == ["system", "system", "user", "assistant", "tool", "tool"]


@pytest.mark.parametrize("role", [None, "", "ctx", "System", ["user"], {"a": 1}, 5])
def test_a_role_that_is_not_known_is_refused(role: Any) -> None:
    """It would be read as nobody's words."""
    assert refusal("chat", {"messages": [{"role": role, "content": "x"}]}).code == "invalid_role"


@pytest.mark.parametrize("messages", [None, [], "text", {"role": "user"}, ["text"], [None], 5])
def test_messages_must_be_messages(messages: Any) -> None:
    """Also not one conversation in the place of one message, as the batch endpoint takes it."""
    assert refusal("chat", {"messages": messages}).code == "invalid_type"


@pytest.mark.parametrize("content", [5, {"type": "text", "text": "x"}, True])
def test_content_must_be_a_text_or_parts(content: Any) -> None:
    """Null is a message without content."""
    assert refusal("chat", {"messages": [{"role": "user", "content": content}]}).code == "invalid_type"
    assert chat_with({"role": "assistant", "content": None}) == []


def test_chat_parts() -> None:
    """Each part of text is a text; thinking is reasoning; cache marks are none."""
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "input_text", "text": "b"},
        {"type": "thinking", "thinking": "c"},
        {"type": "refusal", "refusal": "d", "title": "e"},
    ]
    assert [text for _, _, text in chat_with({"role": "user", "content": parts})] == ["a", "b", "c", "d", "e"]
    assert ("user", "reasoning", "c") in chat_with({"role": "user", "content": parts})


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("bare text", "invalid_type"),
        ({"text": "no type"}, "invalid_type"),
        ({"text": "a", "image_url": "http://x"}, "invalid_type"),
        ({"type": ["text"], "text": "a"}, "invalid_type"),
        ({"type": "text"}, "invalid_type"),
        ({"type": "text", "text": ["a"]}, "invalid_type"),
        ({"type": "text", "text": "a", "uuid": "u", "image_url": "http://x"}, "part_not_allowed"),
        (IMAGE, "part_not_allowed"),
        ({"type": "input_audio", "input_audio": {"data": ""}}, "part_not_allowed"),
        ({"type": "later", "text": "a"}, "part_not_allowed"),
    ],
)
def test_a_part_that_is_not_plainly_text_is_refused(part: Any, code: str) -> None:
    """vLLM guesses at parts without a type, and looks for media in a text part that has a ``uuid``."""
    assert refusal("chat", {"messages": [{"role": "user", "content": [part]}]}).code == code


def test_media_may_pass_by_policy() -> None:
    """Then it is said to be unread; what stands beside it is read, its bytes are not."""
    view = read("chat", {"messages": [{"role": "user", "content": [{**IMAGE, "caption": "a"}]}]}, MEDIA)
    assert view.unread == ("media",)
    assert texts(view) == [("user", "content", "a")]


def test_chat_tool_calls() -> None:
    """Name, arguments and id; arguments that are no text are read all the same, with their numbers."""
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": {"a": "b", "card": 4111111111111111}},
    }
    custom = {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}}
    message = {"role": "assistant", "tool_calls": [call, custom], "function_call": {"name": "h", "arguments": "{}"}}
    assert chat_with(message) == [
        ("assistant", "name", "c1"),
        ("assistant", "name", "f"),
        ("assistant", "content", "b"),
        ("assistant", "content", "4111111111111111"),
        ("assistant", "name", "c2"),
        ("assistant", "content", "g"),
        ("assistant", "content", "x"),
        ("assistant", "content", "h"),
        ("assistant", "content", "{}"),
    ]
    for bad in ("text", [5], [{"function": "text"}]):
        assert refusal("chat", {"messages": [{"role": "assistant", "tool_calls": bad}]}).code == "invalid_type"


def test_other_fields_of_a_message_are_read() -> None:
    """Names, ids, reasoning of both spellings, and what is not known."""
    message = {"role": "tool", "name": "a", "tool_call_id": "b", "reasoning": "c", "reasoning_content": "d", "x": ["e"]}
    assert [text for _, _, text in chat_with(message)] == ["a", "b", "c", "d", "e"]


def test_numbers_long_enough_to_identify_are_texts_but_not_in_schemas() -> None:
    """A card number need not be quoted; a schema's bounds are no one's number."""
    documents = [{"iban": 4111111111111111, "n": 12, "ok": True}]
    found = chat_with({"role": "user", "content": "Hi"}, documents=documents, tools=[{"maximum": 9007199254740991}])
    assert found == [("user", "content", "Hi"), ("document", "content", "4111111111111111")]


def test_a_number_that_is_replaced_becomes_a_text() -> None:
    """The mask stands in the place of the number."""
    view = read("chat", minimal("chat", documents=[{"card": 4111111111111111}]))
    (number,) = [field for field in view.texts if field.text == "4111111111111111"]
    view.replace_text(number, "<CARD>")
    assert orjson.loads(view.body_after())["documents"] == [{"card": "<CARD>"}]


# --- completions and embeddings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "field"), [("completions", "prompt"), ("embeddings", "input")])
@pytest.mark.parametrize("prompt", [None, 5, {}, [], True])
def test_a_prompt_must_be_text(name: str, field: str, prompt: Any) -> None:
    """Nothing is no prompt."""
    assert refusal(name, {field: prompt}).code == "invalid_type"


@pytest.mark.parametrize(("name", "field"), [("completions", "prompt"), ("embeddings", "input")])
@pytest.mark.parametrize("prompt", [[1, 2], [[1], [2]], ["a", [1]], ["a", 1], [["a"]], [[]], [None]])
def test_prompts_that_are_not_all_text_are_refused(name: str, field: str, prompt: Any) -> None:
    """Token ids at any place, and mixtures."""
    assert refusal(name, {field: prompt}).code == "token_ids_not_allowed"


@pytest.mark.parametrize("prompt", [["a", 1], ["a", [1]], [["a"]], [None]])
def test_mixtures_are_refused_even_where_token_ids_pass(prompt: Any) -> None:
    """A list that is half read would be counted as read."""
    assert (
        refusal("completions", {"prompt": prompt}, RequestPolicy(64, token_ids_pass=True)).code
        == "token_ids_not_allowed"
    )


@pytest.mark.parametrize(("prompt", "choices"), [("a", 3), (["a"], 3), (["a", "b"], 6), ([1, 2], 3), ([[1], [2]], 6)])
def test_choices_of_completions_are_prompts_times_n(prompt: Any, choices: int) -> None:
    """The index of a choice is prompt * n + choice."""
    assert read("completions", {"prompt": prompt, "n": 3}, RequestPolicy(64, token_ids_pass=True)).choices == choices


@pytest.mark.parametrize("name", ["embeddings", "rerank"])
def test_vectors_and_scores_are_not_streamed(name: str) -> None:
    """It would be a stream that nobody reads."""
    assert refusal(name, minimal(name, stream=True)).param == "stream"


# --- rerank --------------------------------------------------------------------------------------------------------


def test_the_texts_of_a_rerank_are_read_with_their_speakers() -> None:
    """Strings, objects of other servers, and parts; an instruction is the application's."""
    parts = [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]
    documents = ["a", {"text": "b"}, {"content": parts, "text": "e"}]
    view = read("rerank", {"query": {"content": parts}, "documents": documents, "instruction": "f", "later": "g"})
    assert texts(view) == [
        ("system", "content", "f"),
        ("user", "content", "c"),
        ("user", "content", "d"),
        ("document", "content", "a"),
        ("document", "content", "b"),
        ("document", "content", "c"),
        ("document", "content", "d"),
        ("document", "content", "e"),
        ("definition", "content", "g"),
    ]
    assert len({field.message for field in view.texts if field.source.speaker.value == "document"}) == len(documents)


@pytest.mark.parametrize("document", ["a", {"text": "a"}, {"content": [{"type": "text", "text": "a"}]}])
def test_one_document_needs_no_list(document: Any) -> None:
    """As vLLM has it."""
    assert ("document", "content", "a") in texts(read("rerank", {"query": "b", "documents": document}))


def test_unknown_keys_of_a_document_are_read() -> None:
    """With their names: a server may show its model the whole object."""
    view = read("rerank", minimal("rerank", documents=[{"title": "a", "snippet": {"b": 4111111111111111}}]))
    found = {field.text for field in view.texts if field.source.speaker.value == "document"}
    assert found == {"a", "4111111111111111", "snippet\nb"}


@pytest.mark.parametrize("value", [None, 5, True, ["a"], [1, 2]])
def test_a_query_that_is_no_text_is_refused(value: Any) -> None:
    """Token ids too, and several queries."""
    error = refusal("rerank", minimal("rerank", query=value))
    assert (error.code, error.param) == ("invalid_type", "query")


@pytest.mark.parametrize("value", [None, 5, True, [5], [None], [[1, 2]], [["a"]], ["a", 5]])
def test_documents_that_are_no_texts_are_refused(value: Any) -> None:
    """At any place of the list."""
    error = refusal("rerank", minimal("rerank", documents=value))
    assert (error.code, error.param) == ("invalid_type", "documents")


@pytest.mark.parametrize("part", ["a", 5, {"text": "a"}, {"type": "text"}, {"type": "text", "text": ["a"]}])
@pytest.mark.parametrize("field", ["query", "documents"])
def test_parts_of_a_rerank_that_are_not_as_the_api_has_them_are_refused(field: str, part: Any) -> None:
    """Like those of a message."""
    error = refusal("rerank", minimal("rerank", **{field: {"content": [part]}}))
    assert error.code == "invalid_type"


@pytest.mark.parametrize("field", ["query", "documents"])
def test_media_of_a_rerank_are_refused_or_counted_as_unread(field: str) -> None:
    """By policy; an address that the server would fetch is known with its speaker."""
    remote = {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}
    body = minimal("rerank", **{field: {"content": [IMAGE, remote]}})
    assert refusal("rerank", body).code == "part_not_allowed"
    view = read("rerank", body, MEDIA)
    assert view.unread == ("media", "media")
    assert view.media_addresses == [("user" if field == "query" else "document", "https://a.example/x.png")]


def test_an_instruction_must_be_text() -> None:
    """It stands in the template."""
    assert refusal("rerank", minimal("rerank", instruction={"a": "b"})).param == "instruction"


@pytest.mark.parametrize(("documents", "readings"), [("a", 1), ([], 1), (["a"], 1), (["a", "b", "c"], 3)])
def test_a_query_may_be_read_with_each_document(documents: Any, readings: int) -> None:
    """A cross-encoder reads it as often; its tokens count each time."""
    assert read("rerank", {"query": "a", "documents": documents}).readings == readings


# --- responses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 5, {}, ["text"]])
def test_input_must_be_text_or_items(value: Any) -> None:
    """An absent input too."""
    assert refusal("responses", {"input": value}).code == "invalid_type"


def test_responses_in_the_background_are_refused() -> None:
    """Their answer is fetched later, past every guard."""
    assert refusal("responses", minimal("responses", background=True)).param == "background"


@pytest.mark.parametrize(
    "item",
    [{"type": "item_reference", "id": "x"}, {"type": "reasoning", "summary": [], "encrypted_content": "c2VjcmV0"}],
)
def test_items_that_only_the_server_can_read_are_refused(item: dict[str, Any]) -> None:
    """A reference to what it has stored, and what it has sealed."""
    assert refusal("responses", {"input": [item]}).code == "item_not_allowed"


def test_responses_input_items() -> None:
    """Parts, outputs as text or parts, reasoning, calls, and items that are not known."""
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "b"}], "encrypted_content": None},
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "c"}]},
        {"type": "function_call", "call_id": "1", "name": "d", "arguments": "e", "status": "completed"},
        {"type": "function_call_output", "call_id": "1", "output": [{"type": "input_text", "text": "f"}]},
        {"type": "web_search_call", "action": {"query": "g"}},
        {"type": "later", "words": ["h"]},
    ]
    view = read("responses", {"input": items, "instructions": "i", "text": {"format": {"name": "j"}}})
    assert [text for _, _, text in texts(view)] == ["i", "a", "b", "c", "1", "d", "e", "f", "1", "g", "h", "j"]
    assert texts(view)[7] == ("tool", "content", "f")
    assert refusal("responses", {"input": [{"role": "x", "content": "y"}]}).code == "invalid_role"
    assert refusal("responses", {"input": [{"role": "user", "content": [IMAGE]}]}).code == "part_not_allowed"


# --- messages ------------------------------------------------------------------------------------------------------


def test_messages_blocks() -> None:
    """System as text or blocks, thinking, tool use with keys and numbers, tool results as text or blocks."""
    request = {
        "system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "ctx", "content": "b"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "c", "signature": "s"},
                    {"type": "redacted_thinking", "data": "d"},
                    {"type": "tool_use", "id": "t1", "name": "e", "input": {"key of f": "f", "card": 4111111111111111}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "g"}]},
                    {"type": "tool_result", "tool_use_id": "t1", "content": "h"},
                ],
            },
        ],
        "stop_sequences": ["i"],
        "metadata": {"user_id": "j"},
    }
    view = read("messages", request)
    assert [text for _, kind, text in texts(view) if kind != "name"] == [*"abcf", "4111111111111111", *"ghij"]
    assert ("tool", "content", "g") in texts(view)
    assert ("assistant", "name", "e") in texts(view)
    assert any(field.keys and "key of f" in field.text for field in view.texts)
    assert view.user == "j"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source": {"type": "base64", "data": ""}},
        {"type": "document", "source": {"type": "text", "data": "x"}},
        {"type": "tool_result", "content": [{"type": "image", "source": {}}]},
        {"type": "tool_result", "content": [{"type": "document"}]},
        {"type": "search_result", "content": []},
    ],
)
def test_blocks_that_are_not_text_are_refused(block: dict[str, Any]) -> None:
    """Also inside a tool's result."""
    assert refusal("messages", {"messages": [{"role": "user", "content": [block]}]}).code == "part_not_allowed"
    assert read("messages", {"messages": [{"role": "user", "content": [block]}]}, MEDIA).unread == ("media",)


@pytest.mark.parametrize("field", ["system", "messages"])
@pytest.mark.parametrize("value", [5, {"type": "text"}, [5], ["text"]])
def test_messages_must_be_text_or_blocks(field: str, value: Any) -> None:
    """Anything else is refused."""
    assert refusal("messages", minimal("messages", **{field: value})).code == "invalid_type"
