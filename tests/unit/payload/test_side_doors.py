"""Ways past ``messages`` to the model: each was recorded against a real vLLM, and each is closed or guarded here.

A test has the name of its recording in ``tests/recordings``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.view import RequestPolicy
from tests.stream.recorded import door
from tests.unit.payload.requests import read, refusal, texts

MAIL = "jane.doe@example.com"


def test_chat_duplicate_keys() -> None:
    """vLLM takes the last of two equal keys: refused."""
    assert refusal("chat", door("chat_duplicate_keys")).code == "duplicate_key"


def test_chat_utf16() -> None:
    """vLLM reads UTF-16: refused."""
    assert refusal("chat", door("chat_utf16")).code == "invalid_encoding"


def test_chat_bom() -> None:
    """vLLM skips a byte order mark: refused."""
    assert refusal("chat", door("chat_bom")).code == "invalid_encoding"


@pytest.mark.parametrize(
    ("dialect", "name"),
    [("chat", "door_kv_ids"), ("messages", "door_kv_ids_messages"), ("responses", "door_kv_ids_responses")],
)
def test_door_kv_ids(dialect: str, name: str) -> None:
    """``kv_transfer_params.prompt_token_ids`` replaces the prompt: refused in each API, whatever the policy."""
    policy = RequestPolicy(64, token_ids_pass=True, media_pass=True, template_kwargs=frozenset({"kv_transfer_params"}))
    error = refusal(dialect, door(name), policy)
    assert (error.status, error.code, error.param) == (400, "field_not_allowed", "kv_transfer_params")


@pytest.mark.parametrize("name", ["door_template_kwargs", "door_template_tools"])
def test_door_template(name: str) -> None:
    """``chat_template_kwargs`` sets any variable of the template: only listed keys pass."""
    error = refusal("chat", door(name))
    assert (error.code, error.param) == ("field_not_allowed", "chat_template_kwargs")


def test_door_template_tools_is_refused_even_if_the_key_is_listed() -> None:
    """A listed key may hold a plain value only."""
    policy = RequestPolicy(64, template_kwargs=frozenset({"tools"}))
    assert refusal("chat", door("door_template_tools"), policy).param == "chat_template_kwargs"


def test_err_chat_template() -> None:
    """A template in the request is a program for the prompt: refused."""
    assert refusal("chat", door("err_chat_template")).param == "chat_template"


def test_door_response_format() -> None:
    """A ``const`` in a schema dictates the answer: it is read as a text of its own."""
    found = [field for field in read("chat", door("door_response_format")).texts if MAIL in field.text]
    assert [field.path for field in found] == [("response_format", "json_schema", "schema", "const")]


def test_reason_hidden_stream() -> None:
    """So is what ``structured_outputs`` dictates."""
    assert any("4111 1111" in text for _, _, text in texts(read("chat", door("reason_hidden_stream"))))


def test_door_assistant_reasoning() -> None:
    """Reasoning that a client puts into an assistant's mouth may reach the prompt: it is read."""
    assert ("assistant", "content", f"Jane's mail is {MAIL}") in texts(read("chat", door("door_assistant_reasoning")))


def test_door_logit_bias_ids() -> None:
    """Token ids that only steer log probabilities bring no text: they pass."""
    assert texts(read("chat", door("door_logit_bias_ids"))) == [
        ("user", "content", "What is the weather in Paris today?")
    ]


@pytest.mark.parametrize("name", ["chat_echo", "chat_echo_stream"])
def test_chat_echo(name: str) -> None:
    """``echo`` gives the last message back in the answer: it is read on the way in, and again on the way out."""
    assert ("assistant", "content", f"Jane's mail is {MAIL} and") in texts(read("chat", door(name)))


@pytest.mark.parametrize("name", ["comp_ids", "comp_ids_list", "comp_ids_echo"])
def test_comp_ids(name: str) -> None:
    """A prompt of token ids is text that no guard can read: refused, or passed by policy and then counted as unread."""
    assert refusal("completions", door(name)).code == "token_ids_not_allowed"
    view = read("completions", door(name), RequestPolicy(64, token_ids_pass=True))
    assert (view.texts, view.unread) == ([], ("token_ids",))
    assert view.choices == (2 if name == "comp_ids_list" else 1)


def test_embeddings_ids() -> None:
    """Token ids are as unreadable here."""
    assert refusal("embeddings", door("embeddings_ids")).code == "token_ids_not_allowed"


def test_embeddings_chat() -> None:
    """The same endpoint takes a chat: refused, since it is read as an input."""
    assert refusal("embeddings", door("embeddings_chat")).param == "messages"


@pytest.mark.parametrize("name", ["rerank_v2", "rerank_one_document", "rerank_request_id"])
def test_rerank(name: str) -> None:
    """Everything of it that vLLM takes is read, in its own words."""
    found = texts(read("rerank", door(name)))
    assert found[0] == ("user", "content", "Where do invoices go?")
    assert ("document", "content", f"Mail invoices to {MAIL}.") in found


def test_rerank_instruction() -> None:
    """It stands in the prompt of each pair; ``stream``, which vLLM ignores, is refused."""
    assert refusal("rerank", door("rerank_instruction")).param == "stream"
    view = read("rerank", door("rerank_instruction").replace(b'"stream": true', b'"stream": false'))
    assert ("system", "content", "Find who answers.") in texts(view)


@pytest.mark.parametrize("name", ["err_rerank_objects", "err_rerank_parts"])
def test_err_rerank_objects(name: str) -> None:
    """Jina's objects, which vLLM refuses, and parts, which it takes with models that read images: read alike."""
    assert texts(read("rerank", door(name))) == texts(read("rerank", door("rerank_v2")))


def test_rerank_image() -> None:
    """No text: refused, or passed by policy and then counted as unread."""
    assert refusal("rerank", door("rerank_image")).code == "part_not_allowed"
    view = read("rerank", door("rerank_image"), RequestPolicy(64, media_pass=True))
    assert ("document", "content", f"Mail invoices to {MAIL}.") in texts(view)
    assert view.unread == ("media",)


def test_err_rerank_ids() -> None:
    """Token ids are no documents: refused here as by vLLM."""
    assert refusal("rerank", door("err_rerank_ids")).param == "documents"


def test_comp_suffix() -> None:
    """vLLM refuses a suffix; other servers show it to the model: it is read."""
    assert ("user", "content", " end") in texts(read("completions", door("comp_suffix")))


def test_comp_list() -> None:
    """Every prompt of a list is read, and makes choices of its own."""
    view = read("completions", door("comp_list"))
    assert texts(view) == [("user", "content", "One day"), ("user", "content", "Two nights")]
    assert view.choices == 2


def test_err_image() -> None:
    """What is in an image is not text: refused, or passed by policy and then counted as unread."""
    assert refusal("chat", door("err_image")).code == "part_not_allowed"
    assert read("chat", door("err_image"), RequestPolicy(64, media_pass=True)).unread == ("media",)


def test_chat_user_field() -> None:
    """``user``, ``metadata`` and unknown fields are accepted by vLLM: their texts are read."""
    body = door("chat_user_field")
    view = read("chat", body)
    assert view.user is not None
    assert {field.path[0] for field in view.texts} >= {"user", "metadata"}
    assert view.body_after() == body


def test_chat_tool_history() -> None:
    """Earlier tool calls, their results, and the definitions of tools are read."""
    found = texts(read("chat", door("chat_tool_history")))
    assert ("assistant", "json", '{"city": "Paris"}') in found
    assert ("assistant", "name", "get_weather") in found
    assert ("tool", "content", f"18 degrees, owner {MAIL}") in found
    assert ("definition", "content", MAIL) in found


def test_responses_items() -> None:
    """Items of every kind are read, with whose words they are."""
    assert texts(read("responses", door("responses_items"))) == [
        ("system", "content", "You are terse."),
        ("system", "content", "Be brief."),
        ("user", "content", f"My mail is {MAIL}"),
        ("assistant", "name", "c1"),
        ("assistant", "name", "get_weather"),
        ("assistant", "json", '{"city":"Paris"}'),
        ("tool", "content", "18 degrees"),
        ("tool", "name", "c1"),
        ("user", "content", "And now?"),
    ]


def test_messages_tool_result() -> None:
    """Blocks of every kind are read, with whose words they are."""
    found = texts(read("messages", door("messages_tool_result")))
    assert found[:2] == [("system", "content", "You are terse."), ("system", "content", "The customer is Jane Doe.")]
    assert ("assistant", "content", "Paris") in found
    assert ("tool", "content", f"18 degrees, {MAIL}") in found


@pytest.mark.parametrize(
    "name", ["chat_as_token_ids", "chat_token_ids", "chat_prompt_logprobs", "chat_prompt_text_stream"]
)
def test_copies_of_the_text_are_no_matter_of_the_request(name: str) -> None:
    """What asks for copies passes: the copies are dropped from the answer."""
    assert read("chat", door(name)).texts


@pytest.mark.parametrize(
    "path",
    [
        "/invocations",
        "/tokenize",
        "/detokenize",
        "/generative_scoring",
        "/inference/v1/generate",
        "/v1/chat/completions/batch",
        "/v1/chat/completions/render",
        "/v1/completions/render",
        "/v1/messages/count_tokens/",
        "/v1/messages/render",
        "/v1/responses/render",
        "/v2/embed",
        "/pooling",
        "/rerank",
        "/v2/rerank",
        "/v1/rerank/",
        "/score",
        "/v1/score",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/v1/chat%2Fcompletions",
        "/V1/chat/completions",
        "//v1/chat/completions",
        "/v1/./chat/completions",
    ],
)
def test_no_other_path_is_one_we_read(path: str) -> None:
    """Endpoints beside the known ones, and other spellings of these, are not taken for them."""
    assert path not in ENDPOINTS


def test_every_door_is_named_here() -> None:
    """A new recording of a door needs a test."""
    doors = {file.name.partition(".")[0] for file in (Path(__file__).parents[2] / "recordings").glob("door_*")}
    source = Path(__file__).read_text()
    assert doors
    assert {name for name in doors if name not in source} == set()
