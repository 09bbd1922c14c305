"""The process that counts, as the one that serves sees it: asked line by line, and started again when it has died."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from extproc.children.json_child import ChildDied, JsonChild

COMMAND: Final = (sys.executable, "-m", "extproc.token_counting.worker")
LOAD_S_MAX: Final = 60.0
COUNT_S_MAX: Final = 10.0
_RETRY_S_MAX: Final = 60.0
_END_S_MAX: Final = 1.0


class CountingFailed(Exception):
    """Tokens were not counted; the message never quotes a text."""


class CountingProcess:
    """One process at a time, started on demand. Its owner asks one thing after another.

    Args:
        command: that starts it.
        count_s_max: how long it may take to count one exchange; then it is killed. [s]
    """

    def __init__(self, command: Sequence[str] = COMMAND, count_s_max: float = COUNT_S_MAX) -> None:
        self._command = command
        self._count_s_max = count_s_max
        self._process: JsonChild | None = None
        self._loaded: dict[str, str] = {}  # fingerprints, by file
        self._failed = 0  # starts and answers since the last good answer
        self._retry_s = 0.0  # event loop time before which it is not started again

    async def load(self, tokenizers: Mapping[str, str]) -> None:
        """Have these tokenizers loaded and no others. Args: tokenizers: SHA-256 of each, by file. Raises:
        CountingFailed: those after it are not loaded.
        """
        if not tokenizers:
            await self.close()
            return
        await self._start()
        for file in [file for file in self._loaded if file not in tokenizers]:
            await self._ask({"forget": file}, LOAD_S_MAX)
            del self._loaded[file]
        for file, sha256 in tokenizers.items():
            if self._loaded.get(file) != sha256:
                await self._ask({"load": file, "sha256": sha256}, LOAD_S_MAX)
                self._loaded[file] = sha256

    async def count(self, file: str, texts: Sequence[Sequence[str]]) -> list[int]:
        """The tokens of each list of texts. Raises: CountingFailed."""
        counted: list[int] = (await self._ask({"count": file, "texts": texts}, self._count_s_max))["tokens"]
        self._failed = 0
        return counted

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        self._loaded = {}
        if process is not None:
            process.kill()  # it keeps nothing
            with contextlib.suppress(TimeoutError):  # records wait for the next answer, so this must not hang
                async with asyncio.timeout(_END_S_MAX):
                    await process.wait()

    async def _start(self) -> None:
        if self._process is not None:
            return
        now_s = asyncio.get_running_loop().time()
        if now_s < self._retry_s:
            raise CountingFailed("the process is not started yet again")
        self._failed += 1
        self._retry_s = now_s + min(2.0**self._failed / 4, _RETRY_S_MAX)
        try:
            self._process = await JsonChild.start(self._command)
        except OSError as error:
            raise CountingFailed((error.strerror or "the process cannot be started").lower()) from None

    async def _ask(self, question: Mapping[str, Any], within_s: float) -> dict[str, Any]:
        process = self._process
        if process is None:
            raise CountingFailed("the process does not run")
        try:
            async with asyncio.timeout(within_s):
                answer = await process.ask(question)
        except (ChildDied, TimeoutError):
            await self.close()
            raise CountingFailed("the process died, or did not answer in time") from None
        except asyncio.CancelledError:
            await self.close()  # its answer would be taken for that of the next question
            raise
        if "error" in answer:
            raise CountingFailed(str(answer["error"]))
        return answer
