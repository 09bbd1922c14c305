"""What `pick: load` costs a request: CPU of this process alone."""

from __future__ import annotations

import random
import statistics
import time

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.exchange.endpoint_picks import BLOCK_CHARS, EndpointPick, EndpointPicks
from tests.bench.figures import Figures
from tests.bench.subjects import Places

PICK_US = "pick_us"
SERVERS = 8
SYSTEM_BLOCKS, TURNS, TURN_CHARS = 4, 6, 400
"""Ten blocks together: a system prompt that several conversations have, and the turns of one."""
APPLICATIONS = 12
ROUNDS, PROMPTS = 200, 50
RUNNING = 64


def measure_picks(_places: Places | None = None) -> Figures:
    """``pick_us``: a pick, and what becomes of it: its answer begins and ends. [us]"""
    chance = random.Random(SERVERS)
    systems = [_text(chance, SYSTEM_BLOCKS * BLOCK_CHARS) for _ in range(APPLICATIONS)]
    endpoints = tuple(f"10.0.0.{number}:8000" for number in range(SERVERS))
    picks, running = EndpointPicks(), list[EndpointPick]()
    took_us = []
    for number in range(ROUNDS):
        now_ns = number * 200_000_000  # servers are heard five times a second
        for endpoint in endpoints:
            picks.report(endpoint, EndpointLoad(now_ns, True, chance.randint(0, 3), chance.randint(0, 30), 0.5))
        prompts = [
            [chance.choice(systems).encode().decode(), *(_text(chance, TURN_CHARS) for _ in range(TURNS))]
            for _ in range(PROMPTS)
        ]
        started_ns = time.thread_time_ns()
        for prompt in prompts:
            pick = picks.pick("llama/v1", endpoints, prompt, now_ns)
            if pick is not None:
                pick.answer_begins()
                running.append(pick)
            if len(running) > RUNNING:
                running.pop(0).ends()
        took_us.append((time.thread_time_ns() - started_ns) / 1_000 / PROMPTS)
    return {PICK_US: statistics.median(took_us)}


def _text(chance: random.Random, chars: int) -> str:
    return "".join(chance.choices("abcdefgh ", k=chars))
