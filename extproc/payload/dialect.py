"""What one API must be able to do for us. One file a dialect; ``endpoints`` knows which path speaks which.

A dialect reads; it never decides. It raises ``PayloadRefused`` for a request that a model server could read otherwise
than we do, and ``UnreadableAnswer`` for an answer that it cannot read: both end the exchange with an error.
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
from extproc.payload.view import AnswerView, Copy, RequestPolicy, RequestView, Slot


class UnreadableAnswer(Exception):
    """The model server's answer is not what its API says; nothing of it may pass unread."""


@dataclass(slots=True)
class Frame:
    """One event of a stream: what is in it, and what it means.

    ``slots`` are pieces of channels; ``wholes`` repeat a channel's text from its beginning; ``closes`` are the
    channels' choices (or blocks) that end with this event, before which held text must go out; nothing may follow.
    """

    event: SseEvent
    tree: dict[str, Any] | None = None
    slots: list[Slot] = field(default_factory=list)
    wholes: list[Slot] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    closes: list[tuple[int, int | None]] = field(default_factory=list)  # (choice, part or None for all its parts)
    pauses: tuple[tuple[int, int], ...] = ()  # as ``closes``, but more of the part may come
    finished: list[int] = field(default_factory=list)  # choices that have come to their own end
    cut_short: tuple[int, ...] = ()  # those of them that the greatest number of tokens ended
    ends: dict[int, End] = field(default_factory=dict)  # what ended each of them
    ends_part: bool = False  # a part of the answer is over, and only what follows tells whether the answer goes on
    open_part: int | None = None  # the block that is open when the event comes, where blocks are opened
    changed: bool = False  # must be written again whether or not its texts change
    bare: bool = False  # nothing in it but its texts: when they are held back, so is the event
    usage_only: bool = False
    failed: bool = False  # an error frame
    dropped: int = 0  # choices that an error came with, taken out
    last: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether it tells nothing of how the answer goes on: a ping."""
        tells = self.slots or self.wholes or self.closes or self.pauses or self.finished or self.last or self.failed
        return self.says_something and not tells

    def put(self, slot: Slot, text: str) -> None:
        """Put a text in the place of what a slot had."""
        if text != slot.text:
            slot.put(text)
            self.changed = True

    def said_up_to(self, source: TextSource) -> list[Slot]:
        """The slots of a source's choice, up to the last one of the source itself; only what is said can be carried."""
        choice = source.choice
        said = [one for one in self.slots if one.source.choice == choice and one.source.kind is not Kind.ASIDE]
        last = max((number for number, slot in enumerate(said) if slot.source == source), default=-1)
        return said[: last + 1]

    @property
    def says_something(self) -> bool:
        """Whether there is an object in it: no comment, and no mark of the end."""
        return self.tree is not None

    def drop_usage(self) -> None:
        """Take out the usage that stands beside the texts."""
        if self.tree and self.tree.pop("usage", None):
            self.changed = True


class StreamReader(Protocol):
    """One streamed answer. Holds what is needed to write events of its own in the same stream."""

    usage: UsageReader
    plain: PlainChunks

    def read(self, event: SseEvent) -> Frame:
        """What one event holds. Raises: UnreadableAnswer."""
        ...

    def return_to(self, frame: Frame) -> None:
        """Be where an event stands that was read before others, for what is written in its place."""
        ...

    def write(self, frame: Frame) -> bytes:
        """The event after its slots were changed."""
        ...

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """Take a choice that was cut out of an event; false if nothing is left of the event."""
        ...

    def carry(self, source: TextSource, text: str) -> bytes:
        """An event of ours that brings held text of a channel."""
        ...

    def cut(self, choice: int) -> bytes:
        """Events of ours that end a choice because of what was found in it."""
        ...

    def end(self) -> bytes:
        """What closes the stream after the last choice was cut."""
        ...

    def failure(self, error: ApiError) -> bytes:
        """An error in mid-stream, as this API tells it, and the end of the stream."""
        ...


class Dialect(Protocol):
    """One API."""

    name: Endpoint
    generates: bool  # whether answers may hold text, and are read before the client has any of it
    templated: bool  # whether a chat template puts words of its own around what is asked

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        ...

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Put a system prompt first, or in the place of the client's own."""
        ...

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Make the server send usage with a stream."""
        ...

    def read_answer(self, tree: dict[str, Any]) -> AnswerView:
        """Raises: UnreadableAnswer."""
        ...

    def cut_answer(self, view: AnswerView, choice: int, kept: list[Slot]) -> None:
        """End a choice of an unstreamed answer after its ``kept`` slots: later texts go, the reason is said."""
        ...

    def stream(self, shown: Mapping[str, Any]) -> StreamReader:
        """A reader for one streamed answer; in ``shown`` are fields of it that the client sees as it asked for them."""
        ...

    def error_body(self, error: ApiError) -> bytes:
        """An error as this API's JSON object."""
        ...


def load_event(event: SseEvent) -> dict[str, Any]:
    """The JSON object of an event. Raises: UnreadableAnswer, also if parsers could read it differently."""
    data = event.data or b""
    try:
        tree = orjson.loads(data)
        if orjson.dumps(tree) != data:  # most servers write so
            tree = parse_once(data)
    except (ValueError, orjson.JSONEncodeError):
        raise UnreadableAnswer("an event of the stream is not JSON, or has a key twice") from None
    if not isinstance(tree, dict):
        raise UnreadableAnswer("an event of the stream is not a JSON object")
    return tree


def items_of(holder: dict[str, Any], key: str) -> list[Any]:
    """An array of an answer, absent and null as empty. Raises: UnreadableAnswer."""
    items = holder.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise UnreadableAnswer("what must be an array in an answer is none")
    return items


def dump_event(tree: dict[str, Any], name: str = "") -> bytes:
    """An event with a JSON object."""
    return write_event(orjson.dumps(tree), name)


def openai_error(error: ApiError) -> dict[str, Any]:
    """OpenAI's error object. Source: facts of vLLM's errors; ``code`` is a word of ours, as in OpenAI's own API."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
