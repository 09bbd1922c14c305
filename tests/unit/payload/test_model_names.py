"""The list of models, as both APIs have it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.payload.model_names import TOLD_CHARS_MAX, TOLD_MAX, name_body, names_body, unknown_model


@pytest.mark.parametrize("names", [(), ("tiny",), ("tiny", "g\u00fcnther/large")])
@pytest.mark.parametrize("anthropic", [False, True])
def test_every_name_is_listed_once_and_in_order(names: tuple[str, ...], anthropic: bool) -> None:
    """An entry of the list is what is told of the name by itself."""
    listed = json.loads(names_body(names, anthropic))
    assert listed["data"] == [json.loads(name_body(name, anthropic)) for name in names]
    assert [model["id"] for model in listed["data"]] == list(names)


def test_a_page_of_anthropics_list_says_where_it_begins_and_ends() -> None:
    """It is the only one; an empty one begins nowhere."""
    page = json.loads(names_body(("a", "b"), anthropic=True))
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "a", "b")
    assert json.loads(names_body((), anthropic=True))["first_id"] is None


@pytest.mark.parametrize(
    ("asked", "names", "message"),
    [
        ("tiny-chta", ("tiny-chat",), "The model does not exist here. Did you mean tiny-chat? Models: tiny-chat."),
        ("TINY", ("Large", "Tiny"), "The model does not exist here. Did you mean Tiny? Models: Tiny, Large."),
        ("gpt-9", ("tiny", "large"), "The model does not exist here. Models: tiny, large."),
        (None, ("tiny", "large"), "The request names no model. Models: tiny, large."),
        (
            "model-6",
            tuple(f"model-{number}x" for number in range(9)),
            "The model does not exist here. Did you mean model-6x? Models: model-6x, model-8x, model-7x, model-5x,"
            " model-4x and 4 more: GET /v1/models.",
        ),
        ("x", ("a" * 400, "b"), "The model does not exist here. Models: 2: GET /v1/models."),
        ("x", (), "The model does not exist here. There is none for this client."),
    ],
)
def test_an_unknown_model_is_told_those_that_exist(asked: str | None, names: tuple[str, ...], message: str) -> None:
    """The nearest first, a few of many; the name that was asked for is not repeated."""
    error = unknown_model(asked, names)
    assert (error.status, error.code, error.param, error.message) == (404, "model_not_found", "model", message)


@given(st.text(), st.lists(st.text(min_size=1, max_size=120), unique=True, max_size=200))
@example("a" * 100_000, ["a" * 100])
@example("a" * 100, ["a" * 99 + str(number) for number in range(200)])
def test_the_error_is_short_whatever_is_asked(asked: str, names: list[str]) -> None:
    """And all that it says of models is in the list of models."""
    message = unknown_model(asked, names).message
    assert len(message) < 2 * TOLD_CHARS_MAX
    assert sum(name in message for name in names if len(name) > 20) <= TOLD_MAX
