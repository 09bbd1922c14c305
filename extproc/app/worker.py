"""A worker of a supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from extproc.app.parts import (
    LATE_COUNTS_S_MAX,
    LATE_SETTLEMENTS_S_MAX,
    LATE_VERDICTS_S_MAX,
    MODELS_LOADED_S_MAX,
    STDOUT,
    build_processor,
    close_all,
    close_keepers,
    grpc_aio_server,
    open_feedback,
    open_judgments,
    open_logger,
    open_review,
)
from extproc.classifiers.late_reviews import LateReviews
from extproc.classifiers.router import ClassifierRouter
from extproc.ledger.parts import open_ledger
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import JsonLog
from extproc.server.operations.process import (
    loop_factory,
    return_free_memory,
)
from extproc.server.operations.reload import message_bytes_max
from extproc.server.sockets.tls import Tls
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.record_sinks import Sink
from extproc.server.workers.link import Link, LinkBroken, StartOrder, receive_first
from extproc.server.workers.log import WholeLines
from extproc.server.workers.metrics import FlushSink, count_in_files
from extproc.server.workers.process import WorkerProcess, end_with_supervisor, leave_signals_aside
from extproc.sinks.metrics import Metrics
from extproc.token_counting.on_demand import TokenCounterOnDemand
from extproc.tracing.parts import open_otel

if TYPE_CHECKING:
    from extproc.server.transport.grpc.server import GrpcAioServer


def work(link_fd: int, file: Path, log_level: str | None = None) -> None:
    """Run as a worker of the supervisor at the other end of ``link_fd``, until told to stop.

    Args:
        file: the configuration file; its content arrives over the link.
        log_level: in place of ``log.level``.
    Raises: AddressTaken, LedgerUnavailable, OtelUnavailable, ExtraMissing.
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
    logger = open_logger(document, WholeLines(STDOUT, folder), log_level, worker=order.worker)
    with (
        contextlib.closing(logger),
        asyncio.Runner(loop_factory=loop_factory(document.server.transport)) as runner,
    ):
        runner.run(_work(order, end, file, logger))


async def _work(order: StartOrder, end: socket.socket, file: Path, logger: JsonLog) -> None:
    document, health = order.started_with.document, Health()
    metrics = Metrics(document.identity.label_values_max, forgets=False)
    logger.write_in_thread(metrics.log_lines_dropped)
    snapshot = order.config.compiled()
    review = open_review(document, file, metrics, logger, runs_retention=False)
    ledger = open_ledger(document, file, metrics.ledger, logger)
    feedback = open_feedback(document, file, review, metrics, logger)
    otel = open_otel(document, file, metrics, logger)
    judgments, late = open_judgments(document, file, logger), snapshot.excerpt_chars_max
    classifiers = ClassifierRouter(metrics, [LateReviews(sink, late) for sink in review], logger, judgments)
    counter = TokenCounterOnDemand(file.parent, metrics, logger)
    sinks: list[Sink] = [metrics, FlushSink(metrics.flush), *review, *otel]
    processor = build_processor(document, snapshot, metrics, sinks, logger, classifiers, ledger, counter, feedback)
    health.revision = snapshot.revision
    tls = None if order.config.certificates is None else Tls(order.config.certificates)
    bytes_max = message_bytes_max(document.limits)
    server: FastServer | GrpcAioServer
    if order.socket_fd is not None:
        listening = socket.socket(fileno=order.socket_fd)
        server = FastServer(processor, health, order.address, bytes_max, tls, listening)
    else:
        server = grpc_aio_server()(processor, health, order.address, bytes_max, tls, shares_port=True)
    worker = WorkerProcess(
        await Link.open(end), processor, health, tls, metrics.flush, document.server.drain_ms_max / 1_000
    )
    try:
        return_free_memory()
        await worker.run(server, classifiers.prepared(MODELS_LOADED_S_MAX))
        await classifiers.close(LATE_VERDICTS_S_MAX)
        await processor.limiter.close(LATE_SETTLEMENTS_S_MAX)
        metrics.flush()
    finally:
        await counter.close(LATE_COUNTS_S_MAX)
        await close_keepers(feedback, judgments)
        close_all(review)
        await ledger.close()
        for sink in otel:
            await asyncio.to_thread(sink.close)
        metrics.flush()
    if worker.is_orphaned:
        shutil.rmtree(order.folder, ignore_errors=True)  # no one else does it
