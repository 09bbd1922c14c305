"""A model server whose metrics page a test writes."""

from __future__ import annotations

from contextlib import ExitStack

from extproc.demo.model_server import ModelServer
from extproc.demo.scripted import Scripted
from extproc.demo.seen import Request

_PLAIN = (("content-type", "text/plain"),)


def vllm_page(written: int = 0, start_s: float = 1_000.0, ready_s: float = 1_020.0, running: int = 0) -> bytes:
    """A page of one engine."""
    lines = [
        f"process_start_time_seconds {start_s}",
        *(f'vllm:num_requests_{kind}{{engine="0"}} {running}' for kind in ("running", "waiting")),
        f'vllm:generation_tokens_total{{engine="0"}} {written}',
        f'vllm:generation_tokens_created{{engine="0"}} {ready_s}',
    ]
    return "\n".join([*lines, ""]).encode()


class PageServer:
    """It runs until ``close``. ``answer``: what it says."""

    def __init__(self) -> None:
        self.answer = Scripted(headers=_PLAIN, chunks=[vllm_page()])
        self.model_server = ModelServer("v1", respond=self._respond)
        self._running = ExitStack()
        self._running.enter_context(self.model_server)

    @property
    def endpoint(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.model_server.port}"

    @property
    def asked(self) -> int:
        """How often, so far."""
        return len(list(self.model_server.seen))

    @property
    def taken(self) -> int:
        """How many answers have surely arrived: who asks again has the one before. For one that is asked by one."""
        return max(self.asked - 1, 0)

    def says(self, page: bytes) -> None:
        """From now on."""
        self.answer = Scripted(headers=_PLAIN, chunks=[page])

    def close(self) -> None:
        """End it."""
        self._running.close()

    def _respond(self, request: Request) -> Scripted:
        assert (request.method, request.path) == ("GET", "/metrics")
        return self.answer
