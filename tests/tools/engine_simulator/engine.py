"""Continuous batching, step by step; steps in which all decode and nothing changes are taken together."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from extproc.statistics.arrays import Floats, Ints
from tests.tools.engine_simulator.kv_blocks import Held, KvBlocks, Prefix
from tests.tools.engine_simulator.records import StepRecords
from tests.tools.engine_simulator.runs import EngineRequest, EngineRun
from tests.tools.engine_simulator.step_laws import StepLaw, StepWork

_TOGETHER_MAX: Final = 4_096
"""Steps that are taken at once."""


class EngineSettings(NamedTuple):
    """Attributes:
    token_budget: tokens of a step at most (vLLM's ``max_num_batched_tokens``).
    sequences_max: that run at once (``max_num_seqs``).
    blocks: of the KV cache. The default is what an H100 has left next to 8B weights.
    is_caching: prefixes.
    """

    token_budget: int = 8_192
    sequences_max: int = 1_024
    blocks: int = 27_000
    block_tokens: int = 16
    is_caching: bool = True


class _Running:
    """A sequence of a request."""

    __slots__ = ("computed", "generated", "held", "prompt", "reached", "request", "until")

    def __init__(self, request: int, asked: EngineRequest, held: Held) -> None:
        self.request = request
        self.prompt = asked.prompt
        self.until = asked.written
        self.generated = 0
        self.computed = 0
        self.reached = 0
        self.held = held

    @property
    def tokens(self) -> int:
        """Those of the prompt, and those that it has written."""
        return self.prompt + self.generated


def simulated(requests: Sequence[EngineRequest], law: StepLaw, settings: EngineSettings | None = None) -> EngineRun:
    """Run an engine until all is written.

    Args: requests: by ``sent_us``.
    Raises: ValueError for a request that the KV cache has no room for.
    """
    engine = _Engine(list(requests), law, settings or EngineSettings())
    while engine.advance():
        pass
    return engine.run()


class _Engine:
    def __init__(self, requests: list[EngineRequest], law: StepLaw, settings: EngineSettings) -> None:
        room = settings.blocks * settings.block_tokens
        for number, one in enumerate(requests):
            if one.prompt + one.written > room - settings.block_tokens or one.prompt < 1 or one.written < 1:
                raise ValueError(f"request {number} has no room in {room} tokens, or no tokens")
        self._requests, self._law, self._settings = requests, law, settings
        self._kv = KvBlocks(settings.blocks, settings.block_tokens, settings.is_caching)
        self._now = 0.0
        self._next = 0
        self._waiting: deque[_Running] = deque()
        self._running: list[_Running] = []
        self._blocked = False  # the first that waits cannot begin until something ends
        self._leaving: list[tuple[int, int]] = []
        self._open = [one.sequences for one in requests]
        self._records = StepRecords()
        count = len(requests)
        self._scheduled, self._first, self._last = (np.full(count, -1.0) for _ in range(3))
        self._cached, self._written, self._prefilled, self._again = (np.zeros(count, np.int64) for _ in range(4))

    def advance(self) -> bool:
        """A step, or several. Returns: whether anything is left to do."""
        self._arrive()
        self._leave()
        if not self._running and not self._waiting:
            if self._next == len(self._requests):
                return False
            self._now = float(self._requests[self._next].sent_us)
            return True
        if (self._waiting and not self._blocked) or not self._decode_together():
            self._step()
        return True

    def run(self) -> EngineRun:
        """What is recorded."""
        times = (self._scheduled, self._first, self._last)
        counts = (self._cached, self._written, self._prefilled, self._again)
        return EngineRun(self._requests, self._records.steps(), *times, *counts)

    def _arrive(self) -> None:
        while self._next < len(self._requests) and self._requests[self._next].sent_us <= self._now:
            number, one = self._next, self._requests[self._next]
            self._next += 1
            if one.leaves_us is not None:
                heapq.heappush(self._leaving, (one.leaves_us, number))
            for _ in range(one.sequences):
                self._waiting.append(_Running(number, one, Held(self._prefixes(number, one))))

    def _prefixes(self, number: int, one: EngineRequest) -> list[tuple[Prefix, int]]:
        if not self._settings.is_caching:
            return []
        most = (one.prompt - 1) // self._settings.block_tokens
        shared = min(one.shared // self._settings.block_tokens, most)
        found = [(self._kv.prefix((one.team, shared)), shared)] if shared else []
        if one.sequences > 1 and most > shared:
            found.append((self._kv.prefix(number), most - shared))
        return found

    def _leave(self) -> None:
        while self._leaving and self._leaving[0][0] <= self._now:
            number = heapq.heappop(self._leaving)[1]
            if not self._open[number]:
                continue
            self._open[number] = 0
            self._blocked = False
            for one in self._running:
                if one.request == number:
                    self._kv.release(one.held)
            self._running = [one for one in self._running if one.request != number]
            self._waiting = deque(one for one in self._waiting if one.request != number)

    def _step(self) -> None:
        """One step: who runs comes first, then who waits, as far as the budget and the blocks go."""
        members: list[tuple[_Running, int]] = []
        budget, preempted = self._settings.token_budget, False
        place = 0
        while place < len(self._running) and budget > 0:
            one = self._running[place]
            chunk = min(one.tokens - one.computed, budget)
            while not self._kv.hold(one.held, one.computed + chunk):
                preempted = True
                if self._preempt() is one:
                    break
            else:
                members.append((one, chunk))
                budget -= chunk
                place += 1
        self._blocked = False
        while self._waiting and budget > 0 and not preempted:
            one = self._waiting[0]
            cached = self._kv.cached(one.held)
            chunk = min(one.tokens - cached, budget)
            full = len(self._running) >= self._settings.sequences_max
            if full or not self._kv.hold(one.held, cached + chunk, must_fit=one.tokens):
                self._blocked = True
                break
            self._begin(self._waiting.popleft(), cached)
            members.append((one, chunk))
            budget -= chunk
        self._compute(members)

    def _preempt(self) -> _Running:
        victim = self._running.pop()
        self._kv.release(victim.held, victim.computed)
        victim.computed = 0
        self._waiting.appendleft(victim)
        return victim

    def _begin(self, one: _Running, cached: int) -> None:
        self._running.append(one)
        one.computed = cached
        if self._scheduled[one.request] < 0:
            self._scheduled[one.request] = self._now
            self._cached[one.request] = cached

    def _compute(self, members: list[tuple[_Running, int]]) -> None:
        rows = []
        for one, chunk in members:
            before = one.computed
            if one.generated and chunk == 1 and before >= one.reached:
                rows.append((one.request, 0, 1, before + 1, 0.0))
            else:
                rows.append((one.request, chunk, 0, before, chunk * (before + chunk / 2)))
                self._prefilled[one.request] += chunk
                self._again[one.request] += max(min(one.reached, before + chunk) - before, 0)
            one.computed += chunk
            one.reached = max(one.reached, one.computed)
        columns = np.array(rows)
        work = StepWork(*columns.T[1:])
        time = float(self._law(StepWork(*(np.array(column.sum()) for column in work))))
        self._records.add(self._now, np.array([time]), columns[:, 0].astype(np.int64)[None, :], work)
        self._now += time
        finished = False
        for one, _ in members:
            if one.computed == one.tokens:
                one.generated += 1
                finished |= self._emit(one)
        if finished:
            self._drop_finished()

    def _emit(self, one: _Running, tokens: int = 1) -> bool:
        """Tokens come out now. Returns: whether they were the last."""
        if self._first[one.request] < 0:
            self._first[one.request] = self._now
        self._last[one.request] = self._now
        self._written[one.request] += tokens
        return one.generated >= one.until

    def _drop_finished(self) -> None:
        for one in self._running:
            if one.generated >= one.until:
                self._kv.release(one.held)
                self._open[one.request] -= 1
        self._running = [one for one in self._running if one.generated < one.until]
        self._blocked = False

    def _decode_together(self) -> bool:
        """Steps up to the next change, if all decode. Returns: whether there were any."""
        running = self._running
        if any(one.computed + 1 != one.tokens or not one.generated for one in running):
            return False
        tokens = np.array([one.tokens for one in running])
        most = min(min(one.until - one.generated for one in running), _TOGETHER_MAX)
        steps = self._steps_with_room(tokens, most)
        if not steps:
            return False
        number = np.arange(steps)
        decode, kv, none = np.full(steps, len(running)), tokens.sum() + number * len(running), np.zeros(steps)
        times = self._law(StepWork(none, decode, kv, none))
        ends = self._now + np.cumsum(times)
        steps = min(steps, int(np.searchsorted(ends, self._next_change())) + 1)
        times = times[:steps]
        self._record_decoding(tokens, times)
        self._now = float(ends[steps - 1])
        finished = False
        for one in running:
            one.computed += steps
            one.reached = one.computed
            one.generated += steps
            self._kv.hold(one.held, one.computed)
            finished |= self._emit(one, steps)
        if finished:
            self._drop_finished()
        return True

    def _steps_with_room(self, tokens: Ints, most: int) -> int:
        """How many of so many steps there are blocks for."""
        room = np.array([one.held.capacity for one in self._running])
        available = self._kv.free

        def fits(steps: int) -> bool:
            return int((-(-np.maximum(tokens + steps - 1 - room, 0) // self._settings.block_tokens)).sum()) <= available

        if fits(most):
            return most
        low = 0
        while most - low > 1:
            middle = (low + most) // 2
            low, most = (middle, most) if fits(middle) else (low, middle)
        return low

    def _next_change(self) -> float:
        """When somebody comes or leaves."""
        comes = self._requests[self._next].sent_us if self._next < len(self._requests) else math.inf
        return min(comes, self._leaving[0][0] if self._leaving else math.inf)

    def _record_decoding(self, tokens: Ints, times: Floats) -> None:
        shape = (len(times), len(tokens))
        request = np.broadcast_to(np.array([one.request for one in self._running]), shape)
        kv = tokens + np.arange(len(times))[:, None]
        none = np.zeros(shape)
        self._records.add(self._now, times, request, StepWork(none, np.ones(shape), kv, none))
