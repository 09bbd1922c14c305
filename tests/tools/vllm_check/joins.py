"""How vLLM joins the parts of messages: requests whose texts are divided, and what it made of them, recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tools.vllm_check.table import FOLDER

FILE = "joins.jsonl"
_FIRST, _SECOND = "zqone", "zqtwo"
_CHAFF = "the weather in Paris is nice today"
_BESIDE: tuple[dict[str, Any], ...] = (
    {},
    {"x_new": _CHAFF},
    {"citations": [{"cited_text": _CHAFF}]},
    {"cache_control": {"type": _CHAFF}},
    {"annotations": [_CHAFF]},
)


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """An API and a request, for every way in which a text may be divided over parts, blocks and items."""
    for beside in _BESIDE:
        parts = [{"type": "text", "text": _FIRST, **beside}, {"type": "text", "text": _SECOND}]
        yield from _chats(parts)
        yield from _anthropic(parts)
        yield from _responses(beside)
        yield from _rerank(parts)
    thoughts = [{"type": "thinking", "thinking": text} for text in (_FIRST, _SECOND)]
    said = {"type": "text", "text": _CHAFF}
    for role in ("user", "assistant"):
        yield "messages", _messages(role, [thoughts[0], said, thoughts[1], said])
        yield "chat", {"messages": [{"role": role, "content": [thoughts[0], said, thoughts[1]]}]}
    header = {"type": "text", "text": f"x-anthropic-billing-header: {_CHAFF}"}
    between = [{"type": "text", "text": _FIRST}, header, {"type": "text", "text": _SECOND}]
    yield from _anthropic(between)
    yield from _chats(between)
    yield from _chats([between[0], {"type": "text", "text": f"{header['text']}\nzqhalf"}, between[2]])


def _chats(parts: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for role in ("user", "assistant", "system", "developer", "tool"):
        more = {"tool_call_id": "call_1"} if role == "tool" else {"name": "somebody"}
        yield "chat", {"messages": [{"role": role, "content": parts, **more}]}


def _messages(role: str, content: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 5, "messages": [{"role": role, "content": content}]}


def _anthropic(parts: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    result = {"type": "tool_result", "tool_use_id": "t", "content": parts}
    chaff = {"type": "tool_result", "tool_use_id": "t", "content": _CHAFF}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": _CHAFF}}
    for role in ("user", "assistant", "system"):
        yield "messages", _messages(role, parts)
        yield "messages", _messages(role, [parts[0], chaff, *parts[1:]])
        yield "messages", _messages(role, [result])
    yield "messages", _messages("assistant", [parts[0], call, *parts[1:]])
    yield "messages", {**_messages("user", "x"), "system": parts}
    later = [{"role": "user", "content": "x"}, {"role": "system", "content": parts[1:]}]
    yield "messages", {**_messages("user", "x"), "system": parts[:1], "messages": later}


def _responses(beside: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for role in ("user", "assistant", "system", "developer"):
        kind = "output_text" if role == "assistant" else "input_text"
        parts = [{"type": kind, "text": _FIRST, **beside}, {"type": kind, "text": _SECOND}]
        yield "responses", {"input": [{"role": role, "content": parts}]}
        yield "responses", {"input": [{"type": "message", "role": role, "content": parts}]}
    output = [{"type": "input_text", "text": _FIRST, **beside}, {"type": "input_text", "text": _SECOND}]
    yield "responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": output}]}


def _rerank(parts: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    divided = {"content": parts}
    yield "rerank", {"query": divided, "documents": ["x"]}
    yield "rerank", {"query": "x", "documents": ["x", divided]}
    yield "rerank", {"query": "x", "documents": divided}


def write(
    version: str,
    contents: Callable[[str, dict[str, Any]], list[str]],
    refused: type[Exception],
    folder: Path = FOLDER,
) -> None:
    """Record what vLLM makes of each request: its joined texts, or that it refuses it."""
    rows: list[dict[str, Any]] = [{"vllm": version, "made_by": "python -m tests.tools.vllm_check --record"}]
    for name, body in requests():
        try:
            texts: list[str] | None = contents(name, body)
        except refused:
            texts = None
        rows.append({"api": name, "request": body, "texts": texts})
    lines = [json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows]
    (folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What was recorded, without its header."""
    return [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()[1:]]
