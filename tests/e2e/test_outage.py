"""One client that sends the dearest texts it can think of keeps nobody else from being served, behind a real Envoy.

90 requests of 3.9 MB of digits once made every honest request fail for seven minutes, with readiness and liveness green
(attack 1).
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.attackers import REQUESTS
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack

CHAT = "/v1/chat/completions"
HONEST_PER_S, HONEST_CLIENTS = 50, 64
LONG_EACH = 25
"""One in so many honest requests is a long chat."""
SMALL_CHARS, LONG_CHARS = 200, 80_000
AFTERWARDS_S = 2.0
TIMEOUT_S = 10
WORDS = ("the", "weather", "in", "Paris", "is", "fine", "today", "and", "we", "walk", "along", "the", "river", "again")

WORKERS = (1, 4) if "EXTPROC_ATTACK" in os.environ else (1,)
"""Four take a minute: ``make attack`` tries them."""


def prose(chars: int) -> str:
    """Honest words; new each time, so that no text is known."""
    return " ".join(random.choices(WORDS, k=chars // 5))[:chars]


@dataclass
class Asked:
    """One honest request."""

    begun_s: float
    long: bool
    status: int
    seconds: float


class Honest:
    """Clients that ask at their times, whatever becomes of what was asked before."""

    def __init__(self, stack: Stack) -> None:
        address = urlsplit(stack.base_url).netloc
        self._free: SimpleQueue[HTTPConnection] = SimpleQueue()
        for _ in range(HONEST_CLIENTS):
            self._free.put(HTTPConnection(address, timeout=TIMEOUT_S))
        self.asked: list[Asked] = []

    def ask_while(self, attack: subprocess.Popen[str]) -> float:
        """Until some seconds after the attack. Returns: when that was over. [s]"""
        over_s = 0.0
        with ThreadPoolExecutor(HONEST_CLIENTS) as pool:
            number, next_s = 0, time.monotonic()
            while not over_s or time.monotonic() < over_s + AFTERWARDS_S:
                if not over_s and attack.poll() is not None:
                    over_s = time.monotonic()
                pool.submit(self._ask, number % LONG_EACH == 0)
                number, next_s = number + 1, next_s + 1 / HONEST_PER_S
                time.sleep(max(0.0, next_s - time.monotonic()))
        return over_s

    def _ask(self, long: bool) -> None:
        connection = self._free.get()
        chat = {
            "model": "tiny-chat",
            "messages": [{"role": "user", "content": prose(LONG_CHARS if long else SMALL_CHARS)}],
        }
        begun_s, status = time.monotonic(), 0
        try:
            connection.request("POST", CHAT, json.dumps(chat), {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, HTTPException):
            connection.close()
        self.asked.append(Asked(begun_s, long, status, time.monotonic() - begun_s))
        self._free.put(connection)


@contextmanager
def attack(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    """The attackers at work; what they got is looked at in the end."""
    root = Path(__file__).parents[2]
    # A compiled processor is tried with an interpreter that looks for modules in no working directory.
    searched = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(root))))
    command = [sys.executable, "-m", "tests.e2e.attackers", stack.base_url]
    environment = os.environ | {"PYTHONPATH": searched}
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as attackers:
        yield attackers
        assert attackers.stdout is not None
        statuses = json.loads(attackers.stdout.read())
    print("the attack was answered with", statuses)
    assert sum(statuses.values()) == REQUESTS


def told(name: str, asked: Sequence[Asked]) -> str:
    """How some requests went, in a line each for small and long ones."""
    lines = []
    for long in (False, True):
        some = sorted(one.seconds for one in asked if one.long == long)
        statuses = dict(Counter(one.status for one in asked if one.long == long))
        p50, p99 = (some[int(len(some) * share)] for share in (0.5, 0.99))
        slowest = " ".join(f"{seconds:.3f}" for seconds in some[-3:])
        size = "80 KB" if long else "small"
        lines.append(f"{name}, {size}: {statuses}, p50 {p50:.3f} s, p99 {p99:.3f} s, slowest {slowest} s")
    return "\n".join(lines)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("workers", WORKERS)
def test_one_client_stops_nobody(make_stack: MakeStack, workers: int) -> None:
    """Small requests, and chats of 80 KB, are answered while the attack runs and when it is over."""

    def change(data: dict[str, Any]) -> None:
        data["server"]["workers"] = workers

    stack = make_stack(change=change)
    honest = Honest(stack)
    with attack(stack) as attackers:
        over_s = honest.ask_while(attackers)
    print(told("during", [one for one in honest.asked if one.begun_s < over_s]))
    print(told("after", [one for one in honest.asked if one.begun_s >= over_s]))
    assert {one.status for one in honest.asked} == {200}
    if workers == 1:  # several have room for what so many connections send at a time
        assert stack.metric("llm_extproc_long_messages_refused_total") > 0


def test_envoy_waits_longer_for_a_long_request(make_stack: MakeStack) -> None:
    """Its patience is that for short ones; judging megabytes takes longer, and it is told so."""

    def change(data: dict[str, Any]) -> None:
        data["envoy"] |= {"message_timeout_ms": 250, "long_message_timeout_ms": 20_000}

    stack = make_stack(change=change)
    answer = stack.curl(CHAT, body={"model": "tiny-chat", "messages": [{"role": "user", "content": prose(3_000_000)}]})
    assert (answer.status, answer.seconds > 0.25) == (200, True)
