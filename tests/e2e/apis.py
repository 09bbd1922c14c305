"""The four APIs whose answers are guarded, as tests speak them: a request, an answer in both shapes, and its text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from extproc.demo.scripted import Scripted

MODEL = "tiny-chat"
JSON_TYPE = ("content-type", "application/json")
SSE_TYPE = ("content-type", "text/event-stream; charset=utf-8")


def event(tree: dict[str, Any], name: str = "") -> bytes:
    """One event, as a server writes it."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(tree).encode() + b"\n\n"


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The JSON of each event of a stream; a ``[DONE]`` is left out."""
    data = [line[5:].strip() for line in stream.split(b"\n") if line.startswith(b"data:")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


class Api(Protocol):
    """One API. ``CUT`` is how the last event of a stream says that a guard ended the answer."""

    name: str
    path: str

    def request(self, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
        """A request."""
        ...

    def head(self) -> bytes:
        """The events before the first text."""
        ...

    def delta(self, text: str) -> bytes:
        """The event that brings a piece of text."""
        ...

    def tail(self, text: str) -> bytes:
        """The events after the last text; some repeat the whole of it."""
        ...

    def answer(self, text: str) -> dict[str, Any]:
        """The same, unstreamed."""
        ...

    def text_of_event(self, tree: dict[str, Any]) -> str:
        """The text that one event adds."""
        ...

    def text_of_answer(self, tree: dict[str, Any]) -> str:
        """The text of an unstreamed answer."""
        ...

    def is_cut(self, tree: dict[str, Any]) -> bool:
        """Whether an event, or an unstreamed answer, says that a guard ended the answer."""
        ...


class _Chat:
    name = "chat"
    path = "/v1/chat/completions"

    def request(self, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
        return {"model": MODEL, "messages": [{"role": "user", "content": text}], **({"stream": True} if stream else {})}

    def head(self) -> bytes:
        return self.choice({"role": "assistant", "content": ""})

    def delta(self, text: str) -> bytes:
        return self.choice({"content": text})

    def tail(self, text: str) -> bytes:
        return self.choice({}, "stop") + b"data: [DONE]\n\n"

    def choice(self, delta: dict[str, Any], finish: str | None = None, index: int = 0) -> bytes:
        """A chunk with one choice."""
        choices = [{"index": index, "delta": delta, "finish_reason": finish}]
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
        return event({**chunk, "choices": choices})

    def answer(self, text: str) -> dict[str, Any]:
        choices = [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
        whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL}
        return {**whole, "choices": choices, "usage": usage}

    def text_of_event(self, tree: dict[str, Any]) -> str:
        return "".join(choice["delta"].get("content") or "" for choice in tree["choices"])

    def text_of_answer(self, tree: dict[str, Any]) -> str:
        return str(tree["choices"][0]["message"]["content"])

    def is_cut(self, tree: dict[str, Any]) -> bool:
        return bool(tree["choices"]) and tree["choices"][0]["finish_reason"] == "content_filter"


class _Completions:
    name = "completions"
    path = "/v1/completions"

    def request(self, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
        return {"model": MODEL, "prompt": text, **({"stream": True} if stream else {})}

    def head(self) -> bytes:
        return b""

    def delta(self, text: str) -> bytes:
        return self._chunk(text, None)

    def tail(self, text: str) -> bytes:
        return self._chunk("", "stop") + b"data: [DONE]\n\n"

    def _chunk(self, text: str, finish: str | None) -> bytes:
        choices = [{"index": 0, "text": text, "logprobs": None, "finish_reason": finish}]
        return event({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL, "choices": choices})

    def answer(self, text: str) -> dict[str, Any]:
        choices = [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}]
        return {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL, "choices": choices}

    def text_of_event(self, tree: dict[str, Any]) -> str:
        return "".join(choice["text"] for choice in tree["choices"])

    def text_of_answer(self, tree: dict[str, Any]) -> str:
        return str(tree["choices"][0]["text"])

    def is_cut(self, tree: dict[str, Any]) -> bool:
        return bool(tree["choices"]) and tree["choices"][0]["finish_reason"] == "content_filter"


class _Responses:
    name = "responses"
    path = "/v1/responses"
    _place: ClassVar = {"item_id": "msg_1", "output_index": 0, "content_index": 0}

    def request(self, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
        return {"model": MODEL, "input": text, **({"stream": True} if stream else {})}

    def head(self) -> bytes:
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        return (
            self._event("response.created", response=self._whole([], "in_progress"))
            + self._event("response.output_item.added", output_index=0, item=item)
            + self._event("response.content_part.added", **self._place, part=self._part(""))
        )

    def delta(self, text: str) -> bytes:
        return self._event("response.output_text.delta", **self._place, delta=text, logprobs=[])

    def tail(self, text: str) -> bytes:
        return (
            self._event("response.output_text.done", **self._place, text=text, logprobs=[])
            + self._event("response.content_part.done", **self._place, part=self._part(text))
            + self._event("response.output_item.done", output_index=0, item=self._item(text))
            + self._event("response.completed", response=self._whole([self._item(text)], "completed"))
        )

    def answer(self, text: str) -> dict[str, Any]:
        return self._whole([self._item(text)], "completed")

    def _event(self, kind: str, **more: Any) -> bytes:
        return event({"type": kind, "sequence_number": 0, **more}, kind)

    def _part(self, text: str) -> dict[str, Any]:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": None}

    def _item(self, text: str) -> dict[str, Any]:
        content = [self._part(text)]
        return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}

    def _whole(self, output: list[Any], status: str) -> dict[str, Any]:
        whole = {"id": "resp_1", "object": "response", "created_at": 1, "model": MODEL, "status": status}
        settings = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "incomplete_details": None}
        return {**whole, **settings, "output": output, "usage": None}

    def text_of_event(self, tree: dict[str, Any]) -> str:
        return str(tree["delta"]) if tree["type"] == "response.output_text.delta" else ""

    def text_of_answer(self, tree: dict[str, Any]) -> str:
        return "".join(part["text"] for item in tree["output"] for part in item["content"])

    def is_cut(self, tree: dict[str, Any]) -> bool:
        whole = tree.get("response", tree)
        details = whole.get("incomplete_details") or {}
        kinds = ("response.incomplete", None)
        return tree.get("type") in kinds and (whole.get("status"), details.get("reason")) == (
            "incomplete",
            "content_filter",
        )


class _Messages:
    name = "messages"
    path = "/v1/messages"

    def request(self, text: str = "Hello", *, stream: bool = False) -> dict[str, Any]:
        messages = [{"role": "user", "content": text}]
        return {"model": MODEL, "max_tokens": 50, "messages": messages, **({"stream": True} if stream else {})}

    def head(self) -> bytes:
        block = {"type": "text", "text": ""}
        return event({"type": "message_start", "message": self._whole([], None)}, "message_start") + event(
            {"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start"
        )

    def delta(self, text: str) -> bytes:
        delta = {"type": "text_delta", "text": text}
        return event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")

    def tail(self, text: str) -> bytes:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        return (
            event({"type": "content_block_stop", "index": 0}, "content_block_stop")
            + event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}, "message_delta")
            + event({"type": "message_stop"}, "message_stop")
        )

    def answer(self, text: str) -> dict[str, Any]:
        return self._whole([{"type": "text", "text": text}], "end_turn")

    def _whole(self, content: list[Any], stop_reason: str | None) -> dict[str, Any]:
        whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": content}
        usage = {"input_tokens": 7, "output_tokens": 0}
        return {**whole, "stop_reason": stop_reason, "stop_sequence": None, "usage": usage}

    def text_of_event(self, tree: dict[str, Any]) -> str:
        return str(tree["delta"]["text"]) if tree["type"] == "content_block_delta" else ""

    def text_of_answer(self, tree: dict[str, Any]) -> str:
        return "".join(block["text"] for block in tree["content"])

    def is_cut(self, tree: dict[str, Any]) -> bool:
        message = tree.get("delta", tree)
        return tree["type"] in ("message_delta", "message") and message.get("stop_reason") == "refusal"


CHAT = _Chat()
COMPLETIONS = _Completions()
RESPONSES = _Responses()
MESSAGES = _Messages()
APIS: tuple[Api, ...] = (CHAT, COMPLETIONS, RESPONSES, MESSAGES)


def text_of_stream(api: Api, stream: bytes) -> str:
    """All text of a stream."""
    return "".join(api.text_of_event(tree) for tree in events_of(stream))


# --- answers of a model server -------------------------------------------------------------------------------------


def whole(tree: dict[str, Any], *headers: tuple[str, str]) -> Scripted:
    """An unstreamed answer with its length."""
    body = json.dumps(tree).encode()
    return Scripted(200, (JSON_TYPE, ("content-length", str(len(body))), *headers), [body])


def streamed(api: Api, words: list[str]) -> Scripted:
    """A complete stream, an event for each word."""
    pieces = [api.head(), *(api.delta(word) for word in words), api.tail("".join(words))]
    return Scripted(200, (SSE_TYPE,), [piece for piece in pieces if piece])


def endless(api: Api, words: list[str]) -> Scripted:
    """A stream that says the words and then goes on for ever."""

    def chunks() -> Iterator[bytes]:
        yield from filter(None, [api.head()])
        yield from (api.delta(word) for word in words)
        while True:
            yield api.delta("and ")

    return Scripted(200, (SSE_TYPE,), chunks(), delay_s=0.005)
