"""What several kinds of processes have: a log, a processor, a review queue, reports."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.classifiers.router import ClassifierRouter
from extproc.config.document import Document
from extproc.config.identity import identity_in_words
from extproc.config.required_extras import require_extra
from extproc.exchange.recent_exchanges import RecentExchanges
from extproc.exchange.snapshot import Snapshot
from extproc.ledger.parts import LedgerParts
from extproc.ledger.rollouts.judgments import JudgmentKeeper
from extproc.rate_limits.shared import SharedLimits
from extproc.server.operations.build_kind import is_compiled
from extproc.server.operations.config_files import ConfigFiles
from extproc.server.operations.health import Health
from extproc.server.operations.json_log import JsonLog, open_log, take_over_libraries
from extproc.server.operations.log_lines import LineStream
from extproc.server.operations.rollout_log import tell_rollouts
from extproc.server.operations.start_report import StartReport
from extproc.server.transport.processor import Processor
from extproc.server.transport.record_sinks import Sink
from extproc.sinks.exchange_log import ExchangeLog
from extproc.sinks.hop_log import HopLog
from extproc.sinks.metrics import Metrics
from extproc.token_counting.on_demand import TokenCounterOnDemand

if TYPE_CHECKING:
    from extproc.ledger.feedback_keeper import FeedbackKeeper
    from extproc.server.transport.grpc.server import GrpcAioServer
    from extproc.sinks.review.sink import ReviewSink

STDOUT = 1  # written to the descriptor directly: the interpreter's stream is flushed only at exit
MODELS_LOADED_S_MAX = 20.0  # load classifiers before the first exchanges, but do not wait for one that hangs
LATE_SETTLEMENTS_S_MAX = 1.0  # time for what the store of rate limits has not been told yet
LATE_COUNTS_S_MAX = 2.0  # time for tokens that are still to be counted
LATE_VERDICTS_S_MAX = 5.0  # time for out-of-band work that is left after the last exchange


def open_logger(document: Document, stream: LineStream, level: str | None, **fields: Any) -> JsonLog:
    """The log of a process, also of libraries. Args: level: in place of ``log.level``; fields: of each line."""
    logger = open_log(document.log, stream, level, STDOUT).bind(**fields)
    take_over_libraries(logger)
    return logger


def build_processor(
    document: Document,
    snapshot: Snapshot,
    metrics: Metrics,
    sinks: list[Sink],
    logger: JsonLog,
    classifiers: ClassifierRouter,
    ledger: LedgerParts,
    counter: TokenCounterOnDemand,
    feedback: FeedbackKeeper | None,
) -> Processor:
    """The processor with its sinks and services, after which little is left for the garbage collector."""
    log: list[Sink] = [ExchangeLog(logger)] if document.log.exchanges else []
    spool: list[Sink] = [] if ledger.sink is None else [ledger.sink]
    recent: list[Sink] = [] if feedback is None else [feedback.recent]
    limiter = SharedLimits(metrics, logger)
    services = classifiers, metrics, limiter, ledger.sink, ledger.budgets, counter, feedback
    processor = Processor(snapshot, [*sinks, *spool, *recent, HopLog(logger), *log], metrics.step, logger, *services)
    classifiers.configure(snapshot.classifiers)
    gc.collect()
    gc.freeze()  # keep loaded modules out of every garbage collection
    return processor


def grpc_aio_server() -> type[GrpcAioServer]:
    """Imported only if used: grpc takes 12 MB."""
    from extproc.server.transport.grpc.server import GrpcAioServer

    return GrpcAioServer


def open_review(
    document: Document, file: Path, metrics: Metrics, logger: JsonLog, *, runs_retention: bool = True
) -> Sequence[ReviewSink]:
    """The review queue, if configured. Raises: ExtraMissing."""
    if document.review is None:
        return ()
    require_extra("review", document.review.url)
    from extproc.sinks.review.sink import ReviewSink  # SQLAlchemy is large and optional

    return (ReviewSink(document.review, file.parent, metrics, logger, runs_retention),)


def open_feedback(
    document: Document, file: Path, review: Sequence[ReviewSink], metrics: Metrics, logger: JsonLog
) -> FeedbackKeeper | None:
    """What takes feedback, if configured, behind the ledger and the review queue. Raises: ExtraMissing."""
    section, ledger = document.feedback, document.ledger
    if section is None or ledger is None:
        return None
    require_extra("ledger", ledger.url)
    from extproc.ledger.feedback_comments import FeedbackComments
    from extproc.ledger.feedback_keeper import FeedbackKeeper  # SQLAlchemy is large and optional

    keeps_texts = document.review is not None and document.review.texts != "none"
    comments = FeedbackComments(review[0]) if review and keeps_texts else None
    recent = RecentExchanges(section.exchanges_max)
    return FeedbackKeeper(ledger.url, file.parent, recent, metrics.feedback, comments, logger)


def open_judgments(document: Document, file: Path, logger: JsonLog) -> JudgmentKeeper | None:
    """What counts the verdicts of classifiers on the answers of a rollout, where there is a ledger."""
    if document.ledger is None:
        return None
    return JudgmentKeeper(document.ledger.url, file.parent, logger)


async def close_keepers(*keepers: FeedbackKeeper | JudgmentKeeper | None) -> None:
    """Store what waits; takes a bounded time."""
    for keeper in keepers:
        if keeper is not None:
            await asyncio.to_thread(keeper.close)


def close_all(review: Sequence[ReviewSink]) -> None:
    """Close what ``open_review`` opened."""
    for sink in review:
        sink.close()


def report_start(files: ConfigFiles, snapshot: Snapshot, health: Health, metrics: Metrics, logger: JsonLog) -> None:
    """Tell what was configured: warnings, the revision in force, and who callers can be."""
    for warning in files.loaded.warnings:
        logger.warning("configuration", problem=str(warning))
    metrics.reloaded("ok")
    metrics.in_force(snapshot.revision, snapshot.weights)
    tell_rollouts(None, snapshot, logger)
    health.revision = snapshot.revision
    health.identity = identity_in_words(files.loaded.document.identity)


def report_serving(document: Document, listen: str | Sequence[str], health: Health, logger: JsonLog) -> None:
    """Tell that exchanges are served."""
    logger.info(
        "serving",
        listen=listen,
        metrics=document.server.metrics,
        revision=health.revision,
        identity=health.identity,
        compiled=is_compiled(),
    )


def report_loading(document: Document, report: StartReport) -> None:
    """Tell that classifiers are loaded first."""
    if document.classifiers:
        report.loading(list(document.classifiers), MODELS_LOADED_S_MAX)
