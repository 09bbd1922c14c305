"""Attackers of an outage, in a process of their own: ``python -m tests.e2e.attackers BASE_URL``.

From several connections they send the dearest texts that the reports and the hunts since have found, one after another,
and print as JSON how many answers had which status (0: none).
"""

from __future__ import annotations

import json
import random
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

CONNECTIONS, REQUESTS = 15, 90
TEXT_BYTES = 3_900_000
TIMEOUT_S = 30
ALPHABETS = ("0123456789 ", "0123456789", "0123456789.- ABab", "\ufdfa\u33af", "@a.b ", "+4930901820 ")


def main(base_url: str) -> None:
    """Attack, and tell."""
    chance = random.Random(90)
    texts = ["".join(chance.choices(alphabet, k=TEXT_BYTES // len(alphabet[0].encode()))) for alphabet in ALPHABETS]
    chats = [{"model": "tiny-chat", "messages": [{"role": "user", "content": text}]} for text in texts]
    bodies = [json.dumps(chat, ensure_ascii=False).encode() for chat in chats]
    todo, lock = iter(range(REQUESTS)), threading.Lock()
    statuses: Counter[int] = Counter()

    def send() -> None:
        connection = HTTPConnection(urlsplit(base_url).netloc, timeout=TIMEOUT_S)
        while True:
            with lock:
                number = next(todo, None)
            if number is None:
                return
            status = _ask(connection, bodies[number % len(bodies)])
            with lock:
                statuses[status] += 1

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for sending in [pool.submit(send) for _ in range(CONNECTIONS)]:
            sending.result()
    print(json.dumps(statuses))


def _ask(connection: HTTPConnection, body: bytes) -> int:
    try:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        connection.close()
        return 0
    return answer.status


if __name__ == "__main__":
    main(sys.argv[1])
