"""How much of a request the model reads, in each API."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.token_rates import RequestSize
from extproc.payload.request_size import size_of
from tests.unit.payload.requests import BY_NAME, minimal, read

TURN = {"role": "user", "content": "four"}
TOOL = {"type": "function", "function": {"name": "find"}}


def size(name: str, **fields: Any) -> RequestSize:
    """The size of the smallest request with some more fields."""
    return size_of(read(name, minimal(name, **fields)), BY_NAME[name])


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("chat", {}, RequestSize(2, 2)),
        ("chat", {"messages": [{"role": "system", "content": "Grüße"}, TURN], "n": 3}, RequestSize(11, 3, choices=3)),
        ("chat", {"max_tokens": 9, "max_completion_tokens": 7}, RequestSize(2, 2, answer_tokens_max=7)),
        ("completions", {"prompt": ["four", "five"], "n": 2}, RequestSize(8, 0, choices=4)),
        ("messages", {"system": "four"}, RequestSize(6, 3, answer_tokens_max=5)),
        ("messages", {"system": [{"type": "text", "text": "four"}]}, RequestSize(6, 3, answer_tokens_max=5)),
        ("responses", {"instructions": "four", "max_output_tokens": 5}, RequestSize(6, 3, answer_tokens_max=5)),
        ("responses", {"input": [TURN, TURN]}, RequestSize(8, 3)),
        ("count_tokens", {}, RequestSize(2, 2, choices=0)),
        ("embeddings", {"input": ["four", "five"]}, RequestSize(8, 0, choices=0)),
        ("rerank", {"documents": ["four", "five"], "instruction": "six"}, RequestSize(2 + 8 + 3, 0, choices=0)),
        ("chat", {"max_tokens": True}, RequestSize(2, 2)),
        ("chat", {"max_tokens": -3}, RequestSize(2, 2)),
    ],
)
def test_sizes(name: str, fields: dict[str, Any], expected: RequestSize) -> None:
    """Bytes of texts, turns with the beginning of the answer, answers, and the most tokens of one."""
    assert size(name, **fields) == expected


@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
def test_tools_are_counted_apart(name: str) -> None:
    """They are written as JSON, and a template says something before them."""
    given = size(name, tools=[TOOL])
    assert given.tool_utf8_bytes > len("find") + len("function")
    assert given.utf8_bytes == size(name).utf8_bytes


@pytest.mark.parametrize(
    ("replaces", "expected"),
    [(False, RequestSize(4 + 4 + 5, 4)), (True, RequestSize(4 + 5, 3))],
    ids=["first", "replace"],
)
def test_a_prompt_that_was_put_in(replaces: bool, expected: RequestSize) -> None:
    """Beside the client's own, or in its place."""
    request = read("chat", {"messages": [{"role": "system", "content": "four"}, TURN]})
    request.inserted, request.inserted_replaces = "Obey.", replaces
    assert size_of(request, BY_NAME["chat"]) == expected
