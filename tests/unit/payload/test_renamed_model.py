"""A served model's name in errors: clients read the name that they requested."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.error_body import error_view
from extproc.payload.renamed_model import RenamedModel, name_as_requested, with_name


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("The model `tiny-next` does not exist.", "The model `generation` does not exist."),
        ("tiny-next", "generation"),
        ("There is no tiny-next.", "There is no generation."),
        ("tiny-next, tiny-next", "generation, generation"),
        ("tiny-next-2, my-tiny-next, org/tiny-next, tiny-next.v2", None),
        ("tiny-nextest and a.tiny-next", None),
        ("", None),
    ],
)
def test_only_a_whole_name_is_replaced(text: str, after: str | None) -> None:
    """Names that contain it are other names."""
    assert with_name(text, "tiny-next", "generation") == (text if after is None else after)


@given(st.text("ab-. ", max_size=30), st.text("ab-", min_size=1, max_size=3))
def test_the_same_name_changes_nothing(text: str, name: str) -> None:
    """Whatever stands around it."""
    assert with_name(text, name, name) == text


@pytest.mark.parametrize(
    ("error", "after"),
    [
        ({"error": {"message": "No tiny-next here", "code": 404}}, {"error": {"message": 'No a"b here', "code": 404}}),
        ({"detail": [{"msg": "x", "input": {"model": "tiny-next"}}]}, None),
        ({"message": "nothing"}, None),
    ],
)
def test_all_texts_of_an_error_are_looked_at(error: dict[str, Any], after: dict[str, Any] | None) -> None:
    """Also a value in JSON, which stays JSON whatever a client has asked for."""
    view = error_view(json.dumps(error).encode())
    changed = name_as_requested(view.slots, RenamedModel("tiny-next", 'a"b'))
    found = json.loads(view.write())
    assert "tiny-next" not in json.dumps(found)
    assert changed is ("tiny-next" in json.dumps(error))
    if after is not None:
        assert found == after
