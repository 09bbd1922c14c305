"""A child of an event loop that starts its children in C, where ``subprocess`` is not asked: uvloop's."""

from __future__ import annotations

import asyncio
import os
import subprocess
from asyncio.streams import FlowControlMixin
from collections.abc import Callable
from typing import Any, Final

_OF_ASYNCIO: Final = "asyncio."
"""How the modules of loops begin that ask ``subprocess``."""
_as_ever: Any = asyncio.create_subprocess_exec


class _Child:
    """What our code uses of ``asyncio.subprocess.Process``."""

    def __init__(
        self, popen: subprocess.Popen[bytes], stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader
    ) -> None:
        self.stdin, self.stdout, self.pid = stdin, stdout, popen.pid
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self._pidfd, self._has_ended)

    def _has_ended(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._ended.set_result(self._popen.wait())

    def kill(self) -> None:
        """Kill it, if it still runs."""
        self._popen.kill()

    async def wait(self) -> int:
        """Wait for its end. Returns: its exit code."""
        return await asyncio.shield(self._ended)


async def _started(*command: Any, limit: int, **options: Any) -> _Child:
    """Args: as ours are: both pipes, perhaps a session."""
    popen = subprocess.Popen(command, bufsize=0, **options)
    assert popen.stdin is not None
    loop, stdout = asyncio.get_running_loop(), asyncio.StreamReader(limit=limit)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), popen.stdout)
    transport, protocol = await loop.connect_write_pipe(FlowControlMixin, popen.stdin)
    return _Child(popen, asyncio.StreamWriter(transport, protocol, None, loop), stdout)


def install(is_forked: Callable[[Any], bool]) -> None:
    """From now on. Args: is_forked: whether a command is."""

    async def create(*command: Any, **options: Any) -> Any:
        asks = type(asyncio.get_running_loop()).__module__.startswith(_OF_ASYNCIO)
        return await (_as_ever if asks or not is_forked(command) else _started)(*command, **options)

    asyncio.create_subprocess_exec = create


def uninstall() -> None:
    """As ever again."""
    asyncio.create_subprocess_exec = _as_ever
