"""The composition root: the only file that builds everything and knows every part."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extproc.config.document import Document
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.address import AddressTaken, reason_of, split
from extproc.server.config_files import ConfigFiles, ConfigReader
from extproc.server.fast import FastServer
from extproc.server.grpc_aio import GrpcAioServer
from extproc.server.health import Health
from extproc.server.json_log import open_log, take_over_libraries
from extproc.server.pages import Pages
from extproc.server.processor import Processor, Sink
from extproc.server.reload import Reloader, message_bytes_max
from extproc.sinks.exchange_log import ExchangeLog
from extproc.sinks.metrics import Metrics

LOOP_TURN_S_MAX = 5.0


def serve(file: Path) -> None:
    """Run until SIGTERM or SIGINT, then drain; a second signal ends the draining.

    Raises: ConfigInvalid, AddressTaken.
    """
    reader = ConfigReader(file)
    files = reader.read()
    logger = open_log(files.loaded.document.log, sys.stdout)
    take_over_libraries(logger)
    with asyncio.Runner(loop_factory=loop_factory(files.loaded.document.server.transport)) as runner:
        runner.run(_serve(reader, files, logger))


def loop_factory(transport: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed and the transport is ours; else the standard one."""
    if transport == "fast" and importlib.util.find_spec("uvloop") is not None:
        factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module("uvloop").new_event_loop
        return factory
    return None


async def _serve(reader: ConfigReader, files: ConfigFiles, logger: Any) -> None:
    signals = _Signals()
    document = files.loaded.document
    for warning in files.loaded.warnings:
        logger.warning("configuration", problem=str(warning))
    metrics = Metrics(document.identity.label_values_max)
    health = Health()
    sinks: list[Sink] = [metrics, *([ExchangeLog(logger)] if document.log.exchanges else [])]
    processor = Processor(compile_snapshot(document, files.prompts), sinks, metrics.step, logger)
    metrics.inflight.set_function(lambda: processor.inflight)
    metrics.reloaded("ok")
    metrics.revision(processor.snapshot.revision)
    health.revision = processor.snapshot.revision
    pages = _open_pages(document, metrics, health)
    try:
        transport = FastServer if document.server.transport == "fast" else GrpcAioServer
        server = transport(processor, health, document.server.listen, message_bytes_max(document.limits))
        await server.start()
        reloader = asyncio.create_task(Reloader(reader, document, processor, health, metrics, logger).run())
        health.set_ready(True)
        logger.info("serving", listen=document.server.listen, metrics=document.server.metrics, revision=health.revision)
        await signals.first.wait()
        health.drain()
        reloader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reloader
        logger.info("draining", exchanges=processor.inflight)
        cancelled = await server.stop(document.server.drain_ms_max / 1_000, signals.second)
        logger.info("stopped", exchanges_cancelled=cancelled)
    finally:
        pages.close()


@dataclass(slots=True)
class _Signals:
    """SIGTERM and SIGINT: the first asks for an end, the second for an end at once."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._came)

    def _came(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


def _open_pages(document: Document, metrics: Metrics, health: Health) -> Pages:
    host, port = split(document.server.metrics)
    try:
        return Pages(host, port, metrics.registry, health, _turns(asyncio.get_running_loop()))
    except OSError as error:
        raise AddressTaken("server.metrics", document.server.metrics, reason_of(error)) from error


def _turns(loop: asyncio.AbstractEventLoop) -> Callable[[], bool]:
    """Asks from a thread whether the event loop still turns."""

    def turns() -> bool:
        turned = threading.Event()
        loop.call_soon_threadsafe(turned.set)
        return turned.wait(LOOP_TURN_S_MAX)

    return turns
