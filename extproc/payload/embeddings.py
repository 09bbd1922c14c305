"""``/v1/embeddings``: texts in, vectors out. Source: OpenAI's API reference, vLLM 0.32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.text import TextSource
from extproc.payload.completions import prompt_fields
from extproc.payload.dialect import Frame, UnreadableResponse, openai_error
from extproc.payload.inert import USAGE, Shape, is_count, is_label, is_name, is_time, is_vector, word_of
from extproc.payload.openai_request import other_fields, read_object
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.request_shape import RequestShape
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import UsageReader, usage_of
from extproc.payload.view import RequestPolicy, RequestView, ResponseView, Slot

_READ: Final = frozenset({"input"})
_SHAPE: Final = RequestShape(prompts=["input"])
_ANSWER: Final = Shape(
    inert={"id": is_label, "object": word_of("list"), "created": is_time, "model": is_name},
    objects={
        "data": Shape(inert={"index": is_count, "object": word_of("embedding"), "embedding": is_vector}),
        "usage": USAGE,
    },
)


class Unstreamed:
    """The base of dialects whose models generate no text: nothing is inserted, streamed or cut."""

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Do nothing: such a model has no system prompt."""

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Do nothing: usage is always sent."""

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """Do nothing: there are no choices."""

    def stream(self, shown: Mapping[str, Any]) -> NoStream:
        """The reader refuses every event."""
        return NoStream()

    def error_body(self, error: ApiError) -> bytes:
        """OpenAI's error object."""
        return orjson.dumps(openai_error(error))


class Embeddings(Unstreamed):
    """OpenAI's embeddings."""

    name: Endpoint = "embeddings"
    generates = False
    reads_responses = False
    templated = False

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = read_object(body, policy, _SHAPE, generates=False)
        if "messages" in view.tree:
            raise refuse(400, "field_not_allowed", "messages is not allowed here: send the texts in input.", "messages")
        if view.streamed:
            raise refuse(400, "field_not_allowed", "Embeddings are not streamed.", "stream")
        view.texts += prompt_fields(view, "input", policy) + other_fields(view.tree, _READ)
        return view

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """Raises: UnreadableResponse."""
        if not isinstance(tree.get("data"), list):
            raise UnreadableResponse("a response has no data")
        return ResponseView(tree, unnamed_slots(tree, _ANSWER, 0), usage_of(tree.get("usage")))


class NoStream:
    """A stream where none is allowed: unreadable."""

    def __init__(self) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()
        self.finishes: dict[int, str] = {}

    @property
    def response_id(self) -> str:
        """None."""
        return ""

    def read(self, event: SseEvent) -> Frame:
        """Raises: UnreadableResponse, always."""
        raise UnreadableResponse("the response is a stream, but none was requested")

    def return_to(self, frame: Frame) -> None:
        """Do nothing: there is no state."""

    def write(self, frame: Frame) -> bytes:
        """The event, unchanged."""
        return frame.event.raw

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """Nothing remains."""
        return False

    def carry(self, source: TextSource, text: str) -> bytes:
        """No text is ever held."""
        return b""

    def cut(self, choice: int, at_limit: bool = False) -> bytes:
        """Nothing to end."""
        return b""

    def end(self) -> bytes:
        """Nothing to close."""
        return b""

    def failure(self, error: ApiError) -> bytes:
        """An error frame."""
        return b"data: " + orjson.dumps(openai_error(error)) + b"\n\n"
