"""The connection to the store of rate limits: one, with one batch on its way at a time.

What is asked while a batch is on its way goes with the next one, so a loaded processor makes few round trips, each with
many calls. A call never waits for a connection: while there is none, or a batch is late, ``is_there`` is false, and
the caller decides without the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from extproc.rate_limits.scripts import RENEW, RESERVE, SETTLE

CALLS_MAX: Final = 512
"""In one batch."""
WAITING_MAX: Final = 20_000
"""Settlements that wait for the store; further ones are dropped: those reservations end by themselves."""
BATCH_S_MAX: Final = 1.0
"""How long a batch may take until the connection is given up. [s]"""
CONNECT_S_MAX: Final = 1.0
AGAIN_S_MIN, AGAIN_S_MAX = 0.05, 1.0
TELL_S_MAX: Final = 0.02
"""How long a settlement waits for a question to go with. [s]"""
IDLE_S_MAX: Final = 1.0
"""How long nothing is sent, until it is seen whether the store is there. [s]"""


class StoreEvents(Protocol):
    """Hears what happens to the store."""

    def store_lost(self, reason: str) -> None:
        """It does not answer; reason is one word."""
        ...

    def store_found(self) -> None:
        """It answers again."""
        ...

    def store_took(self, seconds: float) -> None:
        """A batch has taken so long."""
        ...

    def store_error(self, reason: str) -> None:
        """A call has failed; reason is one word."""
        ...


class Call:
    """One call of a script. ``answer``: what it has returned; None for one that nobody waits for."""

    __slots__ = ("answer", "arguments", "keys", "script")

    def __init__(
        self,
        script: str,
        keys: Sequence[str],
        arguments: Sequence[str | int],
        answer: asyncio.Future[Any] | None = None,
    ) -> None:
        self.script = script
        self.keys = keys
        self.arguments = arguments
        self.answer = answer


class StoreLost(Exception):
    """The store does not answer; the message is one word."""


def place_of(url: str) -> str:
    """Where a store is, without its password: for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


class StoreConnection:
    """Keeps a connection until it is closed.

    Args: late_s: how long a batch may take until the store counts as gone for new calls. [s]
    """

    def __init__(self, url: str, late_s: float, events: StoreEvents) -> None:
        self.url = url
        self.late_s = late_s
        self._events = events
        self._asked: deque[Call] = deque()
        self._told: deque[Call] = deque()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_connected = False
        self._since_s: float | None = None  # when the batch left that is on its way
        self._is_told_lost = False
        self._shas: dict[str, str] = {}
        self._task = self._loop.create_task(self._run())

    @property
    def is_connected(self) -> bool:
        """Whether what is told now is likely to arrive, if late."""
        return self._is_connected

    @property
    def is_there(self) -> bool:
        """Whether a call is likely to be answered in time."""
        return self._is_connected and (self._since_s is None or time.monotonic() - self._since_s < self.late_s)

    def ask(self, keys: Sequence[str], arguments: Sequence[str | int]) -> asyncio.Future[Any]:
        """Reserve. Returns: what the script returns, or ``StoreLost``."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.append(Call(RESERVE, keys, arguments, answer))
        self._wake.set()
        return answer

    def tell(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> bool:
        """Run a script later; from any thread. Returns: False if too many wait, and this one was dropped."""
        if len(self._told) >= WAITING_MAX:
            return False
        self._told.append(Call(script, keys, arguments))
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:  # the loop is closed: the process ends
            return False
        return True

    async def close(self, wait_s: float = 0.0) -> None:
        """Send what waits, for a while, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while self._is_connected and (self._told or self._asked):
                    await asyncio.sleep(self.late_s)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    # --- the connection --------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        again_s = AGAIN_S_MIN
        while True:
            client = _client(self.url)
            try:
                await self._connect(client)
                again_s = AGAIN_S_MIN
                await self._serve(client)
            except (RedisError, OSError, TimeoutError, ValueError) as error:
                self._lose(error)
            finally:
                self._is_connected, self._since_s = False, None
                self._fail_asked()
                await _closed(client)
            await asyncio.sleep(again_s)
            again_s = min(2 * again_s, AGAIN_S_MAX)

    async def _connect(self, client: Redis) -> None:
        async with asyncio.timeout(CONNECT_S_MAX):
            await self._load(client)
        self._is_connected = True
        self._is_told_lost = False
        self._events.store_found()

    async def _load(self, client: Redis) -> None:
        for script in (RESERVE, SETTLE, RENEW):
            self._shas[script] = str(await client.script_load(script))

    async def _serve(self, client: Redis) -> None:
        while True:
            await self._wait()
            self._since_s = time.monotonic()
            async with asyncio.timeout(BATCH_S_MAX):
                await self._send(client, self._batch())
            self._events.store_took(time.monotonic() - self._since_s)
            self._since_s = None

    async def _wait(self) -> None:
        """Until there is a question; what is told goes with it, or alone after a moment."""
        wait_s = TELL_S_MAX if self._told else IDLE_S_MAX
        while not self._asked:
            self._wake.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                return
            if self._told and wait_s == IDLE_S_MAX:
                wait_s = TELL_S_MAX

    def _batch(self) -> list[Call]:
        batch: list[Call] = []
        for waiting in (self._asked, self._told):
            while waiting and len(batch) < CALLS_MAX:
                batch.append(waiting.popleft())
        return batch

    async def _send(self, client: Redis, batch: Sequence[Call]) -> None:
        """One round trip; a second one where the store has lost its scripts."""
        if not batch:
            await client.ping()
            return
        try:
            answers = await self._answers(client, batch)
            unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if unknown:
                await self._load(client)
                for number, answer in zip(
                    unknown, await self._answers(client, [batch[number] for number in unknown]), strict=True
                ):
                    answers[number] = answer
        except BaseException:
            for call in batch:
                _fail(call, "lost")
            raise
        for call, answer in zip(batch, answers, strict=True):
            self._take(call, answer)

    async def _answers(self, client: Redis, batch: Sequence[Call]) -> list[Any]:
        pipeline: Pipeline = client.pipeline(transaction=False)
        for call in batch:
            pipeline.evalsha(self._shas[call.script], len(call.keys), *call.keys, *call.arguments)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        return answers

    def _take(self, call: Call, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._events.store_error("refused")  # read-only, out of memory, loading, or no rights
            _fail(call, "refused")
        elif call.answer is not None and not call.answer.done():
            call.answer.set_result(answer)

    def _fail_asked(self) -> None:
        while self._asked:
            _fail(self._asked.popleft(), "lost")

    def _lose(self, error: Exception) -> None:
        if not self._is_told_lost:
            self._is_told_lost = True
            self._events.store_lost(type(error).__name__)


def _client(url: str) -> Redis:
    return Redis.from_url(
        url,
        single_connection_client=True,
        socket_connect_timeout=CONNECT_S_MAX,
        retry=Retry(NoBackoff(), 0),
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


async def _closed(client: Redis) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_S_MAX):
            await client.aclose()


def _fail(call: Call, reason: str) -> None:
    if call.answer is not None and not call.answer.done():
        call.answer.set_exception(StoreLost(reason))
