"""How much memory ``extproc serve`` takes for many streamed answers at a time, behind a real Envoy with all guards on.

Every stream has begun before any goes on, so that all are held at once; then events come at the pace that is given.
Exits 1 when a stream is not complete and guarded, or when the peak is above the limit.

    python -m tests.tools.memory_streams --streams 200 --events 2000 --pace-ms 100
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request
from tests.e2e.harness import Stack, wait_until

LIMIT_MB = 200
MB = 1_000_000
WORDS = [
    "The",
    "quick",
    "brown",
    "fox",
    "asks",
    "bob@example.com",
    "whether",
    "the",
    "lazy",
    "dog",
    "has",
    "come",
    "home",
    "yet",
    ".",
]
REQUEST = json.dumps({"model": "tiny-chat", "stream": True, "messages": [{"role": "user", "content": "Tell me."}]})
HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    "content-type: application/json\r\ncontent-length: {}\r\n\r\n"
)


def main() -> int:
    """Run the streams, print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--pace-ms", type=float, default=100.0, help="between two events of a stream; 0: a burst")
    asked = parser.parse_args()
    gate = Gate()
    chunks = [_event(WORDS[number % len(WORDS)] + " ") for number in range(asked.events)]

    def respond(_: Request) -> Scripted:
        script: list[bytes | Gate] = [chunks[0], gate, *chunks[1:], b"data: [DONE]\n\n"]
        return Scripted(200, (("content-type", "text/event-stream"),), script, delay_s=asked.pace_ms / 1_000)

    servers = {name: ModelServer(name, respond=respond) for name in ("v1", "v2")}
    with tempfile.TemporaryDirectory(prefix="llm-memory-") as folder, Stack(Path(folder), models=servers) as stack:
        return _measure(stack, servers, gate, asked.streams)


def _measure(stack: Stack, servers: dict[str, ModelServer], gate: Gate, streams: int) -> int:
    pid = stack.processor.pid
    before = _kib(pid, "VmRSS")
    started = time.monotonic()
    answers: list[bytes] = []
    port = int(stack.base_url.rpartition(":")[2])
    clients = threading.Thread(target=lambda: answers.extend(asyncio.run(_ask(port, streams))))
    clients.start()
    wait_until(lambda: sum(s.events_sent > 0 for m in servers.values() for s in m.seen) >= streams, "all began", 60)
    begun = _kib(pid, "VmRSS")
    gate.open()
    clients.join()
    took_s = time.monotonic() - started
    wait_until(lambda: stack.metric("llm_inflight_exchanges") == 0, "all have ended", 30)
    after, peak = _kib(pid, "VmRSS"), _kib(pid, "VmHWM")
    whole = sum(body.rstrip().endswith(b"data: [DONE]\n\n\r\n0") and b"bob@example" not in body for body in answers)
    peak_mb = peak * 1_024 / MB
    print(f"{streams} streams at once in {took_s:.0f} s, {whole} complete and guarded")
    for name, kib in (("before", before), ("all begun", begun), ("peak", peak), ("after", after)):
        print(f"  {name:10} {kib * 1_024 / MB:7.1f} MB resident")
    return int(whole != streams or peak_mb > LIMIT_MB)


async def _ask(port: int, streams: int) -> list[bytes]:
    return await asyncio.gather(*(_ask_one(port) for _ in range(streams)))


async def _ask_one(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((HEAD.format(len(REQUEST)) + REQUEST).encode())
    body = await reader.read(-1)
    writer.close()
    return body


def _event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None, "token_ids": None}
    event = {"id": "chatcmpl-0123456789abcdef", "object": "chat.completion.chunk", "created": 1, "model": "tiny-chat"}
    return b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n"


def _kib(pid: int, name: str) -> int:
    """A figure of the process, as the kernel gives it. [KiB]"""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit(main())
