"""Clients that ask all the time while something happens to the processor, and keep their answers."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.e2e.harness import Answer, Stack, wait_until

CLIENTS = 4
CHAT = "/v1/chat/completions"
_BODY = json.dumps({"model": "tiny-chat", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}).encode()
_PAUSE_S = 0.02
"""Between an answer and the next request: requests come all the time, and what they ask has the processors too."""
_TIMEOUT_S = 10.0


class Asking:
    """A context manager: at its end each client gets its last answer."""

    def __init__(self, stack: Stack, path: str = CHAT) -> None:
        self._address = urlsplit(stack.base_url).netloc
        self._path = path
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)
        self.answers: list[Answer] = []

    @property
    def statuses(self) -> Counter[int]:
        """How many answers had which."""
        return Counter(answer.status for answer in self.answers)

    def __enter__(self) -> Asking:
        self._running = [self._pool.submit(self._ask) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._pool.shutdown()
        for each in self._running:
            each.result()

    def more(self, count: int) -> None:
        """Wait until so many more have been answered."""
        enough = self.statuses[200] + count
        wait_until(lambda: self.statuses[200] >= enough, f"{count} more answers", 20)

    def _ask(self) -> None:
        connection = HTTPConnection(self._address, timeout=_TIMEOUT_S)
        while not self._enough.wait(_PAUSE_S):
            begun_s = time.monotonic()
            connection.request("POST", self._path, _BODY, {"content-type": "application/json"})
            got = connection.getresponse()
            headers = {name.lower(): value for name, value in got.getheaders()}
            self.answers.append(Answer(0, got.status, headers, got.read(), time.monotonic() - begun_s))
        connection.close()


def text_of(answer: Answer) -> str:
    """What a client shows of an answer, streamed or not."""
    if "event-stream" not in answer.headers["content-type"]:
        return str(answer.document["choices"][0]["message"]["content"])
    lines = [line.removeprefix("data: ") for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for line in lines for choice in json.loads(line)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
