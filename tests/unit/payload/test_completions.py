"""Completions: their prompts, and an answer that is cut."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.payload.view import RequestPolicy
from tests.unit.payload.requests import (
    BY_NAME,
    read,
    refusal,
)


def test_completions_answer_cut() -> None:
    """Only the choice that is meant."""
    tree = {"choices": [{"index": index, "text": "a", "finish_reason": "stop"} for index in (0, 1)]}
    view = BY_NAME["completions"].read_response(tree)
    BY_NAME["completions"].cut_response(view, 1, [])
    assert [choice["finish_reason"] for choice in tree["choices"]] == ["stop", "content_filter"]


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
