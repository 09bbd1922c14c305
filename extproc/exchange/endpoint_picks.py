"""Which of a version's servers gets a request: the one that is likely to send its first token first.

vLLM keeps the computed beginnings of prompts (prefix caching), so a conversation is answered soonest where its earlier
turns, or others with its system prompt, were answered. But a server that has much to compute is slow whatever it keeps.
Both are the same quantity: text that is still to be computed before the first token. So the cost of an endpoint is

- the text that it was given and has not begun to answer,
- the part of this prompt that it has not seen,
- a share for each of its running answers, as each slows every step of the server,
- what it says of others' requests, and of its cache (``endpoint_loads``), while that is fresh.

The endpoint with the least cost is picked. Where no endpoint has seen the beginning of a prompt, one of them is its
home, by a hash that all processes share, and has an advantage: so several processes agree. A pick is a wish, which
Envoy overrides if that server is not healthy; if none accepts connections, there is no pick.

An endpoint may be a name with several addresses, which come and go. What is known of the others stays then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

from extproc.config.endpoints import is_name
from extproc.exchange.endpoint_loads import (
    GONE_CHARS,
    NEVER_NS,
    RUNNING_CHARS,
    EndpointLoad,
    chars_of_others,
    extra_chars,
)

BLOCK_CHARS: Final = 1_024
BLOCKS_MAX: Final = 32
"""Blocks of one prompt that are compared: 32,768 characters."""
KNOWN_BLOCKS_MAX: Final = 65_536
"""Remembered in each of two generations, for one version: 64 MB of text, about 10 MB of memory."""
VERSIONS_MAX: Final = 256
LOADS_MAX: Final = 4_096
"""Endpoints whose own numbers are kept."""

HOME_SHARE: Final = 0.5
"""The advantage of the home, as a share of the prompt."""
_MIX: Final = 2_654_435_761
_MIX_MASK: Final = 0xFFFF_FFFF
"""Spreads the bits of a number of 32 bits."""
_PROMPT_CHARS: Final = 2_000
"""What a prompt leaves to compute, before any is known. [characters]"""
_PROMPTS_SHIFT: Final = 4
"""Then it is an average in which a prompt has a sixteenth."""


class EndpointPick:
    """One request at the endpoint that was picked, until it ends."""

    __slots__ = ("_chars", "_index", "_of", "endpoint")

    def __init__(self, of: _Endpoints, index: int, chars: int) -> None:
        self._of = of
        self._index = index
        self._chars = chars
        self.endpoint = of.names[index]

    def answer_begins(self) -> None:
        """Its prompt has been computed. May be called again."""
        self._of.costs[self._index] -= self._chars
        self._chars = 0

    def ends(self) -> None:
        """It computes no more. Called once."""
        self._of.costs[self._index] -= self._chars + RUNNING_CHARS
        self._of.running[self._index] -= 1
        self._chars = 0


class EndpointPicks:
    """The endpoints of all versions, as this process knows them."""

    def __init__(self) -> None:
        self._known: dict[str, _Endpoints] = {}
        self._loads: dict[str, EndpointLoad] = {}
        self._addresses: dict[str, tuple[str, ...]] = {}

    def pick(self, version: str, endpoints: tuple[str, ...], texts: Sequence[str], now_ns: int) -> EndpointPick | None:
        """Pick for a request, and count it there.

        Args:
            version: MODEL/VERSION.
            endpoints: HOST:PORT of each, as configured.
            texts: of the prompt, in order.
        Returns: None if none of them accepts connections, or is known by its address.
        """
        known = self._known.get(version)
        if known is None or (known.configured is not endpoints and known.configured != endpoints):
            if len(self._known) >= VERSIONS_MAX:
                self._known.clear()
            known = self._known[version] = self._renewed(endpoints, known)
        return known.pick(texts, now_ns)

    def resolve(self, name: str, addresses: tuple[str, ...]) -> None:
        """Take the addresses of an endpoint that is a name, IP:PORT of each."""
        if self._addresses.get(name) == addresses:
            return
        if len(self._addresses) >= LOADS_MAX:
            self._addresses.clear()
        self._addresses[name] = addresses
        for version, known in list(self._known.items()):
            if name in known.configured:
                self._known[version] = self._renewed(known.configured, known)

    def _renewed(self, configured: tuple[str, ...], before: _Endpoints | None) -> _Endpoints:
        """The endpoints of a version that is new, or has others now."""
        addresses: dict[str, None] = {}  # in order, each once
        for endpoint in configured:
            addresses.update(dict.fromkeys(self._addresses.get(endpoint, ()) if is_name(endpoint) else (endpoint,)))
        made = _Endpoints(configured, list(addresses), before)
        for address in addresses:
            if address in self._loads:
                made.take(address, self._loads[address])
        return made

    def report(self, endpoint: str, load: EndpointLoad) -> None:
        """Take what a server says, for all versions that it serves."""
        if len(self._loads) >= LOADS_MAX:
            self._loads.clear()
        self._loads[endpoint] = load
        for known in list(self._known.values()):  # a long message, in its thread, may add one
            known.take(endpoint, load)


def home_of(texts: Sequence[str], names: Iterable[tuple[int, int]]) -> int:
    """The home of a prompt by its first block: the same in every process, and wherever the names stand.

    If a name comes or goes, only its own prompts have another home.

    Args: names: a checksum of each, and its place.
    Returns: a place.
    """
    first = next(filter(None, texts), "")
    prompt = crc32(first[:BLOCK_CHARS].encode("utf-8", "replace"))
    return max([(((prompt ^ name) * _MIX) & _MIX_MASK, place) for name, place in names])[1]


def blocks_of(texts: Sequence[str]) -> tuple[list[int], list[int], int]:
    """Cut a prompt into blocks; each text begins a new one, as messages are repeated whole.

    Returns:
        Of its beginning a hash of each block and all before it. How long so many blocks are, from none to all of
        them. The length of the whole.
    """
    chains: list[int] = []
    ends = [0]
    chain = chars = 0
    for text in texts:
        length = len(text)
        if length <= BLOCK_CHARS:
            chars += length
            if len(chains) < BLOCKS_MAX:
                chain = hash((chain, text))
                chains.append(chain)
                ends.append(chars)
        else:
            for start in range(0, min(length, BLOCK_CHARS * (BLOCKS_MAX - len(chains))), BLOCK_CHARS):
                part = text[start : start + BLOCK_CHARS]
                chain = hash((chain, part))
                chains.append(chain)
                ends.append(chars + start + len(part))
            chars += length
    return chains, ends, chars


class _Endpoints:
    """The endpoints of one version. A set of endpoints is an integer with a bit for each.

    Long messages are processed in threads: nothing here needs more than one operation of the interpreter to be right.

    Args: before: the endpoints until now. Who is in both has the same place and has seen the same; what it runs is then
        told by the servers themselves.
    Attributes:
        configured: HOST:PORT of each, which may be names.
        names: IP:PORT by place; empty where nobody is.
        costs: of each endpoint, but for what it has seen of a prompt. [characters]
        running: this process's requests at each.
    """

    __slots__ = (
        "_all",
        "_checksums",
        "_extra",
        "_fresh_until_ns",
        "_loads",
        "_older",
        "_others",
        "_prompt_chars",
        "_recent",
        "_turn",
        "configured",
        "costs",
        "names",
        "running",
    )

    def __init__(self, configured: tuple[str, ...], addresses: Sequence[str], before: _Endpoints | None) -> None:
        self.configured = configured
        self.names: tuple[str, ...] = _placed(addresses, () if before is None else before.names)
        names = self.names
        self.costs = [0 if name else GONE_CHARS for name in names]
        self.running = [0] * len(names)
        self._checksums = [(crc32(name.encode()), place) for place, name in enumerate(names) if name]
        self._all = sum(1 << place for place, name in enumerate(names) if name)
        self._recent: dict[int, int] = {}  # the endpoints that have seen a block, by its chain
        self._older: dict[int, int] = {}
        if before is not None:
            self._recent, self._older = before._recent, before._older
        self._turn = 0
        self._prompt_chars = _PROMPT_CHARS
        self._loads: list[EndpointLoad | None] = [None] * len(names)
        self._others = [0] * len(names)
        self._extra = [0] * len(names)  # the part of ``costs`` that is not this process's load
        self._fresh_until_ns = NEVER_NS

    def pick(self, texts: Sequence[str], now_ns: int) -> EndpointPick | None:
        if now_ns >= self._fresh_until_ns:
            self._weigh(now_ns)
        chains, ends, chars = blocks_of(texts)
        recent = self._recent
        seen, known = self._seen_blocks(chains, recent)
        costs = self.costs
        if seen is not None:
            costs = [cost - ends[blocks] for cost, blocks in zip(costs, seen, strict=True)]
        elif not known and chains and self._checksums:
            costs = costs.copy()
            costs[home_of(texts, self._checksums)] -= int(chars * HOME_SHARE)
        least = min(costs)
        if least >= GONE_CHARS // 2:
            return None
        best = costs.index(least) if costs.count(least) == 1 else self._one_of(costs, least)
        seen_blocks = known if seen is None else seen[best]
        self._remember(chains, recent, best, seen_blocks, known)
        chars -= ends[seen_blocks]
        self._prompt_chars += (chars - self._prompt_chars) >> _PROMPTS_SHIFT
        self.costs[best] += chars + RUNNING_CHARS
        self.running[best] += 1
        return EndpointPick(self, best, chars)

    def take(self, endpoint: str, load: EndpointLoad) -> None:
        """Take what a server says, if it is one of these endpoints."""
        if endpoint in self.names:
            index = self.names.index(endpoint)
            self._loads[index] = load
            self._others[index] = chars_of_others(load, self.running[index], self._prompt_chars)
            self._weigh(load.at_ns)

    def _weigh(self, now_ns: int) -> None:
        """Apply what the endpoints say, as far as it is fresh."""
        extra, self._fresh_until_ns = extra_chars(self._loads, self._others, now_ns)
        for index, chars in enumerate(extra):
            self.costs[index] += chars - self._extra[index]
            self._extra[index] = chars

    def _one_of(self, costs: list[int], least: int) -> int:
        """An endpoint with the least cost; if there are several, they take turns."""
        self._turn += 1
        cheapest = [index for index, cost in enumerate(costs) if cost == least]
        return cheapest[self._turn % len(cheapest)]

    def _seen_blocks(self, chains: Sequence[int], recent: dict[int, int]) -> tuple[list[int] | None, int]:
        """How many blocks of the beginning of a prompt each endpoint has seen, and how many any of them has.

        The latter are all in ``recent`` then. None: all have seen as many.
        """
        seen: list[int] | None = None
        blocks, left, older = 0, self._all, self._older
        for chain in chains:
            has = recent.get(chain)
            if has is None:
                has = older.get(chain)
                if has is None:
                    break
                recent[chain] = has
            has &= left
            if has != left:
                if not has:
                    break
                seen = self._with(seen, left, blocks)
                left = has
            blocks += 1
        return None if seen is None else self._with(seen, left, blocks), blocks

    def _with(self, seen: list[int] | None, endpoints: int, blocks: int) -> list[int]:
        """Set the number of blocks of some endpoints; at first, of all."""
        if seen is None:
            return [blocks] * len(self.names)
        while endpoints:
            lowest = endpoints & -endpoints
            seen[lowest.bit_length() - 1] = blocks
            endpoints ^= lowest
        return seen

    def _remember(self, chains: Sequence[int], recent: dict[int, int], index: int, seen: int, known: int) -> None:
        """An endpoint gets a prompt, of which it has ``seen`` blocks, and any endpoint the ``known`` ones."""
        endpoint = 1 << index
        if seen < known:
            for chain in chains[seen:known]:
                recent[chain] |= endpoint
        if known < len(chains):
            for chain in chains[known:]:
                recent[chain] = endpoint
            if len(recent) > KNOWN_BLOCKS_MAX:
                self._older, self._recent = recent, {}


def _placed(addresses: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """The addresses, each at the place that it had; new ones at free places. At least one place."""
    placed = [name if name in addresses else "" for name in before]
    for address in addresses:
        if address not in placed:
            if "" in placed:
                placed[placed.index("")] = address
            else:
                placed.append(address)
    while placed and not placed[-1]:
        placed.pop()
    return tuple(placed) or ("",)
