"""Messages as Envoy sends them, for one chat, and a configuration to answer them with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extproc._pb import ext_proc_pb2 as pb
from extproc.config.load import parse_document
from extproc.exchange.snapshot import Snapshot, compile_snapshot

CONFIG = """
models:
  tiny-chat:
    versions:
      v1:
        weight: 1
        prompt: { file: prompt.txt }
        price: { prompt_micro_usd_per_mtok: 1000000, completion_micro_usd_per_mtok: 2000000 }
filters:
  - filter: version
  - filter: prompt
  - filter: meter
"""
PROMPT = "Be brief."


def snapshot(prompt: str = PROMPT, config: str = CONFIG) -> Snapshot:
    """The configuration above, compiled."""
    return compile_snapshot(parse_document(config, "test"), {"prompt.txt": prompt})


def write_config(folder: Path, config: str = CONFIG, prompt: str = PROMPT) -> Path:
    """The configuration above and its prompt as files."""
    (folder / "prompt.txt").write_text(prompt)
    file = folder / "llm-extproc.yaml"
    file.write_text(config)
    return file


def request_headers(path: str = "/v1/chat/completions", **more: str) -> pb.ProcessingRequest:
    """A POST of JSON; further headers by name, ``_`` for ``-``."""
    headers = {":method": "POST", ":path": path, "content-type": "application/json"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return pb.ProcessingRequest(request_headers=_http_headers(headers))


def request_body(text: str = "Hello", **more: Any) -> pb.ProcessingRequest:
    """A chat with one user message."""
    chat = {"model": "tiny-chat", "messages": [{"role": "user", "content": text}], **more}
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=json.dumps(chat).encode(), end_of_stream=True))


def response_headers(content_type: str = "application/json") -> pb.ProcessingRequest:
    """A model server's answer begins."""
    message = pb.ProcessingRequest(response_headers=_http_headers({":status": "200", "content-type": content_type}))
    message.attributes["envoy.filters.http.ext_proc"].update({"response.code_details": "via_upstream"})
    return message


def response_body(text: str = "Hi", tokens: int = 3) -> pb.ProcessingRequest:
    """The whole answer, unstreamed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens}
    body = json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=body, end_of_stream=True))


def stream_chunk(text: str) -> pb.ProcessingRequest:
    """One event of a streamed answer."""
    event = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
    body = b"data: " + json.dumps(event).encode() + b"\n\n"
    return pb.ProcessingRequest(response_body=pb.HttpBody(body=body))


def unstreamed_chat() -> list[pb.ProcessingRequest]:
    """A whole exchange."""
    return [request_headers(), request_body(), response_headers(), response_body()]


def chat_sent_on(reply: pb.ProcessingResponse) -> dict[str, Any]:
    """The body that the model server gets."""
    return dict(json.loads(reply.request_body.response.body_mutation.body))


def _http_headers(headers: dict[str, str]) -> pb.HttpHeaders:
    values = [pb.HeaderValue(key=key, raw_value=value.encode()) for key, value in headers.items()]
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=values))
