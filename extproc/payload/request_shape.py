"""What a request is made of, whatever its dialect: messages and their speakers, and the tools that it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from extproc.domain.text import Speaker
from extproc.payload.view import RequestView

_LISTS = ("messages", "input")
_ROLES = {
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    "user": Speaker.USER,
    "ctx": Speaker.USER,
    "msg": Speaker.USER,
    "assistant": Speaker.ASSISTANT,
    "tool": Speaker.TOOL,
    "function": Speaker.TOOL,
}
# Words of the APIs that say how a tool is given, or that none is meant.
_PLAIN_TYPES = frozenset({"function", "custom", "tool"})
_CHOICES = frozenset({"auto", "any", "none", "required", "allowed_tools"})
_NESTED = ("tools", "allowed_tools")
# Blocks of Anthropic's API that change the list of tools within a conversation.
TOOL_CHANGES = ("tool_addition", "tool_removal")
LISTED_TOOLS = "mcp_list_tools"  # an item that tells what tools a server has had; it offers none
# Items of the Responses API that vLLM goes on with, and their states in which it does.
_CONTINUED_TYPES = frozenset({"message", "reasoning"})
_CONTINUED_STATES = frozenset({"in_progress", "incomplete"})


def messages_of(request: RequestView) -> list[dict[str, Any]]:
    """The messages of a chat, or the items of a response's input."""
    lists = [request.tree[key] for key in _LISTS if isinstance(request.tree.get(key), list)]
    return [message for messages in lists for message in messages if isinstance(message, dict)]


def speakers_of(request: RequestView) -> set[Speaker]:
    """Whose words a request holds; a message without text counts too."""
    speakers = {field.source.speaker for field in request.texts}
    return speakers | {speaker for message in messages_of(request) if (speaker := _speaker_of(message)) is not None}


def _speaker_of(message: dict[str, Any]) -> Speaker | None:
    role = message.get("role")
    return _ROLES.get(role) if isinstance(role, str) else None


def is_prefilled(request: RequestView) -> bool:
    """Whether the model is to go on with a message instead of answering one."""
    messages = messages_of(request)
    return bool(request.tree.get("continue_final_message")) or (bool(messages) and _begins_answer(messages[-1]))


def _begins_answer(message: dict[str, Any]) -> bool:
    """Whether the last message is the assistant's, or one of whoever's that vLLM goes on with."""
    kind, state = message.get("type", "message"), message.get("status")
    if _speaker_of(message) is Speaker.ASSISTANT or kind == "reasoning":
        return True
    continued = kind is None or (isinstance(kind, str) and kind in _CONTINUED_TYPES)
    return continued and isinstance(state, str) and state in _CONTINUED_STATES


def media_addresses(request: RequestView) -> list[tuple[str, str]]:
    """Addresses from which a server would fetch images, sounds and files, each with whose message names it, if known.

    Data that comes along is none.
    """
    values = [request.tree.get(key) for key in _LISTS]
    items = [item for value in values for item in (value if isinstance(value, list) else [value])]
    addresses = [(item, address) for item in items for address in _addresses_in(item)]
    return [(_speaker_name(item), address) for item, address in addresses if address[:5].lower() != "data:"]


def _speaker_name(item: Any) -> str:
    speaker = _speaker_of(item) if isinstance(item, dict) else None
    return speaker.value if speaker is not None else ""


def _addresses_in(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for child in value:
            yield from _addresses_in(child)
    elif isinstance(value, dict):
        for key, child in value.items():
            holds = key.endswith("_url") or key == "source"
            address = child.get("url") if holds and isinstance(child, dict) else child if holds else None
            if isinstance(address, str):
                yield address
            else:
                yield from _addresses_in(child)


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool of a request: what it must be known by (nothing: it cannot be told what it is), and its type."""

    names: tuple[str, ...]
    type: str


def tool_definitions(request: RequestView) -> list[Any]:
    """What a request defines as tools, read or not."""
    holders = [request.tree, *[message for message in messages_of(request) if message.get("type") != LISTED_TOOLS]]
    lists = [holder[key] for holder in holders for key in ("tools", "functions") if isinstance(holder.get(key), list)]
    return [tool for tools in lists for tool in tools] + list(_added_tools(request))


def _added_tools(request: RequestView) -> Iterator[Any]:
    """What Anthropic's messages define as tools; what they add by its name stands in the list itself."""
    for message in messages_of(request):
        blocks = message.get("content")
        for block in blocks if isinstance(blocks, list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_addition":
                change = block.get("tool")
                if not isinstance(change, dict) or change.get("type") != "tool_reference":
                    yield change.get("definition") if isinstance(change, dict) else change


def tools_named_in(request: RequestView) -> Iterator[NamedTool]:
    """Tools that a request defines, and those that its choice of tools names."""
    for tool in tool_definitions(request):
        yield from _named(tool)
    for key in ("tool_choice", "function_call"):
        choice = request.tree.get(key)
        if isinstance(choice, dict):
            if choice.get("type") not in _CHOICES:
                yield from _named(choice)
            yield from _nested(choice)


def _named(tool: Any) -> Iterator[NamedTool]:
    if not isinstance(tool, dict):
        yield NamedTool((), "")
        return
    kind = str(tool.get("type") or "")
    holders = [holder for holder in (tool, tool.get("function"), tool.get("custom")) if isinstance(holder, dict)]
    names = [holder["name"] for holder in holders if isinstance(holder.get("name"), str)]
    if kind == "mcp":
        names = [f"mcp:{tool.get('server_label', '')}"]
    elif kind and kind not in _PLAIN_TYPES:
        names.append(kind)
    yield NamedTool(tuple(names), kind)
    yield from _nested(tool)


def _nested(holder: dict[str, Any]) -> Iterator[NamedTool]:
    for key in _NESTED:
        inner = holder.get(key)
        if isinstance(inner, dict):
            yield from _nested(inner)
        elif isinstance(inner, list) and holder.get("type") != "mcp":
            for tool in inner:
                yield from _named(tool)
