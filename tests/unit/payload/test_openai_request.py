"""What the requests of all APIs have in common: which texts are read, whose words they are, and what is refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from extproc.domain.errors import PayloadRefused
from extproc.payload.openai_request import REFUSED_FIELDS
from tests.unit.payload.requests import MINIMAL, PROMPTED, minimal, read, refusal, texts

EACH = pytest.mark.parametrize("name", MINIMAL)


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
