"""Runners of a pool: a process with a model, or a connection to a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from extproc.classifiers.scores import Scores


class ClassifierFailed(Exception):
    """Texts were not classified; the message is the reason in one word, and never quotes a text."""


class UnusableRunner:
    """Placeholder for a runner that cannot be created, so that its texts fail and are counted, instead of the reload
    failing.
    """

    grace_s = 0.0

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def prepare(self) -> None:
        """Never ready."""

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """Raise the reason."""
        raise ClassifierFailed(self._reason)

    async def reset(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


class Runner(Protocol):
    """Runs one task at a time."""

    grace_s: float
    """How long a task may exceed its deadline before the runner is reset. [s]"""

    async def prepare(self) -> None:
        """Do as much as possible in advance. Never raises except when cancelled."""
        ...

    async def judge(self, texts: Sequence[str], context: str = "") -> list[Scores]:
        """The scores of each text, with or without a context. May be cancelled. Raises: ClassifierFailed."""
        ...

    async def reset(self) -> None:
        """Make sure that a cancelled task does not disturb the next one."""
        ...

    async def close(self) -> None:
        """Shut down."""
        ...
