"""Marks that a process has accepted: each vouches once, as a copy of it would get an unguarded answer.

Only good marks are kept, so nobody without a key can fill the memory.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

MARKS_MAX: Final = 65_536
_KEPT_CHARS: Final = 32  # of the signature


class UsedMarks:
    """The accepted marks of the last minutes, some 150 bytes each.

    Args:
        lock: held for each look, where several threads have long messages.
        marks_max: above it the oldest is forgotten.
    """

    def __init__(self, lock: AbstractContextManager[Any] | None = None, marks_max: int = MARKS_MAX) -> None:
        self._lock = nullcontext() if lock is None else lock
        self._marks_max = marks_max
        self._until_ns: OrderedDict[str, int] = OrderedDict()

    def take(self, mark: str, keep_ns: int, now_ns: int) -> bool:
        """Accept a mark, unless it was accepted before. Returns: whether it is accepted.

        Args: keep_ns: how long it could be sent again. [ns]
        """
        kept, signature = self._until_ns, mark[-_KEPT_CHARS:]
        with self._lock:
            if kept.get(signature, 0) > now_ns:
                return False
            kept[signature] = now_ns + keep_ns
            kept.move_to_end(signature)
            while len(kept) > self._marks_max or next(iter(kept.values())) <= now_ns:
                kept.popitem(last=False)
            return True

    def __len__(self) -> int:
        """The number of marks that are kept."""
        return len(self._until_ns)
