"""What a pool has its texts judged by: a process with a model in it, or a connection to a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from extproc.classifiers.scores import Scores


class ClassifierFailed(Exception):
    """The texts were not judged; the message is why, in a word, and never quotes a text."""


class UnusableRunner:
    """Stands in the place of one that cannot be made, so that texts fail and are counted rather than a reload."""

    grace_s = 0.0

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def prepare(self) -> None:
        """It never is."""

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """Say why not."""
        raise ClassifierFailed(self._reason)

    async def reset(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


class Runner(Protocol):
    """Judges one task at a time."""

    grace_s: float
    """How long one that missed its deadline may go on before it is given up. [s]"""

    async def prepare(self) -> None:
        """Get ready, as far as it can be done ahead. Never raises but when cancelled."""
        ...

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text, against a context if there is one. May be cancelled. Raises: ClassifierFailed."""
        ...

    async def reset(self) -> None:
        """What was cancelled must not disturb what comes next."""
        ...

    async def close(self) -> None:
        """End for good."""
        ...
