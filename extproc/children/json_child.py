"""A child process that is spoken to in JSON: a line is a question, a report or an answer.

The interpreter starts it afresh (no fork), in a session of its own: a terminal's signals are for its parent. It is to
end when its input closes, so that it cannot outlive its parent. What an event loop raises where a child has died
differs; here it is one exception.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

LINE_BYTES_MAX: Final = 16_777_216
"""Of an answer, by default."""
_PIPE_CLOSED = (OSError, RuntimeError)  # the latter by uvloop


class ChildDied(Exception):
    """It has ended, or is killed since its line is too long."""


class JsonChild:
    """One child. Its owner asks one thing after another."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        self._process, self._input, self._output = process, process.stdin, process.stdout

    @classmethod
    async def start(
        cls, command: Sequence[str], *, line_bytes_max: int = LINE_BYTES_MAX, shows_errors: bool = False
    ) -> JsonChild:
        """Start one.

        Args: shows_errors: let its standard error be ours; where libraries may quote texts, it must not.
        Raises: OSError.
        """
        return cls(
            await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=None if shows_errors else asyncio.subprocess.DEVNULL,
                limit=line_bytes_max,
                start_new_session=True,
            )
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send a line, without waiting. Raises: ChildDied."""
        try:
            self._input.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        except _PIPE_CLOSED as error:
            raise ChildDied from error

    async def hear(self) -> dict[str, Any]:
        """Wait for a line. Raises: ChildDied."""
        try:
            line = await self._output.readline()
        except _PIPE_CLOSED as error:
            raise ChildDied from error
        except ValueError as error:  # longer than ``line_bytes_max``: what follows cannot be told apart
            self.kill()
            await self._output.read()  # asyncio knows of no end before that of the output
            raise ChildDied from error
        if not line.endswith(b"\n"):
            raise ChildDied
        message: dict[str, Any] = orjson.loads(line)
        return message

    async def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Send a line, and wait for the answer. Raises: ChildDied."""
        self.tell(question)
        try:
            await self._input.drain()
        except _PIPE_CLOSED as error:
            raise ChildDied from error
        return await self.hear()

    def close_input(self) -> None:
        """Tell it to end."""
        self._input.close()

    def kill(self) -> None:
        """Kill it, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait for its end. Returns: its exit code."""
        return await self._process.wait()
