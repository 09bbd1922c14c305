"""Reads a request or an answer: HTTP as it goes over the wire, a JSON body, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from extproc.domain.contract import ENDPOINT_PATHS
from extproc.exchange.response_headers import EVENT_STREAM

JSON: Final = "application/json"
HEADER_CHARS_SHOWN: Final = 40

_ANSWER_OBJECTS: Final = {
    "chat.completion": "chat",
    "chat.completion.chunk": "chat",
    "text_completion": "completions",
    "response": "responses",
}
_REQUEST_KEYS: Final = (("query", "rerank"), ("messages", "chat"), ("prompt", "completions"), ("input", "responses"))


@dataclass(frozen=True, slots=True)
class RequestMessage:
    """A request; header names in lower case, with Envoy's ``:method`` and ``:path``."""

    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        """Its path."""
        return self.headers[":path"]


@dataclass(frozen=True, slots=True)
class AnswerMessage:
    """An answer of a model server; ``path`` is that of its API, as far as the body shows it."""

    headers: dict[str, str]
    body: bytes = field(repr=False)
    path: str | None = None

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events."""
        return self.headers["content-type"].partition(";")[0].strip().lower() == EVENT_STREAM


def read_request(content: bytes, path: str | None = None, headers: Iterable[str] = ()) -> RequestMessage:
    """Parse a request: HTTP if it begins with a request line, otherwise a body.

    Args:
        path: of a body; default: as its keys suggest.
        headers: in the form ``name: value``; they replace those of the request.
    Raises: ValueError for a header without a colon.
    """
    words = content.partition(b"\n")[0].decode("latin-1").split()
    read = {":method": "POST", ":path": path or _path_of_request(content), "content-type": JSON}
    body = content
    lines = list(headers)
    if len(words) == 3 and words[2].startswith("HTTP/"):
        head, body = _head_and_body(content)
        read = {":method": words[0], ":path": words[1]}
        lines = [*head[1:], *lines]
    read.update(_fields(lines))
    return RequestMessage(read, body)


def read_answer(content: bytes) -> AnswerMessage:
    """Parse an answer: HTTP if it begins with a status line, otherwise a JSON body, or events.

    Raises: ValueError for a status line without a number, a header without a colon, or chunks that are no chunks.
    """
    fields = {":status": "200"}
    body = content
    if content.startswith(b"HTTP/"):
        head, body = _head_and_body(content)
        status = head[0].split()[1:2]
        if not (status and status[0].isdecimal()):
            raise ValueError("the status line of the answer has no number; write `HTTP/1.1 200 OK`")
        fields = {":status": status[0], **_fields(head[1:])}
        if fields.pop("transfer-encoding", "").lower() == "chunked":
            body = _without_chunks(body)
    fields.setdefault("content-type", EVENT_STREAM if _is_stream(body) else JSON)
    return AnswerMessage(fields, body, _path_of_answer(body))


def looks_like(content: bytes) -> str:
    """``request``, ``response`` or ``text``, as the beginning of a content suggests."""
    begin = content.lstrip()[:16]
    words = content.partition(b"\n")[0].split()
    if begin.startswith(b"HTTP/") or _is_stream(content):
        return "response"
    if len(words) == 3 and words[2].startswith(b"HTTP/"):
        return "request"
    tree = _object(content)
    if not tree:
        return "text"
    if _path_of_answer(content) is not None or "error" in tree:
        return "response"
    return "request" if any(key in tree for key, _ in _REQUEST_KEYS) else "text"


def _is_stream(content: bytes) -> bool:
    return content.lstrip()[:6].startswith((b"data:", b"event:"))


def _head_and_body(content: bytes) -> tuple[list[str], bytes]:
    head, separator, body = content.partition(b"\r\n\r\n")
    if not separator:
        head, _, body = content.partition(b"\n\n")
    return head.decode("latin-1").splitlines(), body


def _fields(lines: Iterable[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for line in filter(None, lines):
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"the header {name[:HEADER_CHARS_SHOWN]!r} has no colon; write it as 'name: value'")
        read[name.strip().lower()] = value.strip()
    return read


def _without_chunks(body: bytes) -> bytes:
    """The content of a body with ``transfer-encoding: chunked``."""
    plain = bytearray()
    while body:
        size, _, body = body.partition(b"\r\n")
        try:
            length = int(size.partition(b";")[0], 16)
        except ValueError:
            raise ValueError("the answer says `transfer-encoding: chunked`, and its body has no chunks") from None
        if not length:
            break
        plain += body[:length]
        body = body[length + 2 :]
    return bytes(plain)


def _object(content: bytes) -> dict[str, Any]:
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _path_of_request(content: bytes) -> str:
    tree = _object(content)
    if "messages" in tree and ("system" in tree or "anthropic_version" in tree):
        return ENDPOINT_PATHS["messages"]
    name: Any = next((name for key, name in _REQUEST_KEYS if key in tree), "chat")
    return ENDPOINT_PATHS[name]


def _path_of_answer(body: bytes) -> str | None:
    if _is_stream(body):
        lines = [line for line in body.splitlines() if line.startswith(b"data:")]
        body = lines[0].removeprefix(b"data:") if lines else b""
    tree = _object(body)
    kind = str(tree.get("type", ""))
    name: Any = _ANSWER_OBJECTS.get(str(tree.get("object")))
    if name is None and kind in ("message", "message_start"):
        name = "messages"
    elif name is None and kind.startswith("response."):
        name = "responses"
    elif name is None and isinstance(tree.get("choices"), list):
        name = "completions" if any("text" in one for one in tree["choices"] if isinstance(one, dict)) else "chat"
    elif name is None and isinstance(tree.get("results"), list):
        name = "rerank"
    return None if name is None else ENDPOINT_PATHS[name]
