"""Serves, alone or with workers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

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
    report_loading,
    report_serving,
    report_start,
)
from extproc.classifiers.late_reviews import LateReviews
from extproc.classifiers.router import ClassifierRouter
from extproc.config.required_extras import require_extra
from extproc.config.tokenizers import tokenizer_files
from extproc.exchange.snapshot import compile_snapshot
from extproc.ledger.parts import open_ledger
from extproc.server.operations.config_files import ConfigFiles, ConfigReader
from extproc.server.operations.endpoint_watch import EndpointWatch
from extproc.server.operations.envoy_files import Accepted, each, following
from extproc.server.operations.envoy_watch import EnvoyWatch
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import JsonLog
from extproc.server.operations.log_lines import Output
from extproc.server.operations.loop_watch import LoopWatch
from extproc.server.operations.pages import open_pages
from extproc.server.operations.process import (
    Signals,
    answering,
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
from extproc.server.sockets.tls import Tls
from extproc.server.transport.fast.server import FastServer
from extproc.server.transport.record_sinks import Sink
from extproc.server.workers.log import WholeLines
from extproc.sinks.metrics import Metrics
from extproc.token_counting.on_demand import TokenCounterOnDemand
from extproc.tracing.files import read_otlp_files
from extproc.tracing.parts import open_otel


def serve(file: Path, report: StartReport, envoy_folder: Path | None = None, log_level: str | None = None) -> None:
    """Run until SIGTERM or SIGINT, then drain; a second signal ends the drain.

    Args:
        envoy_folder: in place of ``envoy.folder``.
        log_level: in place of ``log.level``.
    Raises: ConfigInvalid, AddressTaken, WorkersFailed, LedgerUnavailable, OtelUnavailable, ExtraMissing,
        EnvoyConfigError.
    """
    reader = ConfigReader(file, polls=True)
    files = reader.read()
    document = files.loaded.document
    if document.rate_limits is not None and document.rate_limits.store is not None:
        require_extra("redis", document.rate_limits.store)
    if document.otel is not None:
        require_extra("otel")
        read_otlp_files(document.otel, file.parent)  # so that not each worker is to say that one is missing
    if any(one.traffic is not None for one in document.rollouts):
        require_extra("kubernetes")
    if document.gpus is not None and document.gpus.kubernetes is not None:
        require_extra("kubernetes", part="gpus: `kubernetes`")
    if tokenizer_files(document):
        require_extra("tokenizers")
    if document.server.workers > 1:
        from extproc.app.supervision import supervise  # of no use to a single process

        supervise(file, reader, files, report, envoy_folder, log_level)
        return
    logger = open_logger(document, WholeLines(STDOUT, envoy_folder) if envoy_folder else Output(STDOUT), log_level)
    with (
        contextlib.closing(logger),
        signals_ignored_afterwards(),
        following(document, envoy_folder, logger) as accepted,
        asyncio.Runner(loop_factory=loop_factory(document.server.transport)) as runner,
    ):
        runner.run(_serve(file, reader, files, logger, report, accepted))


async def _serve(
    file: Path, reader: ConfigReader, files: ConfigFiles, logger: JsonLog, report: StartReport, accepted: Accepted
) -> None:
    signals = Signals()
    signals.replacing(lambda: logger.warning("there are no workers to replace", hint="server.workers is 1"))
    document, health = files.loaded.document, Health()
    metrics = Metrics(document.identity.label_values_max)
    logger.write_in_thread(metrics.log_lines_dropped)
    snapshot = compile_snapshot(document, files.prompts, files.mask_keys, files.rollouts)
    review = open_review(document, file, metrics, logger)
    ledger = open_ledger(document, file, metrics.ledger, logger, ships_with=files.prompts)
    feedback = open_feedback(document, file, review, metrics, logger)
    otel = open_otel(document, file, metrics, logger)
    judgments, late = open_judgments(document, file, logger), snapshot.excerpt_chars_max
    classifiers = ClassifierRouter(metrics, [LateReviews(sink, late) for sink in review], logger, judgments)
    counter = TokenCounterOnDemand(file.parent, metrics, logger)
    sinks: list[Sink] = [metrics, *review, *otel]
    processor = build_processor(document, snapshot, metrics, sinks, logger, classifiers, ledger, counter, feedback)
    metrics.inflight.set_function(lambda: processor.inflight)
    report_start(files, processor.snapshot, health, metrics, logger)
    alive = liveness_check(asyncio.get_running_loop())
    pages = open_pages(document.server.metrics, metrics.registry, health, alive, ledger.rollout_verdict)
    try:
        ledger.start()
        health.ledger_error = ledger.problem
        tls = None if files.certificates is None else Tls(files.certificates)
        transport = FastServer if document.server.transport == "fast" else grpc_aio_server()
        server = transport(processor, health, document.server.listen, message_bytes_max(document.limits), tls)
        report_loading(document, report)
        await wait_for_first(classifiers.prepared(MODELS_LOADED_S_MAX), signals.first.wait())
        await server.start()
        health.watch(LoopWatch(asyncio.get_running_loop()).waits_s, document.server.ready_wait_ms_max / 1_000)
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
        report_serving(document, document.server.listen, health, logger)
        if not signals.first.is_set():
            report.serving(document, health.revision)
        await signals.first.wait()
        health.drain()
        await cancelled(*watchers)
        logger.info("draining", exchanges=processor.inflight)
        exchanges_cancelled = await server.stop(document.server.drain_ms_max / 1_000, signals.second)
        await classifiers.close(LATE_VERDICTS_S_MAX)
        await processor.limiter.close(LATE_SETTLEMENTS_S_MAX)
        logger.info("stopped", exchanges_cancelled=exchanges_cancelled)
    finally:
        await counter.close(LATE_COUNTS_S_MAX)
        await close_keepers(feedback, judgments)
        close_all(review)
        await ledger.close()
        for sink in otel:
            await asyncio.to_thread(sink.close)
        pages.close()
