"""The composition root: the only file that builds everything and knows every part."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any

import structlog

from extproc.config.document import Document
from extproc.config.document import Log as LogSection
from extproc.exchange.snapshot import compile_snapshot
from extproc.server.config_files import ConfigFiles, read_config
from extproc.server.grpc_aio import GrpcAioServer
from extproc.server.health import Health
from extproc.server.pages import Pages
from extproc.server.processor import Processor, Sink
from extproc.server.reload import Reloader
from extproc.sinks.exchange_log import ExchangeLog
from extproc.sinks.metrics import Metrics

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


class AddressTaken(Exception):
    """An address of the configuration cannot be listened on. The message names it, and what to do."""


def serve(file: Path) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    Raises: ConfigInvalid, AddressTaken.
    """
    asyncio.run(_serve(file, read_config(file)))


async def _serve(file: Path, files: ConfigFiles) -> None:
    document = files.loaded.document
    logger = _logger(document.log)
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
        server = _open_server(document, processor, health)
        await server.start()
        reloader = asyncio.create_task(Reloader(file, files, processor, health, metrics, logger).run())
        health.set_ready(True)
        logger.info("serving", listen=document.server.listen, metrics=document.server.metrics, revision=health.revision)
        await _until_signalled()
        health.drain()
        reloader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reloader
        logger.info("draining", exchanges=processor.inflight)
        await server.stop(document.server.drain_ms_max / 1_000)
        logger.info("stopped", exchanges_cancelled=processor.inflight)
    finally:
        pages.close()


async def _until_signalled() -> None:
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled.set)
    await signalled.wait()


def _open_pages(document: Document, metrics: Metrics, health: Health) -> Pages:
    host, _, port = document.server.metrics.rpartition(":")
    try:
        return Pages(host.strip("[]"), int(port), metrics.registry, health)
    except OSError as error:
        raise AddressTaken(_taken("server.metrics", document.server.metrics, error)) from error


def _open_server(document: Document, processor: Processor, health: Health) -> GrpcAioServer:
    listen = document.server.listen
    limits = document.limits
    _clear_socket(listen)
    try:
        return GrpcAioServer(
            processor, health, listen, max(limits.request_body_bytes_max, limits.response_body_bytes_max)
        )
    except (OSError, RuntimeError) as error:
        raise AddressTaken(_taken("server.listen", listen, error)) from error


def _clear_socket(listen: str) -> None:
    """A socket file that a killed process left behind is in the way; the folder must be there."""
    if listen.startswith("unix:"):
        path = Path(listen.removeprefix("unix:"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_socket():
                path.unlink()
        except OSError as error:
            raise AddressTaken(_taken("server.listen", listen, error)) from error


def _taken(key: str, address: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or "it cannot be bound"
    return f"{key}: cannot listen on {address} ({reason}). Stop what listens there, or set {key} to another address."


def _logger(section: LogSection) -> Any:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[section.level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    return structlog.get_logger()
