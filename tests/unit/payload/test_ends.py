"""Which ends of a choice are the model's own, given what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.payload.ends import (
    MODEL_ENDS,
    NO_ENDS,
    TOLD_ENDS,
    End,
    end_of_choice,
    end_of_message,
    end_of_response,
    finish_of_response,
    finish_word,
    own_ends,
)


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        ({}, MODEL_ENDS),
        ({"stop": None, "stop_token_ids": []}, MODEL_ENDS),
        ({"stop": "x"}, TOLD_ENDS),
        ({"stop_sequences": ["x"]}, TOLD_ENDS),
        ({"stop": [], "stop_token_ids": [7]}, TOLD_ENDS),
        ({"structured_outputs": {"regex": "a"}}, NO_ENDS),
        ({"stop": "x", "guided_choice": ["a"]}, NO_ENDS),
        ({"structured_outputs": {}}, MODEL_ENDS),
    ],
)
def test_a_client_that_ends_texts_leaves_fewer_ends_to_the_model(asked: dict[str, Any], ends: frozenset[End]) -> None:
    """A pattern decides every end; a stop string may be any that the server does not call the model's."""
    assert own_ends(asked) == ends


@pytest.mark.parametrize(
    ("choice", "end"),
    [
        ({"finish_reason": "stop", "stop_reason": None}, End.OWN),
        ({"finish_reason": "tool_calls"}, End.UNTOLD),
        ({"finish_reason": "stop"}, End.UNTOLD),
        ({"finish_reason": "stop", "stop_reason": 7}, End.UNTOLD),
        ({"finish_reason": "stop", "stop_reason": "END"}, End.CUT),
        ({"finish_reason": "length"}, End.CUT),
        ({"finish_reason": ["stop"]}, End.CUT),
        ({}, End.CUT),
    ],
)
def test_the_end_of_a_choice(choice: dict[str, Any], end: End) -> None:
    """vLLM says null where the model ended it, and the string where that did; other servers say neither."""
    assert end_of_choice(choice) is end


@pytest.mark.parametrize("said", [None, 5, ["end_turn"], "stop_sequence", "max_tokens", "later"])
def test_an_end_of_another_word_is_a_cut(said: Any) -> None:
    """In Anthropic's API and in that of responses."""
    assert end_of_message(said) is End.CUT
    assert end_of_response(said) is End.CUT


def test_ends_that_may_be_a_stop_string() -> None:
    """Both APIs have the same word for it."""
    assert {end_of_message("end_turn"), end_of_message("tool_use"), end_of_response("completed")} == {End.UNTOLD}


@pytest.mark.parametrize(
    ("reason", "word"), [("stop", "stop"), ("end_turn", "end_turn"), ("xyzzy", "other"), (None, "other"), ([], "other")]
)
def test_a_finish_reason_is_repeated_only_if_an_api_has_it(reason: Any, word: str) -> None:
    """Otherwise it may be any text of a server."""
    assert finish_word(reason) == word


@pytest.mark.parametrize(
    ("response", "word"),
    [
        ({"status": "completed", "incomplete_details": None}, "completed"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "max_output_tokens"),
        ({"status": "failed"}, "failed"),
        ({}, "other"),
    ],
)
def test_the_finish_reason_of_a_response_object(response: dict[str, Any], word: str) -> None:
    """Why it is incomplete, or its status."""
    assert finish_of_response(response) == word
