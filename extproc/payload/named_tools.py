"""The names of tools in definitions and tool choices. Source: the APIs of OpenAI and Anthropic, vLLM 0.32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

# Words of the APIs that say how a tool is specified, or that none is meant.
_PLAIN_TYPES: Final = frozenset({"function", "custom", "tool"})
_CHOICES: Final = frozenset({"auto", "any", "none", "required", "allowed_tools"})
_NESTED: Final = ("tools", "allowed_tools")


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool of a request: its name (empty: it cannot be identified), and its type."""

    names: tuple[str, ...]
    type: str


def tools_named_by(definition: Any) -> Iterator[NamedTool]:
    """The defined tool, and those within it."""
    if not isinstance(definition, dict):
        yield NamedTool((), "")
        return
    kind = str(definition.get("type") or "")
    parts = (definition, definition.get("function"), definition.get("custom"))
    holders = [holder for holder in parts if isinstance(holder, dict)]
    names = [holder["name"] for holder in holders if isinstance(holder.get("name"), str)]
    if kind == "mcp":
        names = [f"mcp:{definition.get('server_label', '')}"]
    elif kind and kind not in _PLAIN_TYPES:
        names.append(kind)
    yield NamedTool(tuple(names), kind)
    yield from _nested(definition)


def tools_chosen_by(choice: Any) -> Iterator[NamedTool]:
    """The tools that a choice names; a choice that is one word names none."""
    if isinstance(choice, dict):
        if choice.get("type") not in _CHOICES:
            yield from tools_named_by(choice)
        yield from _nested(choice)


def schemas_of(definition: Any) -> Iterator[tuple[str, Any]]:
    """The name of a defined function, and the schema of its arguments."""
    if not isinstance(definition, dict):
        return
    inner = definition.get("function")
    holder = inner if isinstance(inner, dict) else definition
    name, schema = holder.get("name"), holder.get("parameters", holder.get("input_schema"))
    if isinstance(name, str) and isinstance(schema, dict):
        yield name, schema


def schema_of_format(form: Any) -> Any:
    """The schema in a requested format; None: it has none."""
    if not isinstance(form, dict):
        return None
    inner = form.get("json_schema")
    return (inner if isinstance(inner, dict) else form).get("schema")


def _nested(holder: dict[str, Any]) -> Iterator[NamedTool]:
    for key in _NESTED:
        inner = holder.get(key)
        if isinstance(inner, dict):
            yield from _nested(inner)
        elif isinstance(inner, list) and holder.get("type") != "mcp":
            for tool in inner:
                yield from tools_named_by(tool)
