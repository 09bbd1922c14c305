"""Which of a version's servers gets a request: the one that is likely to send its first token first.

vLLM keeps the computed beginnings of prompts (prefix caching), so a conversation is answered soonest where its earlier
turns, or others with its system prompt, were answered. But a server that has much to compute is slow whatever it keeps.
Both are the same quantity: text that is still to be computed before the first token. So the cost of an endpoint is

- the text that it was given and has not begun to answer,
- the part of this prompt that it has not seen,
- a share for each of its running answers, as each slows every step of the server.

The endpoint with the least cost is picked. Where no endpoint has seen the beginning of a prompt, one of them is its
home, by a hash that all processes share, and has an advantage: so several processes agree. What is known is what this
process sent; a pick is a wish, which Envoy overrides if that server is not healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zlib import crc32

BLOCK_CHARS = 1_024
BLOCKS_MAX = 32
"""Blocks of one prompt that are compared: 32,768 characters."""
KNOWN_BLOCKS_MAX = 65_536
"""Remembered in each of two generations, for one version: 64 MB of text, about 10 MB of memory."""
VERSIONS_MAX = 256

RUNNING_CHARS = 160
"""The share of a running answer. [characters]"""
HOME_SHARE = 0.5
"""The advantage of the home, as a share of the prompt."""


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
        self._of.waiting_chars[self._index] -= self._chars
        self._chars = 0

    def ends(self) -> None:
        """It computes no more. Called once."""
        self.answer_begins()
        self._of.running[self._index] -= 1


class EndpointPicks:
    """The endpoints of all versions, as this process knows them."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], _Endpoints] = {}

    def pick(self, version: str, endpoints: tuple[str, ...], texts: Iterable[str]) -> EndpointPick:
        """Pick for a request, and count it there.

        Args:
            version: MODEL/VERSION.
            endpoints: IP:PORT of each.
            texts: of the prompt, in order.
        """
        known = self._known.get((version, endpoints))
        if known is None:
            if len(self._known) >= VERSIONS_MAX:
                self._known.clear()
            known = self._known[version, endpoints] = _Endpoints(endpoints)
        return known.pick(blocks_of(texts))


class PromptBlocks(NamedTuple):
    """A prompt.

    Attributes:
        blocks: its beginning: a hash of each block and all before it, and the length of the block. [characters]
        chars: length of the whole.
        home: a number from its first block, the same in every process.
    """

    blocks: Sequence[tuple[int, int]]
    chars: int
    home: int


def blocks_of(texts: Iterable[str]) -> PromptBlocks:
    """Cut a prompt into blocks; each text begins a new one, as messages are repeated whole."""
    blocks: list[tuple[int, int]] = []
    chain = chars = 0
    first = ""
    for text in texts:
        length = len(text)
        chars += length
        if len(blocks) >= BLOCKS_MAX:
            continue
        first = first or text
        if length <= BLOCK_CHARS:
            chain = hash((chain, text))
            blocks.append((chain, length))
        else:
            for start in range(0, min(length, BLOCK_CHARS * (BLOCKS_MAX - len(blocks))), BLOCK_CHARS):
                part = text[start : start + BLOCK_CHARS]
                chain = hash((chain, part))
                blocks.append((chain, len(part)))
    return PromptBlocks(blocks, chars, crc32(first[:BLOCK_CHARS].encode("utf-8", "replace")))


class _Endpoints:
    """The endpoints of one version. A set of endpoints is an integer with a bit for each.

    Long messages are processed in threads: nothing here needs more than one operation of the interpreter to be right.
    """

    __slots__ = ("_older", "_recent", "_turn", "names", "running", "waiting_chars")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.waiting_chars = [0] * len(names)
        self.running = [0] * len(names)
        self._recent: dict[int, int] = {}  # the endpoints that have seen a block, by its chain
        self._older: dict[int, int] = {}
        self._turn = 0

    def pick(self, prompt: PromptBlocks) -> EndpointPick:
        seen_chars = self._seen_chars(prompt)
        costs = [
            waiting - seen + running * RUNNING_CHARS
            for waiting, seen, running in zip(self.waiting_chars, seen_chars, self.running, strict=True)
        ]
        if prompt.blocks and not any(seen_chars):
            costs[prompt.home % len(costs)] -= int(prompt.chars * HOME_SHARE)
        best = self._one_of(costs, min(costs))
        self._remember(prompt, 1 << best)
        chars = prompt.chars - seen_chars[best]
        self.waiting_chars[best] += chars
        self.running[best] += 1
        return EndpointPick(self, best, chars)

    def _one_of(self, costs: list[int], least: int) -> int:
        """An endpoint with the least cost; if there are several, they take turns."""
        if costs.count(least) == 1:
            return costs.index(least)
        self._turn += 1
        cheapest = [index for index, cost in enumerate(costs) if cost == least]
        return cheapest[self._turn % len(cheapest)]

    def _seen_chars(self, prompt: PromptBlocks) -> list[int]:
        """How much of the beginning of a prompt each endpoint has seen."""
        seen = [0] * len(self.names)
        left = (1 << len(seen)) - 1  # all of them
        recent, older, chars = self._recent, self._older, 0
        for chain, block_chars in prompt.blocks:
            has = left & (recent.get(chain, 0) | older.get(chain, 0))
            if has != left:
                _set_all(seen, left ^ has, chars)
                left = has
                if not left:
                    return seen
            chars += block_chars
        _set_all(seen, left, chars)
        return seen

    def _remember(self, prompt: PromptBlocks, endpoint: int) -> None:
        recent, older = self._recent, self._older
        for chain, _ in prompt.blocks:
            has = recent.get(chain, 0)
            if not has & endpoint:
                recent[chain] = has | older.get(chain, 0) | endpoint
        if len(recent) > KNOWN_BLOCKS_MAX:
            self._older, self._recent = recent, {}


def _set_all(values: list[int], places: int, value: int) -> None:
    """Set the values at the places whose bits are set."""
    while places:
        lowest = places & -places
        values[lowest.bit_length() - 1] = value
        places ^= lowest
