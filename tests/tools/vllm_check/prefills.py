"""Which last messages vLLM goes on with instead of answering them: requests, and what it says of each, recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.tools.vllm_check.table import FOLDER

FILE = "prefills.jsonl"
_STATES: tuple[str | None, ...] = (None, "in_progress", "incomplete", "completed")
_TURN = {"role": "user", "content": "x"}


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """An API and a request, for each kind of last message in each state."""
    for last in (*_messages(), *_items()):
        for state in _STATES:
            item = last if state is None else {**last, "status": state}
            yield "responses", {"input": [_TURN, item]}
    for role in ("user", "assistant", "system", "tool"):
        for continues in (True, False):
            last = {"role": role, "content": "x", "tool_call_id": "c"}
            settings = {"continue_final_message": continues, "add_generation_prompt": not continues}
            yield "chat", {"messages": [_TURN, last], **settings}


def _messages() -> Iterator[dict[str, Any]]:
    for role in ("user", "assistant", "system", "developer"):
        kind = "output_text" if role == "assistant" else "input_text"
        for content in ("x", [{"type": kind, "text": "x", "annotations": []}]):
            yield {"role": role, "content": content}
            yield {"type": "message", "role": role, "content": content, "id": "m"}


def _items() -> Iterator[dict[str, Any]]:
    yield {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "x"}]}
    yield {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"}]}
    yield {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    yield {"type": "function_call_output", "call_id": "c", "output": "x"}
    yield {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"}


def write(
    version: str,
    is_continued: Callable[[str, dict[str, Any]], bool],
    refused: type[Exception],
    folder: Path = FOLDER,
) -> None:
    """Record whether vLLM goes on with each last message; null where it refuses the request."""
    rows: list[dict[str, Any]] = [{"vllm": version, "made_by": "python -m tests.tools.vllm_check --record"}]
    for name, body in requests():
        try:
            continued: bool | None = is_continued(name, body)
        except refused:
            continued = None
        rows.append({"api": name, "request": body, "continued": continued})
    lines = [json.dumps(row, separators=(",", ":")) for row in rows]
    (folder / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What was recorded, without its header."""
    return [json.loads(line) for line in (folder / FILE).read_text(encoding="utf-8").splitlines()[1:]]
