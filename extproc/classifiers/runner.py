"""What a pool has its texts judged by: a process with a model in it, or a connection to a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from extproc.classifiers.scores import Scores


class ClassifierFailed(Exception):
    """The texts were not judged; the message is why, in a word, and never quotes a text."""


class Runner(Protocol):
    """Judges one task at a time."""

    grace_s: float
    """How long one that missed its deadline may go on before it is given up. [s]"""

    async def prepare(self) -> None:
        """Get ready, as far as it can be done ahead. Never raises but when cancelled."""
        ...

    async def judge(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of each text. May be cancelled. Raises: ClassifierFailed."""
        ...

    async def reset(self) -> None:
        """What was cancelled must not disturb what comes next."""
        ...

    async def close(self) -> None:
        """End for good."""
        ...
