"""The composition root: the only file that knows and builds every part."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.classifiers.late_reviews import LateReviews
from extproc.classifiers.router import ClassifierRouter
from extproc.config.document import Document
from extproc.config.extras import require_extra
from extproc.config.identity import identity_in_words
from extproc.config.tokenizers import tokenizer_files
from extproc.exchange.snapshot import Snapshot, compile_snapshot
from extproc.ledger.parts import LedgerParts, open_ledger
from extproc.rate_limits.shared import SharedLimits
from extproc.server.operations.config_files import ConfigFiles, ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.endpoint_watch import EndpointWatch
from extproc.server.operations.envoy_files import Accepted, each, following
from extproc.server.operations.envoy_watch import EnvoyWatch
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import JsonLog, open_log, take_over_libraries
from extproc.server.operations.log_lines import LineStream, Output
from extproc.server.operations.loop_watch import LoopWatch
from extproc.server.operations.pages import open_pages
from extproc.server.operations.process import (
    Signals,
    answering,
    callable_from_thread,
    cancelled,
    liveness_check,
    loop_factory,
    return_free_memory,
    signals_ignored_afterwards,
    wait_for_first,
)
from extproc.server.operations.reload import Reloader, message_bytes_max
from extproc.server.operations.socket_files import SocketFiles
from extproc.server.operations.start_report import StartReport
from extproc.server.sockets.address import reason_of
from extproc.server.sockets.tls import Tls
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.processor import Processor
from extproc.server.transport.record_sinks import Sink
from extproc.server.workers import WorkersFailed
from extproc.server.workers.link import Link, LinkBroken, StartOrder, receive_first
from extproc.server.workers.log import WholeLines
from extproc.server.workers.metrics import FlushSink, count_in_files, page_of
from extproc.server.workers.process import WorkerProcess, end_with_supervisor, leave_signals_aside
from extproc.sinks.exchange_log import ExchangeLog
from extproc.sinks.metrics import Metrics
from extproc.token_counting.counter import TokenCounter

if TYPE_CHECKING:
    from extproc.server.transport.grpc.server import GrpcAioServer
    from extproc.sinks.review.sink import ReviewSink

_STDOUT = 1  # written to the descriptor directly: the interpreter's stream is flushed only at exit
_MODELS_LOADED_S_MAX = 20.0  # load classifiers before the first exchanges, but do not wait for one that hangs
_NO_ANSWER_S = 60.0  # assumed queueing time of small messages when no worker reports one
_LATE_SETTLEMENTS_S_MAX = 1.0  # time for what the store of rate limits has not been told yet
_LATE_COUNTS_S_MAX = 2.0  # time for tokens that are still to be counted
_LATE_VERDICTS_S_MAX = 5.0  # time for out-of-band work that is left after the last exchange


def serve(file: Path, report: StartReport, envoy_folder: Path | None = None, log_level: str | None = None) -> None:
    """Run until SIGTERM or SIGINT, then drain; a second signal ends the drain.

    Args:
        envoy_folder: in place of ``envoy.folder``.
        log_level: in place of ``log.level``.
    Raises: ConfigInvalid, AddressTaken, WorkersFailed, LedgerUnavailable, ExtraMissing, EnvoyConfigError.
    """
    reader = ConfigReader(file, polls=True)
    files = reader.read()
    document = files.loaded.document
    if document.rate_limits is not None and document.rate_limits.store is not None:
        require_extra("redis", document.rate_limits.store)
    if tokenizer_files(document):
        require_extra("tokenizers")
    if document.server.workers > 1:
        with _shared_folder() as folder:
            logger = _logger(document, WholeLines(_STDOUT, folder), log_level)
            with (
                contextlib.closing(logger),
                signals_ignored_afterwards(),
                following(document, envoy_folder, logger) as accepted,
            ):
                asyncio.run(_supervise(file, reader, files, folder, logger, report, accepted, log_level))
        return
    logger = _logger(document, WholeLines(_STDOUT, envoy_folder) if envoy_folder else Output(_STDOUT), log_level)
    with (
        contextlib.closing(logger),
        signals_ignored_afterwards(),
        following(document, envoy_folder, logger) as accepted,
        asyncio.Runner(loop_factory=loop_factory(document.server.transport)) as runner,
    ):
        runner.run(_serve(file, reader, files, logger, report, accepted))


def work(link_fd: int, file: Path, log_level: str | None = None) -> None:
    """Run as a worker of the supervisor at the other end of ``link_fd``, until told to stop.

    Args:
        file: the configuration file; its content arrives over the link.
        log_level: in place of ``log.level``.
    Raises: AddressTaken, LedgerUnavailable, ExtraMissing.
    """
    leave_signals_aside()
    end = socket.socket(fileno=link_fd)
    end_with_supervisor(end)
    try:
        order = StartOrder.of_message(receive_first(end))
    except LinkBroken:
        return
    folder, document = Path(order.folder), order.started_with.document
    count_in_files(folder, order.counts_as)
    logger = _logger(document, WholeLines(_STDOUT, folder), log_level, worker=order.worker)
    with (
        contextlib.closing(logger),
        asyncio.Runner(loop_factory=loop_factory(document.server.transport)) as runner,
    ):
        runner.run(_work(order, end, file, logger))


# --- one process ---------------------------------------------------------------------------------------------------


async def _serve(
    file: Path, reader: ConfigReader, files: ConfigFiles, logger: JsonLog, report: StartReport, accepted: Accepted
) -> None:
    signals = Signals()
    signals.replacing(lambda: logger.warning("there are no workers to replace", hint="server.workers is 1"))
    document, health = files.loaded.document, Health()
    metrics = Metrics(document.identity.label_values_max)
    logger.write_in_thread(metrics.log_lines_dropped)
    snapshot = compile_snapshot(document, files.prompts, files.mask_keys)
    review = _open_review(document, file, metrics, logger)
    ledger = open_ledger(document, file, metrics.ledger, logger)
    classifiers = ClassifierRouter(metrics, [LateReviews(sink, snapshot.excerpt_chars_max) for sink in review], logger)
    counter = TokenCounter(file.parent, metrics, logger)
    processor = _processor(document, snapshot, metrics, [metrics, *review], logger, classifiers, ledger, counter)
    metrics.inflight.set_function(lambda: processor.inflight)
    _report_start(files, processor.snapshot, health, metrics, logger)
    pages = open_pages(document.server.metrics, metrics.registry, health, liveness_check(asyncio.get_running_loop()))
    try:
        ledger.start()
        health.ledger_error = ledger.problem
        tls = None if files.certificates is None else Tls(files.certificates)
        transport = FastServer if document.server.transport == "fast" else _grpc_aio_server()
        server = transport(processor, health, document.server.listen, message_bytes_max(document.limits), tls)
        _report_loading(document, report)
        await wait_for_first(classifiers.prepared(_MODELS_LOADED_S_MAX), signals.first.wait())
        await server.start()
        health.watch(LoopWatch(asyncio.get_running_loop()).waits_s, _wait_s_max(document))
        sockets, picks = SocketFiles(document.server.listen), processor.picks
        health.listen_error = sockets.problem
        watching = [
            Reloader(
                *(reader, document, processor, health, metrics, logger, tls),
                accepted=each(accepted, ledger.use),
                asked=signals.reload,
            ).run(),
            EnvoyWatch(answering(processor.envoy_routes.stale), health, metrics, logger).run(),
            EndpointWatch(
                lambda: processor.snapshot.picked_endpoints, picks.report, picks.resolve, metrics, logger
            ).run(),
        ]
        if isinstance(server, FastServer):
            watching.append(sockets.keep(document.server.listen, server.listen_again, logger))
        watchers = [asyncio.create_task(each) for each in watching]
        return_free_memory()
        health.set_ready(True)
        _report_serving(document, document.server.listen, health, logger)
        if not signals.first.is_set():
            report.serving(document, health.revision)
        await signals.first.wait()
        health.drain()
        await cancelled(*watchers)
        logger.info("draining", exchanges=processor.inflight)
        exchanges_cancelled = await server.stop(document.server.drain_ms_max / 1_000, signals.second)
        await classifiers.close(_LATE_VERDICTS_S_MAX)
        await processor.limiter.close(_LATE_SETTLEMENTS_S_MAX)
        logger.info("stopped", exchanges_cancelled=exchanges_cancelled)
    finally:
        await counter.close(_LATE_COUNTS_S_MAX)
        _close(review)
        await ledger.close()
        pages.close()


# --- several -------------------------------------------------------------------------------------------------------


async def _supervise(
    file: Path,
    reader: ConfigReader,
    files: ConfigFiles,
    folder: Path,
    logger: JsonLog,
    report: StartReport,
    accepted: Accepted,
    log_level: str | None,
) -> None:
    from extproc.server.workers.supervisor import Workers  # of no use to a single process

    signals, loop = Signals(), asyncio.get_running_loop()
    document, health = files.loaded.document, Health()
    metrics = Metrics(document.identity.label_values_max)
    logger.write_in_thread(metrics.log_lines_dropped)
    review = _open_review(document, file, metrics, logger)  # for retention in the store, and for guard precision
    ledger = open_ledger(document, file, metrics.ledger, logger, serves=False)
    config = ConfigInForce(document, files.prompts, files.certificates, files.mask_keys)
    command = (
        *(sys.executable, "-m", "extproc", "serve", "--config", str(file)),
        *(() if log_level is None else ("--log-level", log_level)),
        "--worker",
    )
    snapshot = compile_snapshot(document, files.prompts, files.mask_keys)
    workers = Workers(command, config, folder, snapshot, health, metrics, logger)
    told = workers.endpoints
    metrics.inflight.set_function(callable_from_thread(loop, workers.inflight, 0))
    health.listen_error = workers.socket_files.problem
    _report_start(files, workers.snapshot, health, metrics, logger)
    registry = page_of(metrics.registry, folder, document.identity.label_values_max)
    pages = open_pages(document.server.metrics, registry, health, callable_from_thread(loop, workers.turn, False))
    try:
        health.watch(callable_from_thread(loop, workers.waits_s, _NO_ANSWER_S), _wait_s_max(document))
        _report_loading(document, report)
        ledger.start()
        health.ledger_error = ledger.problem
        workers.start()
        signals.replacing(workers.replace_all)
        tls = None if files.certificates is None else Tls(files.certificates)
        reloads = Reloader(
            *(reader, document, workers, health, metrics, logger, tls),
            *(workers.distribute, each(accepted, ledger.use), signals.reload),
        )
        watching = [
            reloads.run(),
            EnvoyWatch(workers.envoy_stale, health, metrics, logger).run(),
            EndpointWatch(
                lambda: workers.snapshot.picked_endpoints, told.tell_load, told.tell_addresses, metrics, logger
            ).run(),
        ]
        watchers = [asyncio.create_task(each) for each in watching]
        serving, ending = asyncio.ensure_future(workers.all_serve.wait()), asyncio.ensure_future(signals.first.wait())
        await asyncio.wait((serving, ending, workers.failed), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            listen = document.server.addresses
            _report_serving(document, listen, health, logger)
            report.serving(document, health.revision)
            await asyncio.wait((ending, workers.failed), return_when=asyncio.FIRST_COMPLETED)
        health.drain()
        await cancelled(*watchers)
        logger.info("draining", exchanges=await workers.inflight())
        exchanges_cancelled = await workers.stop(document.server.drain_ms_max / 1_000, signals.second)
        logger.info("stopped", exchanges_cancelled=exchanges_cancelled)
        if workers.failed.done():
            workers.failed.result()
    finally:
        _close(review)
        await ledger.close()
        pages.close()


async def _work(order: StartOrder, end: socket.socket, file: Path, logger: JsonLog) -> None:
    document, health = order.started_with.document, Health()
    metrics = Metrics(document.identity.label_values_max, forgets=False)
    logger.write_in_thread(metrics.log_lines_dropped)
    snapshot = compile_snapshot(order.config.document, order.config.prompts, order.config.mask_keys)
    review = _open_review(document, file, metrics, logger, runs_retention=False)
    ledger = open_ledger(document, file, metrics.ledger, logger, ships=False)
    classifiers = ClassifierRouter(metrics, [LateReviews(sink, snapshot.excerpt_chars_max) for sink in review], logger)
    counter = TokenCounter(file.parent, metrics, logger)
    processor = _processor(
        document, snapshot, metrics, [metrics, FlushSink(metrics.flush), *review], logger, classifiers, ledger, counter
    )
    health.revision = snapshot.revision
    tls = None if order.config.certificates is None else Tls(order.config.certificates)
    bytes_max = message_bytes_max(document.limits)
    server: FastServer | GrpcAioServer
    if order.socket_fd is not None:
        listening = socket.socket(fileno=order.socket_fd)
        server = FastServer(processor, health, order.address, bytes_max, tls, listening)
    else:
        server = _grpc_aio_server()(processor, health, order.address, bytes_max, tls, shares_port=True)
    worker = WorkerProcess(
        await Link.open(end), processor, health, tls, metrics.flush, document.server.drain_ms_max / 1_000
    )
    try:
        return_free_memory()
        await worker.run(server, classifiers.prepared(_MODELS_LOADED_S_MAX))
        await classifiers.close(_LATE_VERDICTS_S_MAX)
        await processor.limiter.close(_LATE_SETTLEMENTS_S_MAX)
        metrics.flush()
    finally:
        await counter.close(_LATE_COUNTS_S_MAX)
        _close(review)
        await ledger.close()
        metrics.flush()
    if worker.is_orphaned:
        shutil.rmtree(order.folder, ignore_errors=True)  # no one else does it


@contextlib.contextmanager
def _shared_folder() -> Iterator[Path]:
    """Shared folder for the workers' metric files. Raises: WorkersFailed."""
    with contextlib.ExitStack() as undo:
        try:
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="llm-extproc-"))
        except OSError as error:
            raise WorkersFailed(
                f"server.workers: no folder for temporary files can be created ({reason_of(error)}), and"
                " several workers need one. Let this user write to /tmp, or set TMPDIR to a writable folder."
            ) from error
        yield Path(folder)


# --- parts of both -------------------------------------------------------------------------------------------------


def _logger(document: Document, stream: LineStream, level: str | None, **fields: Any) -> JsonLog:
    logger = open_log(document.log, stream, level, _STDOUT).bind(**fields)
    take_over_libraries(logger)
    return logger


def _wait_s_max(document: Document) -> float:
    return document.server.ready_wait_ms_max / 1_000


def _processor(
    document: Document,
    snapshot: Snapshot,
    metrics: Metrics,
    sinks: list[Sink],
    logger: JsonLog,
    classifiers: ClassifierRouter,
    ledger: LedgerParts,
    counter: TokenCounter,
) -> Processor:
    log: list[Sink] = [ExchangeLog(logger)] if document.log.exchanges else []
    spool: list[Sink] = [] if ledger.sink is None else [ledger.sink]
    limiter = SharedLimits(metrics, logger)
    services = classifiers, metrics, limiter, ledger.sink, ledger.budgets, counter
    processor = Processor(snapshot, [*sinks, *spool, *log], metrics.step, logger, *services)
    classifiers.configure(snapshot.classifiers)
    gc.collect()
    gc.freeze()  # keep loaded modules out of every garbage collection
    return processor


def _grpc_aio_server() -> type[GrpcAioServer]:
    """Imported only if used: grpc takes 12 MB."""
    from extproc.server.transport.grpc.server import GrpcAioServer

    return GrpcAioServer


def _open_review(
    document: Document, file: Path, metrics: Metrics, logger: JsonLog, *, runs_retention: bool = True
) -> Sequence[ReviewSink]:
    """The review queue, if configured. Raises: ExtraMissing."""
    if document.review is None:
        return ()
    require_extra("review", document.review.url)
    from extproc.sinks.review.sink import ReviewSink  # SQLAlchemy is large and optional

    return (ReviewSink(document.review, file.parent, metrics, logger, runs_retention),)


def _close(review: Sequence[ReviewSink]) -> None:
    for sink in review:
        sink.close()


def _report_start(files: ConfigFiles, snapshot: Snapshot, health: Health, metrics: Metrics, logger: JsonLog) -> None:
    for warning in files.loaded.warnings:
        logger.warning("configuration", problem=str(warning))
    metrics.reloaded("ok")
    metrics.in_force(snapshot.revision, {version.facts for version in snapshot.versions.values()})
    health.revision = snapshot.revision
    health.identity = identity_in_words(files.loaded.document.identity)


def _report_serving(document: Document, listen: str | Sequence[str], health: Health, logger: JsonLog) -> None:
    revision, callers = health.revision, health.identity
    logger.info("serving", listen=listen, metrics=document.server.metrics, revision=revision, identity=callers)


def _report_loading(document: Document, report: StartReport) -> None:
    if document.classifiers:
        report.loading(list(document.classifiers), _MODELS_LOADED_S_MAX)
