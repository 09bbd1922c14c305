"""Requests and answers are read as they go over the wire, or as bodies."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.contract import ENDPOINT_PATHS
from extproc.dryrun.message import looks_like, read_answer, read_request
from extproc.dryrun.written import WRITTEN, answer_of, request_of, tokens_of


@pytest.mark.parametrize("name", ENDPOINT_PATHS)
def test_the_path_of_a_body_is_known_from_its_keys(name: str) -> None:
    """Except of those that look like another API: they need their path."""
    path = ENDPOINT_PATHS[name]  # type: ignore[index]
    body = request_of("Hi", "m", path).body
    alike = {"messages": "chat", "count_tokens": "chat", "embeddings": "responses"}
    expected = ENDPOINT_PATHS[alike.get(name, name)]  # type: ignore[index]
    assert read_request(body).path == expected
    assert read_request(body, path).path == path
    assert looks_like(body) == "request"


def test_a_system_prompt_of_its_own_is_anthropics() -> None:
    """The same keys otherwise."""
    assert read_request(b'{"system": "Be kind.", "messages": []}').path == ENDPOINT_PATHS["messages"]


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_shows_its_api(name: str, streamed: bool) -> None:
    """Whole and streamed; with a status line too."""
    path = ENDPOINT_PATHS[name]  # type: ignore[index]
    written = answer_of("Good day", "m", path, streamed)
    read = read_answer(written.body)
    assert (read.path, read.streamed, looks_like(written.body)) == (path, streamed, "response")
    wire = b"HTTP/1.1 503 Busy\r\nContent-Type: application/json\r\nX-A: b\r\n\r\n" + written.body
    assert read_answer(wire).headers == {":status": "503", "content-type": "application/json", "x-a": "b"}


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_chunks_are_taken_apart(body: bytes, sizes: list[int]) -> None:
    """Whatever their lengths."""
    wire, rest = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body
    for number in range(len(body)):
        if not rest:
            break
        piece, rest = rest[: sizes[number % len(sizes)]], rest[sizes[number % len(sizes)] :]
        wire += f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
    assert read_answer(wire + b"0\r\n\r\n").body == body


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"HTTP/1.1\r\n\r\n{}", "no number"),
        (b"HTTP/1.1 OK\r\n\r\n{}", "no number"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n{}", "has no colon"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}", "has no chunks"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, sentence: str) -> None:
    """In words."""
    with pytest.raises(ValueError, match=sentence):
        read_answer(content)


@pytest.mark.parametrize("content", [b"", b"Hello", b"[1, 2]", b'{"a": 1}', b'"text"', b"POST a letter today"])
def test_anything_else_is_a_text(content: bytes) -> None:
    """Which is tried as it is."""
    assert looks_like(content) == "text"


@given(st.binary(max_size=200))
def test_any_bytes_are_read(content: bytes) -> None:
    """No bytes break it, other than with a sentence."""
    assert looks_like(content) in ("request", "response", "text")
    for read in (read_request, read_answer):
        with contextlib.suppress(ValueError):
            read(content)


@given(st.text(max_size=200))
def test_tokens_are_the_text(text: str) -> None:
    """Nothing is lost or added."""
    assert "".join(tokens_of(text)) == text
