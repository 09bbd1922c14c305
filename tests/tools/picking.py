"""How soon answers begin, by who picks the server: a simulator of model servers with a queue and a prefix cache.

    python -m tests.tools.picking

A server computes in steps, as vLLM does: of each request the part of its prompt that its cache lacks, at most
``STEP_TOKENS`` a step for all, and one token of each running answer. A step takes a fixed time, and some for each of
these tokens; the figures are of the order of an 8B model on one GPU. Only ratios between pickers mean something.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Final, NamedTuple

from extproc.exchange.endpoint_loads import EndpointLoad
from extproc.exchange.endpoint_picks import EndpointPick, EndpointPicks

STEP_S: Final = 0.008
PROMPT_TOKEN_S: Final = 0.000_1
ANSWER_TOKEN_S: Final = 0.000_25
STEP_TOKENS: Final = 2_048
RUNNING_MAX: Final = 64
CACHE_BLOCKS: Final = 40_000
BLOCK_TOKENS: Final = 16
CHARS_PER_TOKEN: Final = 4
SERVERS: Final = 4
SEEDS: Final = (1, 2, 3, 4)
LOOK_S: Final = 0.2
"""How often a server is asked for its load."""
OTHERS_PER_S: Final = 8.0
"""Requests that somebody else sends to one server."""
HEARD_S: Final = 0.05
"""How late the answer is, with the step before which a server took its numbers. [s]"""
_LETTERS: Final = "abcdefgh "


@dataclass(slots=True, eq=False)
class SimulatedRequest:
    """A request at a time [s]; ``sent_to`` a server by somebody who asks nobody, else None."""

    at_s: float
    texts: list[str]
    answer_tokens: int
    sent_to: int | None = None
    prompt_left: int = 0
    answer_left: int = 0
    pick: EndpointPick | None = None
    tokens: int = field(init=False)
    blocks: list[int] = field(init=False)

    def __post_init__(self) -> None:
        whole = "".join(self.texts)
        self.tokens = max(1, len(whole) // CHARS_PER_TOKEN)
        size, chain = BLOCK_TOKENS * CHARS_PER_TOKEN, 0
        self.blocks = [
            chain := hash((chain, whole[start : start + size])) for start in range(0, len(whole) - size + 1, size)
        ]


class SimulatedServer:
    """One model server. ``began``: called with a request whose first token is there; ``ended``: likewise."""

    def __init__(self, cache_blocks: int = CACHE_BLOCKS) -> None:
        self.waiting: deque[SimulatedRequest] = deque()
        self.running: list[SimulatedRequest] = []
        self.in_step = False
        self.hit_tokens = self.prompt_tokens = 0
        self._cache: OrderedDict[int, None] = OrderedDict()
        self._cache_blocks = cache_blocks

    def cached_tokens(self, request: SimulatedRequest) -> int:
        """How much of its prompt is in the cache; the last token is always computed."""
        known = itertools.takewhile(self._cache.__contains__, request.blocks)
        return min(BLOCK_TOKENS * sum(1 for _ in known), request.tokens - 1)

    def load(self, now_s: float) -> EndpointLoad:
        """What it says of itself."""
        waiting, running = float(len(self.waiting)), float(len(self.running))
        return EndpointLoad(int(now_s * 1e9), True, waiting, running)

    def to_compute(self) -> int:
        """Tokens of prompts before the first token of a new request. Only somebody who knows everything knows this."""
        return sum(one.tokens - self.cached_tokens(one) for one in self.waiting) + sum(
            one.prompt_left for one in self.running
        )

    def begin_step(self) -> float | None:
        """Take what waits, and compute. Returns: how long it takes; None if there is nothing to do. [s]"""
        if self.in_step:
            return None
        while self.waiting and len(self.running) < RUNNING_MAX:
            self._take(self.waiting.popleft())
        if not self.running:
            return None
        self.in_step = True
        answering = sum(not one.prompt_left for one in self.running)
        return STEP_S + PROMPT_TOKEN_S * self._prompt_share(apply=False) + ANSWER_TOKEN_S * answering

    def end_step(self) -> tuple[list[SimulatedRequest], list[SimulatedRequest]]:
        """Returns: the requests whose answer began, and those whose answer ended."""
        self.in_step = False
        answering = [one for one in self.running if not one.prompt_left]
        before = [one for one in self.running if one.prompt_left]
        self._prompt_share(apply=True)
        began = [one for one in before if not one.prompt_left]
        for one in (*answering, *began):
            one.answer_left -= 1
        ended = [one for one in self.running if not one.prompt_left and one.answer_left <= 0]
        self.running = [one for one in self.running if one not in ended]
        return began, ended

    def _prompt_share(self, *, apply: bool) -> int:
        left = budget = STEP_TOKENS - sum(not one.prompt_left for one in self.running)
        for one in self.running:
            share = min(one.prompt_left, left)
            left -= share
            if apply:
                one.prompt_left -= share
        return budget - left

    def _take(self, request: SimulatedRequest) -> None:
        cached = self.cached_tokens(request)
        self.hit_tokens += cached
        self.prompt_tokens += request.tokens
        request.prompt_left, request.answer_left = request.tokens - cached, request.answer_tokens
        self.running.append(request)
        for block in request.blocks:
            self._cache[block] = None
            self._cache.move_to_end(block)
        while len(self._cache) > self._cache_blocks:
            self._cache.popitem(last=False)


# --- who picks -----------------------------------------------------------------------------------------------------

Picker = Callable[[Sequence[SimulatedServer], SimulatedRequest], int]


def round_robin() -> Picker:
    """One after the other."""
    turns = itertools.count()
    return lambda servers, _: next(turns) % len(servers)


def least_request() -> Picker:
    """Of two by chance the one with fewer requests, as Envoy does."""
    chance = random.Random(0)

    def pick(servers: Sequence[SimulatedServer], _: SimulatedRequest) -> int:
        two = chance.sample(range(len(servers)), 2)
        return min(two, key=lambda at: len(servers[at].waiting) + len(servers[at].running))

    return pick


NAMES: Final = tuple(f"10.0.0.{number}:8000" for number in range(SERVERS))


class ByLoad:
    """As ``pick: load``; each request comes to one of several processes, which know nothing of each other.

    Args: hears: whether they know what the servers say, each ``LOOK_S``, when ``HEARD_S`` have passed.
    """

    def __init__(self, processes: int = 1, *, hears: bool = True) -> None:
        self._chance = random.Random(0)
        self._known = [EndpointPicks() for _ in range(processes)]
        self._hears = hears
        self._said: deque[tuple[float, list[EndpointLoad]]] = deque()
        self._looks_s = 0.0

    def __call__(self, servers: Sequence[SimulatedServer], request: SimulatedRequest) -> int:
        """Pick for a request that arrives."""
        texts, now_ns = request.texts, int(request.at_s * 1e9)
        request.pick = self._chance.choice(self._known).pick("model/v1", NAMES, texts, now_ns)
        if request.pick is None:
            raise AssertionError("all servers are reachable")
        return NAMES.index(request.pick.endpoint)

    def look(self, servers: Sequence[SimulatedServer], now_s: float) -> None:
        """Called before each event."""
        if self._hears and now_s >= self._looks_s:
            self._looks_s = now_s + LOOK_S
            self._said.append((now_s + HEARD_S, [server.load(now_s) for server in servers]))
        while self._said and self._said[0][0] <= now_s:
            _, loads = self._said.popleft()
            for picks in self._known:
                for name, load in zip(NAMES, loads, strict=True):
                    picks.report(name, load)


def perfect_knowledge() -> Picker:
    """Where the first token would come first, by all caches and queues."""

    def pick(servers: Sequence[SimulatedServer], request: SimulatedRequest) -> int:
        def cost_s(at: int) -> float:
            server = servers[at]
            tokens = server.to_compute() + request.tokens - server.cached_tokens(request)
            return tokens * PROMPT_TOKEN_S + len(server.running) * ANSWER_TOKEN_S

        return min(range(len(servers)), key=cost_s)

    return pick


PICKERS: Final[dict[str, Callable[[], Picker]]] = {
    "round robin": round_robin,
    "least request": least_request,
    "pick: load, unheard": lambda: ByLoad(hears=False),
    "the same, 4 processes": lambda: ByLoad(4, hears=False),
    "pick: load": ByLoad,
    "pick: load, 4 processes": lambda: ByLoad(4),
    "perfect knowledge": perfect_knowledge,
}

# --- traffic -------------------------------------------------------------------------------------------------------


def chats(requests_per_s: float, seconds: float, seed: int) -> list[SimulatedRequest]:
    """Conversations of up to six turns on twelve long system prompts, of which few are used often."""
    chance = random.Random(seed)
    prompts = [_text(chance, chance.randint(4_000, 12_000)) for _ in range(12)]
    return sorted(_chats(chance, prompts, requests_per_s / 3, seconds), key=lambda one: one.at_s)


def _chats(chance: random.Random, prompts: list[str], rate: float, seconds: float) -> Iterator[SimulatedRequest]:
    begun_s = 0.0
    while (begun_s := begun_s + chance.expovariate(rate)) < seconds:
        at_s, turns = begun_s, [prompts[min(int(chance.paretovariate(1)), len(prompts)) - 1]]
        for _ in range(chance.randint(1, 6)):
            turns = [*turns, _text(chance, chance.randint(50, 800))]
            tokens = chance.randint(20, 300)
            yield SimulatedRequest(at_s, turns, tokens)
            turns = [*turns, _text(chance, tokens * CHARS_PER_TOKEN)]
            at_s += chance.expovariate(1 / 20) + tokens * 0.02


def strangers(requests_per_s: float, seconds: float, seed: int) -> list[SimulatedRequest]:
    """Prompts of all lengths that have nothing in common."""
    chance = random.Random(seed)
    made, at_s = [], 0.0
    while (at_s := at_s + chance.expovariate(requests_per_s)) < seconds:
        length = int(chance.lognormvariate(8, 0.8)) % 30_000 + 50
        made.append(SimulatedRequest(at_s, [_text(chance, length)], chance.randint(20, 300)))
    return made


def chats_beside_others(requests_per_s: float, seconds: float, seed: int) -> list[SimulatedRequest]:
    """Chats, while somebody else sends one of the servers long prompts."""
    others = strangers(OTHERS_PER_S, seconds, seed + 1_000)
    for one in others:
        one.sent_to = 0
    return sorted([*chats(requests_per_s, seconds, seed), *others], key=lambda one: one.at_s)


def _text(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_LETTERS, k=length))


# --- the simulation ------------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """Times to first token [s], and the share of prompt tokens that were cached."""

    median_s: float
    p95_s: float
    hit_share: float


def simulate(requests: Sequence[SimulatedRequest], picker: Picker) -> Outcome:
    """Play a traffic, whose requests are used up."""
    servers, firsts_s = [SimulatedServer() for _ in range(SERVERS)], list[float]()
    events: list[tuple[float, int, SimulatedRequest | None, int]] = []
    numbers = itertools.count()
    for request in requests:
        heapq.heappush(events, (request.at_s, next(numbers), request, 0))
    while events:
        now_s, _, arriving, at = heapq.heappop(events)
        if isinstance(picker, ByLoad):
            picker.look(servers, now_s)
        if arriving is not None:
            at = picker(servers, arriving) if arriving.sent_to is None else arriving.sent_to
            servers[at].waiting.append(arriving)
        else:
            began, ended = servers[at].end_step()
            firsts_s += [now_s - one.at_s for one in began if one.sent_to is None]
            for one in began:
                if one.pick is not None:
                    one.pick.answer_begins()
            for one in ended:
                if one.pick is not None:
                    one.pick.ends()
        step_s = servers[at].begin_step()
        if step_s is not None:
            heapq.heappush(events, (now_s + step_s, next(numbers), None, at))
    firsts_s.sort()
    hits, tokens = (sum(getattr(one, name) for one in servers) for name in ("hit_tokens", "prompt_tokens"))
    return Outcome(firsts_s[len(firsts_s) // 2], firsts_s[len(firsts_s) * 95 // 100], hits / tokens)


TRAFFICS: Final = {
    "chats, 16/s": (chats, 16.0),
    "chats, 40/s": (chats, 40.0),
    "strangers, 14/s": (strangers, 14.0),
    "strangers, 22/s": (strangers, 22.0),
    "beside others": (chats_beside_others, 16.0),
}


def main() -> None:
    """Print a line for each traffic and picker, with the averages of several draws."""
    print(f"{'traffic':17}{'who picks':26}{'TTFT p50':>9}{'p95':>9}{'cached':>8}{'p95 ratio':>11}")
    for name, (traffic, rate) in TRAFFICS.items():
        base = [simulate(traffic(rate, 60, seed), least_request()).p95_s for seed in SEEDS]
        for picker, made in PICKERS.items():
            found = [simulate(traffic(rate, 60, seed), made()) for seed in SEEDS]
            median_s, p95_s, hit_share = (mean(values) for values in zip(*found, strict=True))
            ratio = mean(one.p95_s / least_s for one, least_s in zip(found, base, strict=True))
            times = f"{median_s * 1e3:6.0f} ms{p95_s * 1e3:6.0f} ms"
            print(f"{name:17}{picker:26}{times}{hit_share:8.0%}{ratio:11.2f}", flush=True)


if __name__ == "__main__":
    main()
