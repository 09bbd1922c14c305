"""Answers of a model, and how each API tells them: whole, and as a stream.

A ``Choice`` is what a model said. ``whole`` and ``events`` write it as vLLM does; ``seen_whole`` and ``seen_streamed``
read what a client is shown, channel by channel, so that the two can be compared.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.playbooks.driver import DONE, dumps, sse, sse_data

Seen = dict[tuple[Any, ...], str]
Split = Callable[[str], list[str]]
"""Cuts a text into the pieces in which a stream brings it."""


@dataclass(frozen=True)
class Call:
    """A tool call."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Choice:
    """One answer, in the order in which a model says it."""

    reasoning: str = ""
    content: str = ""
    calls: tuple[Call, ...] = ()


def _seen(seen: dict[Any, str]) -> Seen:
    return {channel: text for channel, text in seen.items() if text}


class ChatAnswers:
    """``/v1/chat/completions``."""

    path = "/v1/chat/completions"
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}  # noqa: RUF012

    def whole(self, choices: Sequence[Choice]) -> bytes:
        """The body of an unstreamed answer."""
        return dumps({"id": "c", "choices": [self._choice(index, choice) for index, choice in enumerate(choices)]})

    def _choice(self, index: int, choice: Choice) -> dict[str, Any]:
        calls = [{"id": "t", "function": {"name": call.name, "arguments": call.arguments}} for call in choice.calls]
        message = {"role": "assistant", "reasoning": choice.reasoning, "content": choice.content, "tool_calls": calls}
        return {"index": index, "message": message, "finish_reason": "stop"}

    def events(self, choices: Sequence[Choice], split: Split) -> list[list[bytes]]:
        """The events of each choice, to be interleaved."""
        return [list(self._events_of(index, choice, split)) for index, choice in enumerate(choices)]

    def _events_of(self, index: int, choice: Choice, split: Split) -> Iterator[bytes]:
        deltas: list[dict[str, Any]] = [{"reasoning": piece} for piece in split(choice.reasoning)]
        deltas += [{"content": piece} for piece in split(choice.content)]
        for number, call in enumerate(choice.calls):
            deltas.append({"tool_calls": [{"index": number, "id": "t", "function": {"name": call.name}}]})
            deltas += [
                {"tool_calls": [{"index": number, "function": {"arguments": piece}}]} for piece in split(call.arguments)
            ]
        yield self._chunk(index, {"role": "assistant", "content": ""})
        last = deltas.pop() if deltas and split("ab") == ["ab"] else {}  # the last event may bring text too
        for delta in deltas:
            yield self._chunk(index, delta)
        yield self._chunk(index, last, "stop")

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return sse({"id": "c", "choices": [{"index": index, "delta": delta, "finish_reason": finish}]})

    def first(self) -> bytes:
        """What comes before the choices' events."""
        return b": keep-alive\n\n"

    def last(self, choices: Sequence[Choice]) -> bytes:
        """What comes after them."""
        return DONE

    def seen_whole(self, body: bytes) -> Seen:
        """What a client shows of an unstreamed answer."""
        seen: Seen = {}
        for choice in json.loads(body)["choices"]:
            message, index = choice["message"], choice["index"]
            seen[index, "reasoning"], seen[index, "content"] = message["reasoning"], message["content"]
            for number, call in enumerate(message["tool_calls"]):
                seen[index, "name", number] = call["function"]["name"]
                seen[index, "arguments", number] = call["function"]["arguments"]
            seen[index, "finish"] = choice["finish_reason"]
        return _seen(seen)

    def seen_streamed(self, stream: bytes) -> Seen:
        """What a client shows of a stream."""
        seen: dict[Any, str] = defaultdict(str)
        events = sse_data(stream)
        assert events[-1] == "[DONE]"
        assert events.count("[DONE]") == 1
        for choice in (choice for event in events[:-1] for choice in event["choices"]):
            index, delta = choice["index"], choice["delta"]
            assert (index, "finish") not in seen, "nothing may follow a choice's end"
            for key in ("reasoning", "content"):
                seen[index, key] += delta.get(key) or ""
            for call in delta.get("tool_calls", ()):
                for key in ("name", "arguments"):
                    seen[index, key, call["index"]] += call["function"].get(key, "")
            if choice["finish_reason"]:
                seen[index, "finish"] = choice["finish_reason"]
        return _seen(seen)


class CompletionsAnswers:
    """``/v1/completions``: content only."""

    path = "/v1/completions"
    request: dict[str, Any] = {"prompt": "Hi"}  # noqa: RUF012

    def whole(self, choices: Sequence[Choice]) -> bytes:
        """The body of an unstreamed answer."""
        texts = [
            {"index": index, "text": choice.content, "logprobs": None, "finish_reason": "stop"}
            for index, choice in enumerate(choices)
        ]
        return dumps({"id": "c", "choices": texts})

    def events(self, choices: Sequence[Choice], split: Split) -> list[list[bytes]]:
        """The events of each choice, to be interleaved."""
        streams = []
        for index, choice in enumerate(choices):
            pieces = split(choice.content) or [""]
            finishes = [None] * (len(pieces) - 1) + ["stop"]
            streams.append(
                [
                    sse({"id": "c", "choices": [{"index": index, "text": piece, "finish_reason": finish}]})
                    for piece, finish in zip(pieces, finishes, strict=True)
                ]
            )
        return streams

    def first(self) -> bytes:
        """Nothing."""
        return b""

    def last(self, choices: Sequence[Choice]) -> bytes:
        """What comes after them."""
        return DONE

    def seen_whole(self, body: bytes) -> Seen:
        """What a client shows of an unstreamed answer."""
        seen: Seen = {}
        for choice in json.loads(body)["choices"]:
            seen[choice["index"], "content"] = choice["text"]
            seen[choice["index"], "finish"] = choice["finish_reason"]
        return _seen(seen)

    def seen_streamed(self, stream: bytes) -> Seen:
        """What a client shows of a stream."""
        seen: dict[Any, str] = defaultdict(str)
        events = sse_data(stream)
        assert events[-1] == "[DONE]"
        assert events.count("[DONE]") == 1
        for choice in (choice for event in events[:-1] for choice in event["choices"]):
            assert (choice["index"], "finish") not in seen, "nothing may follow a choice's end"
            seen[choice["index"], "content"] += choice["text"]
            if choice["finish_reason"]:
                seen[choice["index"], "finish"] = choice["finish_reason"]
        return _seen(seen)


class MessagesAnswers:
    """``/v1/messages``: blocks, one after the other."""

    path = "/v1/messages"
    request: dict[str, Any] = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}  # noqa: RUF012

    def _blocks(self, choice: Choice) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if choice.reasoning:
            blocks.append({"type": "thinking", "thinking": choice.reasoning})
        if choice.content:
            blocks.append({"type": "text", "text": choice.content})
        for call in choice.calls:
            blocks.append({"type": "tool_use", "id": "t", "name": call.name, "input": json.loads(call.arguments)})
        return blocks

    def whole(self, choices: Sequence[Choice]) -> bytes:
        """The body of an unstreamed answer."""
        blocks = self._blocks(choices[0])
        return dumps({"type": "message", "role": "assistant", "content": blocks, "stop_reason": "end_turn"})

    def events(self, choices: Sequence[Choice], split: Split) -> list[list[bytes]]:
        """The events of the one answer."""
        return [
            [
                event
                for index, block in enumerate(self._blocks(choices[0]))
                for event in self._block_events(index, block, split)
            ]
        ]

    def _block_events(self, index: int, block: dict[str, Any], split: Split) -> Iterator[bytes]:
        kind = block["type"]
        key, delta = {
            "thinking": ("thinking", "thinking_delta"),
            "text": ("text", "text_delta"),
            "tool_use": ("partial_json", "input_json_delta"),
        }[kind]
        text: str = dumps(block["input"]).decode() if kind == "tool_use" else block[key]
        empty: dict[str, dict[str, Any]] = {
            "thinking": {"thinking": ""},
            "text": {"text": ""},
            "tool_use": {"input": {}},
        }
        yield self._event("content_block_start", index=index, content_block={**block, **empty[kind]})
        for piece in split(text):
            yield self._event("content_block_delta", index=index, delta={"type": delta, key: piece})
        yield self._event("content_block_stop", index=index)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, **fields}, kind)

    def first(self) -> bytes:
        """``message_start``."""
        return self._event("message_start", message={"type": "message", "content": []})

    def last(self, choices: Sequence[Choice]) -> bytes:
        """``message_delta`` and ``message_stop``."""
        usage = {"output_tokens": 3}
        return self._event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage) + self._event(
            "message_stop"
        )

    def seen_whole(self, body: bytes) -> Seen:
        """What a client shows of an unstreamed answer."""
        message = json.loads(body)
        seen: Seen = {(0, "finish"): message["stop_reason"]}
        for index, block in enumerate(message["content"]):
            for key in ("thinking", "text", "name"):
                seen[0, key, index] = block.get(key, "")
            if block.get("input"):
                seen[0, "input", index] = dumps(block["input"]).decode()
        return _seen(seen)

    def seen_streamed(self, stream: bytes) -> Seen:
        """What a client shows of a stream."""
        seen: dict[Any, str] = defaultdict(str)
        events = sse_data(stream)
        assert events[-1]["type"] == "message_stop"
        opened: list[int] = []
        for event in events:
            kind = event["type"]
            if kind == "content_block_start":
                assert not opened, "a block begins in another"
                opened.append(event["index"])
                seen[0, "name", event["index"]] += event["content_block"].get("name", "")
            elif kind == "content_block_delta":
                assert opened == [event["index"]], "a delta of a block that is not open"
                for key in ("thinking", "text", "partial_json"):
                    name = "input" if key == "partial_json" else key
                    seen[0, name, event["index"]] += event["delta"].get(key, "")
            elif kind == "content_block_stop":
                opened.remove(event["index"])
            elif kind == "message_delta":
                assert not opened, "a block never ended"
                seen[0, "finish"] = event["delta"]["stop_reason"]
        return _seen({channel: "" if text == "{}" else text for channel, text in seen.items()})


class ResponsesAnswers:
    """``/v1/responses``: items; each text comes as deltas, and again whole."""

    path = "/v1/responses"
    request: dict[str, Any] = {"input": "Hi"}  # noqa: RUF012

    def _items(self, choice: Choice) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if choice.reasoning:
            parts = [{"type": "reasoning_text", "text": choice.reasoning}]
            items.append({"type": "reasoning", "id": "r", "summary": [], "content": parts})
        if choice.content:
            parts = [{"type": "output_text", "text": choice.content}]
            items.append({"type": "message", "id": "m", "role": "assistant", "content": parts})
        for call in choice.calls:
            items.append({"type": "function_call", "id": "f", "name": call.name, "arguments": call.arguments})
        return items

    def whole(self, choices: Sequence[Choice]) -> bytes:
        """The body of an unstreamed answer."""
        return dumps({"id": "r", "status": "completed", "output": self._items(choices[0])})

    def events(self, choices: Sequence[Choice], split: Split) -> list[list[bytes]]:
        """The events of the one answer."""
        return [
            [
                event
                for index, item in enumerate(self._items(choices[0]))
                for event in self._item_events(index, item, split)
            ]
        ]

    def _item_events(self, index: int, item: dict[str, Any], split: Split) -> Iterator[bytes]:
        place = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "function_call":
            yield self._event("response.output_item.added", output_index=index, item={**item, "arguments": ""})
            for piece in split(item["arguments"]):
                yield self._event("response.function_call_arguments.delta", **place, delta=piece)
            yield self._event("response.function_call_arguments.done", **place, arguments=item["arguments"])
        else:
            part = item["content"][0]
            kind = part["type"]
            place["content_index"] = 0
            yield self._event("response.output_item.added", output_index=index, item={**item, "content": []})
            yield self._event("response.content_part.added", **place, part={**part, "text": ""})
            for piece in split(part["text"]):
                yield self._event(f"response.{kind}.delta", **place, delta=piece)
            yield self._event(f"response.{kind}.done", **place, text=part["text"])
            yield self._event("response.content_part.done", **place, part=part)
        yield self._event("response.output_item.done", output_index=index, item=item)

    def _event(self, kind: str, **fields: Any) -> bytes:
        return sse({"type": kind, "sequence_number": 99, **fields}, kind)

    def first(self) -> bytes:
        """``response.created``."""
        return self._event("response.created", response={"id": "r", "status": "in_progress", "output": []})

    def last(self, choices: Sequence[Choice]) -> bytes:
        """``response.completed``."""
        return self._event("response.completed", response=json.loads(self.whole(choices)))

    def _seen_object(self, response: dict[str, Any]) -> Seen:
        seen: Seen = {(0, "finish"): response["status"]}
        for index, item in enumerate(response["output"]):
            seen[0, "name", index], seen[0, "arguments", index] = item.get("name", ""), item.get("arguments", "")
            for part in item.get("content", ()):
                seen[0, part["type"], index] = part["text"]
        return _seen(seen)

    def seen_whole(self, body: bytes) -> Seen:
        """What a client shows of an unstreamed answer."""
        return self._seen_object(json.loads(body))

    def seen_streamed(self, stream: bytes) -> Seen:
        """What a client shows of a stream; where a text comes again, it must be the same."""
        seen: dict[Any, str] = defaultdict(str)
        events = sse_data(stream)
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        for event in events:
            index, kind = event.get("output_index"), event["type"].split(".")
            if kind[-1] == "delta":
                key = "arguments" if kind[1] == "function_call_arguments" else kind[1]
                seen[0, key, index] += event["delta"]
            elif event["type"] == "response.output_item.added":
                seen[0, "name", index] = event["item"].get("name", "")
            elif kind[1] in ("output_text", "reasoning_text") and kind[-1] == "done":
                assert event["text"] == seen[0, kind[1], index]
            elif kind[1] == "function_call_arguments":
                assert event["arguments"] == seen[0, "arguments", index]
            elif event["type"] == "response.content_part.done":
                assert event["part"]["text"] == seen[0, event["part"]["type"], index]
        final = events[-1]["response"]
        seen[0, "finish"] = final["status"]
        if final["status"] == "completed":
            assert self._seen_object(final) == _seen(seen)
        return _seen(seen)


DIALECTS = (ChatAnswers(), CompletionsAnswers(), MessagesAnswers(), ResponsesAnswers())
