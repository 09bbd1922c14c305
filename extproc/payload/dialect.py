"""The protocol of a dialect, one API. One module per dialect; ``endpoints`` maps paths to them.

A dialect reads; it never decides. It raises ``PayloadRefused`` for a request that a model server could interpret
differently, and ``UnreadableResponse`` for a response that it cannot read: both end the exchange with an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError
from extproc.domain.text import Kind, TextSource
from extproc.payload.ends import End
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.sse import SseEvent, write_event
from extproc.payload.strict_json import parse_once
from extproc.payload.usage import UsageReader
from extproc.payload.view import Copy, RequestPolicy, RequestView, ResponseView, Slot


class UnreadableResponse(Exception):
    """The model server's response does not conform to its API; no part of it may be forwarded unread."""


@dataclass(slots=True)
class Frame:
    """One event of a stream, parsed.

    ``slots`` are pieces of channels; ``wholes`` repeat a channel's text from its beginning. ``closes`` are the
    channels' choices (or blocks) that end with this event: held text must be released before it, and none may follow.
    """

    event: SseEvent
    tree: dict[str, Any] | None = None
    slots: list[Slot] = field(default_factory=list)
    wholes: list[Slot] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    closes: list[tuple[int, int | None]] = field(default_factory=list)  # (choice, part or None for all its parts)
    pauses: tuple[tuple[int, int], ...] = ()  # like ``closes``, but more of the part may follow
    finished: list[int] = field(default_factory=list)  # choices that have ended by themselves
    cut_short: tuple[int, ...] = ()  # those of them that reached the token limit
    ends: dict[int, End] = field(default_factory=dict)  # how each of them ended
    ends_part: bool = (
        False  # a part of the response is over, and only the next event shows whether the response continues
    )
    open_part: int | None = None  # the block that is open when the event arrives, if the API has blocks
    changed: bool = False  # must be serialized again even if its texts do not change
    bare: bool = False  # it has nothing but its texts: when they are held, the event is dropped
    usage_only: bool = False
    failed: bool = False  # an error frame
    dropped: int = 0  # choices removed from an event with an error
    last: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether it does not show how the response continues: a ping."""
        tells = self.slots or self.wholes or self.closes or self.pauses or self.finished or self.last or self.failed
        return self.says_something and not tells

    def put(self, slot: Slot, text: str) -> None:
        """Replace the text of a slot."""
        if text != slot.text:
            slot.put(text)
            self.changed = True

    def said_up_to(self, source: TextSource) -> list[Slot]:
        """The slots of a source's choice, up to the last one of the source itself; only generated text can be
        carried.
        """
        choice = source.choice
        said = [one for one in self.slots if one.source.choice == choice and one.source.kind is not Kind.ASIDE]
        last = max((number for number, slot in enumerate(said) if slot.source == source), default=-1)
        return said[: last + 1]

    @property
    def says_something(self) -> bool:
        """Whether it contains an object: it is not a comment, and not the end marker."""
        return self.tree is not None

    def drop_usage(self) -> None:
        """Remove the usage from the event."""
        if self.tree and self.tree.pop("usage", None):
            self.changed = True


class StreamReader(Protocol):
    """One stream. Keeps the state that is needed to write events of our own into it."""

    usage: UsageReader
    plain: PlainChunks
    finishes: dict[int, str]  # finish reasons of the choices so far

    @property
    def response_id(self) -> str:
        """The id of the response, as the client sees it; empty: it has none, or one that is no word."""
        ...

    def read(self, event: SseEvent) -> Frame:
        """Parse one event. Raises: UnreadableResponse."""
        ...

    def return_to(self, frame: Frame) -> None:
        """Return to the state at an event that was read before others, to write in its place."""
        ...

    def write(self, frame: Frame) -> bytes:
        """Serialize an event whose slots were changed."""
        ...

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """Remove a choice that was cut from an event. Returns: False if the event is empty after that."""
        ...

    def carry(self, source: TextSource, text: str) -> bytes:
        """An event of our own that carries held text of a channel."""
        ...

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """Events of our own that end a choice because of a finding in it; or as if it had reached its token limit."""
        ...

    def end(self) -> bytes:
        """The end of the stream after the last choice was cut."""
        ...

    def failure(self, error: ApiError) -> bytes:
        """An error in mid-stream in this API's format, and the end of the stream."""
        ...


class Dialect(Protocol):
    """One API."""

    name: Endpoint
    generates: bool  # whether a model generates the response: it has choices, and costs completion tokens
    reads_responses: bool  # whether responses may contain text, and are read before the client receives any of it
    templated: bool  # whether a chat template adds words around the input

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        ...

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Insert a system prompt first, or in place of the client's own."""
        ...

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Make the server send usage with a stream."""
        ...

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        ...

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """End a choice of an unstreamed response after its ``kept`` slots: remove later texts, set the finish
        reason.
        """
        ...

    def stream(self, shown: Mapping[str, Any]) -> StreamReader:
        """A reader for one stream; ``shown`` has fields that the client sees with the values of its own request."""
        ...

    def error_body(self, error: ApiError) -> bytes:
        """An error as this API's JSON object."""
        ...


def load_event(event: SseEvent) -> dict[str, Any]:
    """The JSON object of an event. Raises: UnreadableResponse, also if parsers could read it differently."""
    data = event.data or b""
    try:
        tree = orjson.loads(data)
        if orjson.dumps(tree) != data:  # most servers serialize like this
            tree = parse_once(data)
    except (ValueError, orjson.JSONEncodeError):
        raise UnreadableResponse("an event of the stream is not JSON, or has a key twice") from None
    if not isinstance(tree, dict):
        raise UnreadableResponse("an event of the stream is not a JSON object")
    return tree


def items_of(holder: dict[str, Any], key: str) -> list[Any]:
    """An array of a response, absent and null as empty. Raises: UnreadableResponse."""
    items = holder.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise UnreadableResponse("a field of the response is not an array")
    return items


def dump_event(tree: dict[str, Any], name: str = "") -> bytes:
    """An event with a JSON object."""
    return write_event(orjson.dumps(tree), name)


def cut_reason(at_limit: bool) -> str:
    """OpenAI's finish reason of a choice that we have ended."""
    return "length" if at_limit else "content_filter"


def openai_error(error: ApiError) -> dict[str, Any]:
    """OpenAI's error object. Source: vLLM's error format; ``code`` is a word of our own, as in OpenAI's API."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
