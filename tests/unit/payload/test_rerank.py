"""Reranking: which texts of a request are read, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.payload.requests import IMAGE, MEDIA, minimal, read, refusal, texts


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
