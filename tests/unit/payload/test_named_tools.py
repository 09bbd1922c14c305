"""The names by which a tool may be called, wherever an API writes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.named_tools import NamedTool, tools_chosen_by, tools_named_by

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["function", "mcp", "custom", "auto", "f"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "function", "custom", "tools", "allowed_tools"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ({"type": "function", "function": {"name": "f"}}, [("f",)]),
        ({"name": "f", "input_schema": {}}, [("f",)]),
        ({"type": "custom", "custom": {"name": "c"}, "name": "n"}, [("n", "c")]),
        ({"type": "web_search", "name": "f"}, [("f", "web_search")]),
        ({"type": "mcp", "server_label": "docs", "name": "f", "tools": [{"name": "g"}]}, [("mcp:docs",)]),
        ({"type": "namespace", "tools": [{"name": "f"}, {"name": "g"}]}, [("namespace",), ("f",), ("g",)]),
        ({"type": "function"}, [()]),
        ("f", [()]),
    ],
)
def test_all_names_of_a_tool_are_read(definition: Any, names: list[tuple[str, ...]]) -> None:
    """Any of them may be what the server calls; one without a name cannot be told, which is no name."""
    assert [tool.names for tool in tools_named_by(definition)] == names


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("auto", []),
        (None, []),
        ({"type": "auto"}, []),
        ({"type": "function", "function": {"name": "f"}}, [("f",)]),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [{"name": "f"}]}}, [("f",)]),
        ({"type": "tool", "name": "f"}, [("f",)]),
    ],
)
def test_a_choice_names_the_tools_that_it_allows(choice: Any, names: list[tuple[str, ...]]) -> None:
    """A word for all or none names nothing."""
    assert [tool.names for tool in tools_chosen_by(choice)] == names


@given(JSON)
def test_whatever_is_sent_for_a_tool_is_one(value: Any) -> None:
    """Nothing raises, and what cannot be told is not left out."""
    tools = list(tools_named_by(value))
    assert tools
    assert all(isinstance(name, str) for tool in tools for name in tool.names)
    assert list(tools_named_by(None)) == [NamedTool((), "")]
