"""``extproc report --format focus``: rows of tokens, and of GPU time where it is allocated."""

from __future__ import annotations

import typer
from sqlalchemy import Connection

from extproc.allocation.idle import IdlePolicy
from extproc.cli.report_method import chosen_method
from extproc.config.document import Document
from extproc.config.gpus import GpusSection
from extproc.reports.focus import DIMENSIONS, NO_CHARGES, focus_csv, prices_of
from extproc.reports.focus_gpu import GpuCharges, gpu_charges
from extproc.reports.gpu_columns import gpu_conditions, names_without_gpu_time
from extproc.reports.gpu_time import GpuQuestion, reserved_shares
from extproc.reports.periods import PeriodSize, periods_of
from extproc.reports.query import LedgerQuery
from extproc.reports.report import Question


def focus_text(connection: Connection, asked: Question, document: Document, issuer: str, method: str | None) -> str:
    """The file. Args: method: of allocation; None: see ``chosen_method``.

    Raises: BadRange.
    """
    days = periods_of(asked.days, PeriodSize.DAY, 0)
    gpu, has_energy = NO_CHARGES, bool(document.gpus and document.gpus.watts)
    if document.gpus is not None:
        gpu = _charges(connection, document.gpus, asked, (days[0].start_us, days[-1].end_us), method)
    query = LedgerQuery(connection, DIMENSIONS, asked.only)
    return focus_csv(query, days, prices_of(document), issuer, gpu, has_energy=has_energy)


def _charges(
    connection: Connection, section: GpusSection, asked: Question, span_us: tuple[int, int], method: str | None
) -> GpuCharges:
    chosen = chosen_method(connection, span_us, method)
    if chosen is None:
        return NO_CHARGES
    if others := names_without_gpu_time([one for one, _ in asked.only]):
        typer.echo(f"GPU time is not kept by {others[0]}, so tokens are charged in place of it.", err=True)
        return NO_CHARGES
    policy, reserved = IdlePolicy(section.idle), reserved_shares(connection, section)
    question = GpuQuestion(chosen, *span_us, (), policy, reserved, gpu_conditions(asked.only), section.watts)
    return gpu_charges(connection, question)
