#!/usr/bin/env python3
"""Record what a running vLLM server sends when its answer is dictated, for the demo's model server to replay.

    python record_dictated.py --port 8101 [--out DIR] [--only PREFIX]

The demo needs answers that a person can read, and a model with random weights writes none. Structured output makes the
server sample exactly the text asked for, token by token, so its stream is cut as any real stream is. The request files
show how each text was dictated. Beside each other appear NAME.request.http, NAME.response.http (every byte that came on
the connection) and NAME.timing.json ([[n, t], ...]: t seconds after the request was sent, n response bytes had come).
"""

import argparse
import json
import socket
import time
from pathlib import Path
from typing import Any

import h11

MODEL = "tiny-chat"
HOST_STAND_IN = "vllm.test"
RECORDINGS = Path(__file__).resolve().parents[2] / "packages" / "demo" / "extproc_demo" / "recordings"
ANSWER_TIMEOUT_S = 60.0

HELLO = (
    "Envoy is a proxy. It stands between your applications and your model servers, "
    "and sees every request and every answer."
)
REFUSAL = "I'm sorry, but I can't help with that request. If you are struggling, please talk to someone you trust."
GREETING_PII = "Write to Anna Schmidt at anna.schmidt@example.com or call +49 30 901820, card 4111 1111 1111 1111."
QUESTION = "What is Envoy?"
USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def chat(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A chat request whose answer is exactly `text`."""
    return "/v1/chat/completions", {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "seed": 11,
        "max_tokens": 400,
        "structured_outputs": {"choice": [text]},
        **more,
    }


def responses(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A responses request whose answer is exactly `text`."""
    return "/v1/responses", {
        "model": MODEL,
        "input": QUESTION,
        "seed": 11,
        "max_output_tokens": 400,
        "structured_outputs": {"choice": [text]},
        **more,
    }


def messages(text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """An Anthropic request whose answer is `text` as a JSON string: with its quotation marks."""
    return "/v1/messages", {
        "model": MODEL,
        "max_tokens": 400,
        "messages": [{"role": "user", "content": QUESTION}],
        "output_config": {"format": {"type": "json_schema", "schema": {"const": text}}},
        **more,
    }


def scenarios() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every recording by name: its path and its JSON body."""
    return {
        "hello": chat(HELLO),
        "hello_stream": chat(HELLO, **USAGE),
        "refusal": chat(REFUSAL),
        "refusal_stream": chat(REFUSAL, **USAGE),
        "greeting_pii": chat(GREETING_PII),
        "greeting_pii_stream": chat(GREETING_PII, **USAGE),
        "responses_hello": responses(HELLO),
        "responses_hello_stream": responses(HELLO, stream=True),
        "responses_greeting_pii": responses(GREETING_PII),
        "responses_greeting_pii_stream": responses(GREETING_PII, stream=True),
        "responses_refusal": responses(REFUSAL),
        "responses_refusal_stream": responses(REFUSAL, stream=True),
        "messages_hello": messages(HELLO),
        "messages_hello_stream": messages(HELLO, stream=True),
        "messages_greeting_pii": messages(GREETING_PII),
        "messages_greeting_pii_stream": messages(GREETING_PII, stream=True),
    }


def encode(path: str, document: dict[str, Any]) -> bytes:
    """The request's bytes on the wire."""
    body = json.dumps(document, ensure_ascii=False).encode()
    head = [
        f"POST {path} HTTP/1.1",
        f"host: {HOST_STAND_IN}",
        "user-agent: recorder/1",
        "accept: */*",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def exchange(port: int, request: bytes) -> tuple[bytes, list[list[float]]]:
    """Send `request`; return the answer's bytes and when they came. Raises `OSError` or `h11.RemoteProtocolError`."""
    framing = h11.Connection(h11.CLIENT)
    framing.send(h11.Request(method="POST", target="/", headers=[("host", HOST_STAND_IN)]))
    framing.send(h11.EndOfMessage())
    answer, timing = bytearray(), []
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sent_at = time.monotonic()
        connection.sendall(request)
        while framing.their_state is not h11.DONE:
            part = connection.recv(65536)
            if part:
                answer += part
                timing.append([len(answer), round(time.monotonic() - sent_at, 6)])
            framing.receive_data(part)
            while framing.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                if framing.their_state is h11.DONE:
                    break
    return bytes(answer), timing


def main() -> None:
    """Record every scenario whose name begins with --only."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--out", type=Path, default=RECORDINGS)
    parser.add_argument("--only", default="", metavar="PREFIX")
    asked = parser.parse_args()
    for name, (path, document) in scenarios().items():
        if not name.startswith(asked.only):
            continue
        request = encode(path, document)
        answer, timing = exchange(asked.port, request)
        (asked.out / f"{name}.request.http").write_bytes(request)
        (asked.out / f"{name}.response.http").write_bytes(answer)
        (asked.out / f"{name}.timing.json").write_text(json.dumps(timing) + "\n")
        print(name, answer.split(b"\r\n", 1)[0].decode(), len(answer), "bytes", len(timing), "parts")


if __name__ == "__main__":
    main()
