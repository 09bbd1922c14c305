"""A process that has workers serve."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from extproc.app.parts import (
    STDOUT,
    close_all,
    open_logger,
    open_review,
    report_loading,
    report_serving,
    report_start,
)
from extproc.ledger.parts import open_ledger
from extproc.server.operations.config_files import ConfigFiles, ConfigReader
from extproc.server.operations.config_in_force import ConfigInForce
from extproc.server.operations.endpoint_watch import EndpointWatch
from extproc.server.operations.envoy_files import Accepted, each, following
from extproc.server.operations.envoy_watch import EnvoyWatch
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import JsonLog
from extproc.server.operations.pages import open_pages
from extproc.server.operations.process import (
    Signals,
    callable_from_thread,
    cancelled,
    signals_ignored_afterwards,
)
from extproc.server.operations.reload import Reloader
from extproc.server.operations.start_report import StartReport
from extproc.server.sockets.address import reason_of
from extproc.server.sockets.tls import Tls
from extproc.server.workers import WorkersFailed
from extproc.server.workers.log import WholeLines
from extproc.server.workers.metrics import page_of
from extproc.server.workers.supervisor import Workers
from extproc.sinks.metrics import Metrics

_NO_ANSWER_S = 60.0  # assumed queueing time of small messages when no worker reports one


def supervise(
    file: Path,
    reader: ConfigReader,
    files: ConfigFiles,
    report: StartReport,
    envoy_folder: Path | None,
    log_level: str | None,
) -> None:
    """Run workers until SIGTERM or SIGINT. Raises: WorkersFailed, LedgerUnavailable, ExtraMissing, EnvoyConfigError."""
    document = files.loaded.document
    with _shared_folder() as folder:
        logger = open_logger(document, WholeLines(STDOUT, folder), log_level)
        with (
            contextlib.closing(logger),
            signals_ignored_afterwards(),
            following(document, envoy_folder, logger) as accepted,
        ):
            asyncio.run(_supervise(file, reader, files, folder, logger, report, accepted, log_level))


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
    signals, loop = Signals(), asyncio.get_running_loop()
    document, health = files.loaded.document, Health()
    metrics = Metrics(document.identity.label_values_max)
    logger.write_in_thread(metrics.log_lines_dropped)
    review = open_review(document, file, metrics, logger)  # for retention in the store, and for guard precision
    ledger = open_ledger(document, file, metrics.ledger, logger, serves=False, ships_with=files.prompts)
    config = ConfigInForce(document, files.prompts, files.certificates, files.mask_keys, files.rollouts)
    command = (
        *(sys.executable, "-m", "extproc", "serve", "--config", str(file)),
        *(() if log_level is None else ("--log-level", log_level)),
        "--worker",
    )
    workers = Workers(command, config, folder, config.compiled(), health, metrics, logger)
    told = workers.endpoints
    metrics.inflight.set_function(callable_from_thread(loop, workers.inflight, 0))
    health.listen_error = workers.socket_files.problem
    report_start(files, workers.snapshot, health, metrics, logger)
    registry = page_of(metrics.registry, folder, document.identity.label_values_max)
    alive = callable_from_thread(loop, workers.turn, False)
    pages = open_pages(document.server.metrics, registry, health, alive, ledger.rollout_verdict)
    try:
        health.watch(
            callable_from_thread(loop, workers.waits_s, _NO_ANSWER_S), document.server.ready_wait_ms_max / 1_000
        )
        report_loading(document, report)
        ledger.start()
        health.ledger_error = ledger.problem
        workers.start()

        def replace() -> None:
            ledger.replace_shipper()  # first: it reads what workers of an older release wrote, but not the reverse
            workers.replace_all()

        signals.replacing(replace)
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
            report_serving(document, listen, health, logger)
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
        close_all(review)
        await ledger.close()
        pages.close()
