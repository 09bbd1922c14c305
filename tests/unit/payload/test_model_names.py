"""The list of models, as both APIs have it."""

from __future__ import annotations

import json

import pytest

from extproc.payload.model_names import name_body, names_body


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
