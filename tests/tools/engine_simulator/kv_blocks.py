"""Blocks of a KV cache: those of a sequence, and prefixes that several sequences share.

Blocks that nobody uses keep what they hold until they are taken, the oldest first and a sequence from its end, as in
vLLM. So a prefix may be found again, and what a preempted sequence had computed as well. Unlike in vLLM a block of a
prefix counts as soon as it is begun.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Prefix:
    """Blocks with the same tokens of several prompts, or of one sequence that has ended or was preempted."""

    __slots__ = ("blocks", "users")

    def __init__(self, blocks: int = 0) -> None:
        self.blocks = blocks
        self.users = 0


class Held:
    """What one sequence holds.

    Attributes:
        prefixes: in order, with how many blocks of its prompt each may have.
        own: blocks besides. capacity: tokens that all of them have room for; 0: it holds nothing.
        kept: what it had of its own before it was preempted, as far as it was not taken.
    """

    __slots__ = ("capacity", "kept", "own", "prefixes")

    def __init__(self, prefixes: list[tuple[Prefix, int]]) -> None:
        self.prefixes = prefixes
        self.own = 0
        self.capacity = 0
        self.kept = Prefix()


class KvBlocks:
    """All blocks of an engine.

    Attributes:
        free: blocks that nobody uses.
        is_caching: whether what a preempted sequence had computed is found again.
    """

    def __init__(self, blocks: int, block_tokens: int, is_caching: bool = True) -> None:
        self.block_tokens = block_tokens
        self.is_caching = is_caching
        self.free = blocks
        self._unused: OrderedDict[Prefix, None] = OrderedDict({Prefix(blocks): None})
        self._prefixes: dict[Hashable, Prefix] = {}

    def prefix(self, name: Hashable) -> Prefix:
        """The prefix of a name."""
        return self._prefixes.setdefault(name, Prefix())

    def cached(self, held: Held) -> int:
        """Tokens at the beginning of a sequence that need not be computed."""
        blocks = 0
        for prefix, most in held.prefixes:
            blocks += min(prefix.blocks, most)
            if prefix.blocks < most:
                return blocks * self.block_tokens
        return (blocks + held.kept.blocks) * self.block_tokens

    def hold(self, held: Held, tokens: int, must_fit: int = 0) -> bool:
        """Room for so many tokens of a sequence in all.

        Args: must_fit: tokens that must have room by now, though it is not taken yet.
        Returns: whether there was; if not, nothing has changed.
        """
        if tokens <= held.capacity:
            return True
        begins, unused = not held.capacity, 0
        if begins:
            unused = held.kept.blocks + sum(one.blocks for one, _ in held.prefixes if not one.users)
        if self._new(held, max(tokens, must_fit)) > self.free - unused:
            return False
        new = self._new(held, tokens)
        if begins:
            self._begin(held)
        self._take(new)
        rest = -(-tokens // self.block_tokens)
        held.capacity = rest * self.block_tokens
        for prefix, most in held.prefixes:
            prefix.blocks = max(prefix.blocks, min(rest, most))
            rest -= min(rest, most)
        held.own = max(held.own, rest)
        return True

    def release(self, held: Held, computed: int = 0) -> None:
        """All that a sequence holds.

        Args: computed: tokens of it; of a sequence that will go on.
        """
        if not held.capacity:
            return
        shared = sum(most for _, most in held.prefixes)
        kept = min(max(computed // self.block_tokens - shared, 0), held.own) if self.is_caching else 0
        self._put(Prefix(held.own - kept))
        held.kept = Prefix(kept)
        self._put(held.kept)
        for prefix, _ in reversed(held.prefixes):
            prefix.users -= 1
            if not prefix.users:
                self._put(prefix)
        held.own = held.capacity = 0

    def _new(self, held: Held, tokens: int) -> int:
        """Blocks that it has not, and that are not cached."""
        rest = -(-tokens // self.block_tokens)
        new = 0
        for prefix, most in held.prefixes:
            new += max(min(rest, most) - prefix.blocks, 0)
            rest -= min(rest, most)
        return new + max(rest - held.own - (0 if held.capacity else held.kept.blocks), 0)

    def _begin(self, held: Held) -> None:
        for prefix, _ in held.prefixes:
            if not prefix.users:
                self._pull(prefix)
            prefix.users += 1
        self._pull(held.kept)
        held.own = held.kept.blocks
        held.kept = Prefix()

    def _put(self, unused: Prefix) -> None:
        if unused.blocks:
            self._unused[unused] = None
            self.free += unused.blocks

    def _pull(self, used: Prefix) -> None:
        if used in self._unused:
            del self._unused[used]
            self.free -= used.blocks

    def _take(self, blocks: int) -> None:
        self.free -= blocks
        while blocks:
            oldest = next(iter(self._unused))
            taken = min(oldest.blocks, blocks)
            oldest.blocks -= taken
            blocks -= taken
            if not oldest.blocks:
                del self._unused[oldest]
