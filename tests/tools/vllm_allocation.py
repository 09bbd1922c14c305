"""GPU time by team against a real vLLM on the CPU: the core-seconds of its engine stand for those of GPUs.

Four teams ask at times that are drawn once, through the real Envoy and processor: two that ask the same, one that asks
the same twice, and one with long prompts. What each is charged must lie between what the engine needs less without it
(which is little, as others are in its steps) and what it needs for that team alone; twins must pay alike, and who asks
twice pays double.

    python -m tests.tools.vllm_allocation --url http://127.0.0.1:8000 --model tiny-chat
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import func, select

from extproc.allocation.methods import DEFAULT_METHOD
from extproc.allocation.server_samples import ServerSamples
from extproc.allocation.slices import GpuTerms
from extproc.allocation.step_costs import TYPICAL, StepCosts
from extproc.ledger.allocation.allocating import allocate_day
from extproc.ledger.allocation.calibrating import calibrate_versions
from extproc.ledger.allocation.dividing import AllocationTerms, ServerTerms
from extproc.ledger.allocation.share_tables import GPU_SHARES, GPU_SLICES
from extproc.ledger.store import LedgerStore
from tests.e2e.harness import Stack, wait_until

SECONDS: Final = 20.0
"""In which the requests of a run are sent."""
TWINS_MAX: Final = 0.05
DOUBLE_MAX: Final = 0.10
_SEED: Final = 17
_WITHIN_S: Final = 180.0
_CHUNK_TOKENS: Final = 2_048
_ENGINE: Final = "VLLM::"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_US_PER_S: Final = 1_000_000
_WORDS: Final = ("river", "contract", "window", "proxy", "token", "garden", "letter", "planet", "quality", "signal")


class Ask(NamedTuple):
    """One request. Attributes: after_s: from the begin of the run."""

    team: str
    after_s: float
    words: int
    tokens: int
    seed: int


@dataclass(frozen=True, slots=True)
class Ran:
    """A run. Attributes: core_s: of the engine. paid_us: by team, of its busy time."""

    core_s: float
    paid_us: Mapping[str, int]
    busy_us: int

    def core_s_of(self, team: str) -> float:
        """What a team is charged of the engine's time."""
        return self.core_s * self.paid_us.get(team, 0) / self.busy_us


def traffic() -> list[Ask]:
    """The requests of all teams."""
    chance = random.Random(_SEED)
    asked: list[Ask] = []
    for number in range(24):
        at_s, tokens = chance.uniform(0, SECONDS), chance.randrange(30, 90)
        asked += [Ask(team, at_s, 20, tokens, number) for team in ("chat", "twin", "double", "double")]
    for number in range(10):
        asked.append(Ask("rag", chance.uniform(0, SECONDS), 350, chance.randrange(10, 40), number))
    return asked


def spread() -> list[Ask]:
    """Other requests, to calibrate by: few and many at once, short and long."""
    chance = random.Random(_SEED + 1)
    asked: list[Ask] = []
    at_s = 0.0
    for at_once in (1, 2, 4, 8, 16):
        for _ in range(40):
            words = chance.choice((5, 60, 300))
            asked.append(Ask("calibration", at_s, words, chance.randrange(20, 60), len(asked)))
            at_s += 0.45 / at_once
        at_s += 2.0
    return asked


def send(base_url: str, model: str, asked: Sequence[Ask]) -> int:
    """Ask all at their times. Returns: how many were answered. Raises: RuntimeError for an answer that is none."""
    wrong: list[str] = []
    began_s = time.monotonic()

    def one(ask: Ask) -> None:
        chance = random.Random(f"{ask.words} {ask.seed}")
        text = " ".join(chance.choice(_WORDS) for _ in range(ask.words))
        body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "stream": True}
        body |= {"max_tokens": ask.tokens, "min_tokens": ask.tokens, "seed": ask.seed, "ignore_eos": True}
        connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=_WITHIN_S)
        time.sleep(max(0.0, began_s + ask.after_s - time.monotonic()))
        headers = {"content-type": "application/json", "x-team": ask.team}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or b"[DONE]" not in content:
            wrong.append(f"{ask.team}: {answer.status} {content[:200]!r}")
        connection.close()

    threads = [threading.Thread(target=one, args=(ask,)) for ask in asked]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if wrong:
        raise RuntimeError(wrong[0])
    return len(asked)


def engine_core_s() -> float:
    """What the processes of the engine have used of the cores. [s]"""
    used = 0
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "comm").read_text().startswith(_ENGINE):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        except OSError:  # it has ended meanwhile
            continue
    return used / _TICKS


def installed(url: str, model: str, folder: Path) -> Stack:
    """The demo in front of one vLLM, with a ledger."""

    def change(data: dict[str, Any]) -> None:
        price = {"prompt_micro_usd_per_mtok": 1_000, "completion_micro_usd_per_mtok": 1_000}
        version = {"weight": 1, "endpoints": [urlsplit(url).netloc], "served_model": model, "price": price}
        data["models"] = {model: {"versions": {"v1": version}}}
        data["policies"] = [{"name": "default", "guards": []}]
        data["ledger"] = {"url": "sqlite:///ledger.db"}
        data["identity"] = {"teams": sorted({one.team for one in (*traffic(), *spread())})}

    return Stack(folder, models={}, change=change)


class Bench:
    """One installation, and all that was asked there."""

    def __init__(self, stack: Stack, url: str, model: str) -> None:
        self._stack, self._server, self._model = stack, urlsplit(url).netloc, model
        self._store = LedgerStore("sqlite:///ledger.db", stack.directory)
        self._asked = 0

    def calibrated(self) -> StepCosts:
        """Costs, fitted to requests of their own; those that cannot be known are said, and used all the same."""
        span = self._span(spread())
        with self._store.reading() as connection:
            (found,) = calibrate_versions(connection, span, lambda *_: _CHUNK_TOKENS)
        if found.found is None:
            print("not calibrated:", found.refused)
            return TYPICAL._replace(chunk_tokens=_CHUNK_TOKENS)
        costs = ", ".join(f"{one.name} {one.value:.4g} us ({one.part:.0%})" for one in found.found.fitted)
        print(
            f"calibrated: {costs}; residual {found.found.residual:.1%}; {'; '.join(found.found.problems) or 'usable'}"
        )
        return found.found.costs

    def ran(self, asked: Sequence[Ask], costs: StepCosts) -> Ran:
        """What some requests cost, and who pays for it."""
        before_s = engine_core_s()
        span = self._span(asked)
        core_s = engine_core_s() - before_s
        terms = AllocationTerms(
            DEFAULT_METHOD,
            {self._server: ServerTerms("CPU", "USD", (GpuTerms(0, 1, None),))}.get,
            lambda *_: {},
            lambda *_: ServerSamples.of(()),
            lambda *_: costs,
        )
        allocate_day(self._store, terms, span, span[1])
        shares, slices = GPU_SHARES.c, GPU_SLICES.c
        within = shares.begin_us >= span[0], shares.begin_us < span[1]
        by_team = select(shares.team, func.sum(shares.gpu_us).label("time")).where(*within).group_by(shares.team)
        paid = {row["team"]: int(row["time"]) for row in self._store.rows(by_team)}
        busy = select(func.sum(slices.busy).label("busy")).where(slices.begin_us >= span[0], slices.begin_us < span[1])
        return Ran(core_s, paid, int(self._store.rows(busy)[0]["busy"]))

    def _span(self, asked: Sequence[Ask]) -> tuple[int, int]:
        """Ask, and wait for the ledger. Returns: when it was. [us since 1970]"""
        begin_us = time.time_ns() // 1_000
        self._asked += send(self._stack.base_url, self._model, asked)
        end_us = time.time_ns() // 1_000 + 1
        stored = "llm_extproc_ledger_stored_total"
        wait_until(lambda: self._stack.metric(stored) == self._asked, "the ledger has all", _WITHIN_S)
        return begin_us, end_us


def checked(bench: Bench) -> Iterator[str]:
    """What is not as it must be."""
    costs, everything = bench.calibrated(), traffic()
    both = [bench.ran(everything, costs) for _ in range(2)]
    whole = both[0]
    noise_s = abs(both[0].core_s - both[1].core_s) + 0.02 * whole.core_s
    print(f"engine: {both[0].core_s:.2f} and {both[1].core_s:.2f} core-seconds for the same requests")
    if sum(whole.paid_us.values()) != whole.busy_us:
        yield "shares do not add up to busy time"
    for team in ("chat", "double", "rag"):
        without = bench.ran([one for one in everything if one.team != team], costs).core_s
        alone = bench.ran([one for one in everything if one.team == team], costs).core_s
        share, least = float(np.mean([one.core_s_of(team) for one in both])), whole.core_s - without
        print(f"{team}: pays {share:.2f}; the engine needs {least:.2f} less without it, {alone:.2f} for it alone")
        if not least - noise_s <= share <= alone + noise_s:
            yield f"{team} pays {share:.2f}, not between {least:.2f} and {alone:.2f}"
    for run in both:
        chat, twin, double = (run.core_s_of(team) for team in ("chat", "twin", "double"))
        of_twin, times = f"{twin / chat - 1:+.1%}", f"{double / chat:.2f} x"
        print(f"chat {chat:.2f}, its twin {twin:.2f} ({of_twin}), double {double:.2f} ({times})")
        if abs(twin / chat - 1) > TWINS_MAX:
            yield f"twins differ by {twin / chat - 1:+.1%}, at most {TWINS_MAX:.0%}"
        if abs(double / chat / 2 - 1) > DOUBLE_MAX:
            yield f"who asks twice pays {double / chat:.2f} times, 2 within {DOUBLE_MAX:.0%}"


def main() -> int:
    """Exit 0: everything is as it must be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", required=True, help="of a vLLM")
    parser.add_argument("--model", required=True, help="its model")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="llm-gpu-") as folder,
        installed(given.url, given.model, Path(folder)) as stack,
    ):
        wrong = list(checked(Bench(stack, given.url, given.model)))
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
