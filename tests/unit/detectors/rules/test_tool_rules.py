"""Tools by their names: denied comes before allowed, and a tool that cannot be told is none that was allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.rules.tool_rules import ToolRules

NAMES = st.lists(st.sampled_from(["f", "files_*", "files_rm", "*", "web_search"]), max_size=3)
TOOLS = st.sampled_from(["f", "files_", "files_rm", "files_read", "web_search", "g", ""])


@pytest.mark.parametrize(
    ("allow", "deny", "name", "permitted"),
    [
        (None, [], "f", True),
        (None, ["f"], "f", False),
        (["f"], [], "g", False),
        (["files_*"], ["files_rm"], "files_read", True),
        (["files_*"], ["files_rm"], "files_rm", False),
        (["files_*"], [], "files_", True),
        (["files_*"], [], "files", False),
        ([], [], "f", False),
        (["*"], ["*"], "f", False),
        (["f"], [], "F", False),
    ],
)
def test_one_name(allow: list[str] | None, deny: list[str], name: str, permitted: bool) -> None:
    """A star stands at the end of a name alone; letters are as they are written."""
    assert ToolRules(allow, deny).permit(name) == permitted


@given(st.none() | NAMES, NAMES, st.lists(TOOLS, min_size=1, max_size=3), TOOLS)
def test_a_tool_of_several_names_needs_all_of_them(
    allow: list[str] | None, deny: list[str], names: list[str], kind: str
) -> None:
    """The server may call it by any; its type may be denied, and need not be allowed."""
    rules = ToolRules(allow, deny)
    expected = all(rules.permit(name) for name in names) and ToolRules(None, deny).permit(kind)
    assert rules.permit_all(names, kind) == expected


def test_a_tool_without_a_name_passes_only_where_all_are_allowed() -> None:
    """It could be any."""
    assert ToolRules(None, ["f"]).permit_all([], "function")
    assert not ToolRules(["f"], []).permit_all([], "function")
