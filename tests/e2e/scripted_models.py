"""Model servers of a stack whose next answers a test writes itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from extproc.demo.catalog import Write
from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Gate, Scripted
from extproc.demo.seen import Request, Seen

Wanted = Scripted | str | Callable[[Request], Scripted | str | None] | None


@dataclass(frozen=True, slots=True)
class Silent(Scripted):
    """An answer whose head comes only after ``gate`` is opened."""

    gate: Gate | None = None

    async def writes(self) -> AsyncGenerator[Write, None]:
        """Nothing until then."""
        if self.gate is not None:
            await self.gate.passed()
        async for write in Scripted.writes(self):
            yield write


@dataclass(frozen=True, slots=True)
class Reset(Scripted):
    """The connection is closed in place of an answer."""

    async def writes(self) -> AsyncGenerator[Write, None]:
        """Nothing."""
        return
        yield

    @property
    def closes(self) -> bool:
        """At once."""
        return True


class ScriptedModels:
    """The servers of both versions; ``answer`` is what they give next, None leaves it to the recordings."""

    def __init__(self) -> None:
        self.answer: Wanted = None
        self.servers = {name: ModelServer(name, respond=self._respond, speed=0) for name in ("v1", "v2")}

    def reset(self) -> None:
        """Forget what was seen and what was to be answered."""
        self.answer = None
        for server in self.servers.values():
            server.seen.clear()

    @property
    def seen(self) -> list[Seen]:
        """What either has seen, oldest first."""
        return sorted((seen for server in self.servers.values() for seen in server.seen), key=lambda seen: seen.at)

    @property
    def only(self) -> Seen:
        """The one exchange that came."""
        (seen,) = self.seen
        return seen

    def _respond(self, request: Request) -> Scripted | str | None:
        return self.answer(request) if callable(self.answer) else self.answer
