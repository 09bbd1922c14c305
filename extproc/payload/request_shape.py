"""The data that filters need from a request besides its texts: messages and speakers, tools, media, lengths, formats.

Each dialect declares it in its own ``RequestShape``: the names of its fields, and a method where its API differs. A
shape holds no request. The view passes it the tree when a filter asks, so unused data costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from extproc.domain.text import Speaker
from extproc.payload.edits import Path
from extproc.payload.named_tools import NamedTool, schema_of_format, schemas_of, tools_chosen_by, tools_named_by

# Fields that any of vLLM's APIs may have.
_DOCUMENTS: Final = "documents"
TOOL_LISTS: Final = ("tools", "functions")
"""Fields that define tools."""
_TOOL_CHOICES: Final = ("tool_choice", "function_call")
# Keys of external free text: no names, no identifiers.
_PROSE_KEYS: Final = frozenset({"text", "content", "contents", "output", "document"})
# The text of a plain document, of which citations count the characters. Source: Anthropic's API.
_CITED: Final = ("source", "data")
_STRUCTURED: Final = ("guided_json", "structured_outputs")
_JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})
_NO_ROLES: Final[Mapping[str, Speaker]] = {}


class RequestShape:
    """Where the requests of one dialect hold the data that filters need.

    Args:
        messages: the field with the list of messages.
        prompts: other fields with input for the model.
        system: the field with the system prompt.
        roles: the roles of messages, and the speaker of each.
        lengths: the fields that limit the length of a response, in order of precedence. [tokens]
        formats: the paths of the fields that set the format of a response.
        repeated: the field that a response repeats, and into which a system prompt may be inserted.

    Attributes:
        spoken: the fields of messages, of the system prompt and of other prompts.
        shown: the fields whose texts the model reads unchanged: ``spoken``, and documents.
    """

    def __init__(
        self,
        *,
        messages: str = "",
        prompts: Sequence[str] = (),
        system: str = "",
        roles: Mapping[str, Speaker] = _NO_ROLES,
        lengths: Sequence[str] = (),
        formats: Sequence[tuple[str, ...]] = (),
        repeated: str = "",
    ) -> None:
        self.roles = roles
        self.repeated = repeated
        self._messages = messages
        self._system = system
        self._lengths = lengths
        self._formats = formats
        self._asks_for_json = frozenset({*_STRUCTURED, *(path[0] for path in formats)})
        self.spoken = frozenset({name for name in (messages, system, *prompts) if name})
        self.shown = self.spoken | {_DOCUMENTS}

    # --- texts, by their places ------------------------------------------------------------------------------------

    def is_prose(self, path: Path, text: str) -> bool:
        """Whether an external text may be wrapped in other words: it is not JSON, and no citation counts in it."""
        if not self.is_said(path) or path[-2:] == _CITED:
            return False
        return path[0] == _DOCUMENTS or not _is_json(text)

    def is_said(self, path: Path) -> bool:
        """Whether a tool or a document says something at this place, in free text or JSON: no name, no identifier."""
        if path[0] == _DOCUMENTS:
            return len(path) == 1 or isinstance(path[-1], int) or path[-1] in _PROSE_KEYS
        keys = [key for key in path if isinstance(key, str)]
        return keys[-1] in _PROSE_KEYS or path[-2:] == _CITED

    # --- messages --------------------------------------------------------------------------------------------------

    def messages(self, tree: dict[str, Any]) -> list[dict[str, Any]]:
        """The messages of a chat, or the items of a Responses input."""
        messages = tree.get(self._messages) if self._messages else None
        return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []

    def turn_count(self, tree: dict[str, Any], has_system: bool) -> int:
        """The number of messages, plus the system prompt and the beginning of the response."""
        messages = tree.get(self._messages)
        has_system = has_system or bool(self._system and tree.get(self._system))
        return (len(messages) if isinstance(messages, list) else 1) + has_system + 1

    def speaker_of(self, message: dict[str, Any]) -> Speaker | None:
        """The speaker of a message; None if its role is unknown."""
        role = message.get("role")
        return self.roles.get(role) if isinstance(role, str) else None

    def is_prefilled(self, tree: dict[str, Any]) -> bool:
        """Whether the model continues the last message instead of responding to it."""
        messages = self.messages(tree)
        return bool(tree.get("continue_final_message")) or (bool(messages) and self.begins_response(messages[-1]))

    def begins_response(self, message: dict[str, Any]) -> bool:
        """Whether the model continues a message if it is the last."""
        return self.speaker_of(message) is Speaker.ASSISTANT

    def media_addresses(self, tree: dict[str, Any]) -> Iterator[tuple[Speaker | None, str]]:
        """Addresses from which a server would fetch images, audio and files, each with its speaker if known."""
        for speaker, holder in self.media_holders(tree):
            for address in _addresses_in(holder):
                if address[:5].lower() != "data:":
                    yield speaker, address

    def media_holders(self, tree: dict[str, Any]) -> Iterator[tuple[Speaker | None, Any]]:
        """The values in which media may be, each with its speaker if known."""
        for message in self.messages(tree):
            yield self.speaker_of(message), message

    # --- tools -----------------------------------------------------------------------------------------------------

    def tool_holders(self, tree: dict[str, Any]) -> list[dict[str, Any]]:
        """The objects that may hold lists of tools."""
        return [tree, *self.messages(tree)]

    def tool_definitions(self, tree: dict[str, Any]) -> list[Any]:
        """Everything that a request defines as a tool, readable or not."""
        lists = [holder.get(key) for holder in self.tool_holders(tree) for key in TOOL_LISTS]
        return [tool for tools in lists if isinstance(tools, list) for tool in tools]

    def named_tools(self, tree: dict[str, Any]) -> Iterator[NamedTool]:
        """Tools that a request defines, and those that its tool choice names."""
        for tool in self.tool_definitions(tree):
            yield from tools_named_by(tool)
        for key in _TOOL_CHOICES:
            yield from tools_chosen_by(tree.get(key))

    def runs_tools(self, tree: dict[str, Any]) -> bool:
        """Whether any tool is not a function that the client runs."""
        tools = tree.get("tools")
        if not isinstance(tools, list):
            return False
        return any(not isinstance(tool, dict) or tool.get("type", "function") != "function" for tool in tools)

    # --- the requested response --------------------------------------------------------------------------------------

    def lengths(self, tree: dict[str, Any]) -> list[int]:
        """The limits on the response's length, one per field; empty if there are none. [tokens]"""
        lengths: list[int] = []
        for key in self._lengths:
            length = tree.get(key)
            if type(length) is int and length >= 0:  # a boolean is not a length
                lengths.append(length)
        return lengths

    def wants_json(self, tree: dict[str, Any]) -> bool:
        """Whether the response's content must be JSON. Source: OpenAI, Anthropic, vLLM 0.32."""
        if self._asks_for_json.isdisjoint(tree):
            return False
        if tree.get("guided_json") is not None:
            return True
        structured = tree.get("structured_outputs")
        if isinstance(structured, dict) and (structured.get("json") is not None or structured.get("json_object")):
            return True
        formats = [_value_at(tree, path) for path in self._formats]
        return any(isinstance(one, dict) and one.get("type") in _JSON_FORMATS for one in formats)

    def schemas(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The schema of each tool's arguments by its name, and that of the response's content under ``""``."""
        schemas = dict(schema for tool in self.tool_definitions(tree) for schema in schemas_of(tool))
        if self._asks_for_json.isdisjoint(tree):
            return schemas
        structured = tree.get("structured_outputs")
        formats = [_value_at(tree, path) for path in self._formats]
        content = [
            tree.get("guided_json"),
            structured.get("json") if isinstance(structured, dict) else None,
            *(schema_of_format(one) for one in formats),
        ]
        schemas.update(("", one) for one in content if isinstance(one, dict))
        return schemas


NO_SHAPE: Final = RequestShape()
"""The shape of a request that only has texts."""


def _value_at(tree: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = tree
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_json(text: str) -> bool:
    """Whether a text is an object or an array."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


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
