"""``extproc report --reconcile``: the files of others, and what is printed of the differences."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.table import Table
from rich.text import Text

from extproc.cli.output import print_json, refuse, said
from extproc.cli.tables import plain_text, print_table, result_console
from extproc.config.document import Document
from extproc.config.version_units import served_model
from extproc.reports.claims import FILE_BYTES_MAX, BadClaims, UsageClaim, claims_of, together
from extproc.reports.csv_text import Cell, csv_of, time_in
from extproc.reports.gpu_bill import BillLine, BillRow, bill_of, is_gpu_bill, rows_of_bill
from extproc.reports.periods import zone_of
from extproc.reports.reconcile import DifferenceCause, FigureDifference, Reconciled
from extproc.reports.units import exact_money
from extproc.reports.vllm_pages import claims_of_pages, is_vllm_page

_NS_PER_US: Final = 1_000
_UTC: Final = zone_of("UTC")
IN_WORDS: Final = {
    DifferenceCause.CHOICES: "the server counts a prompt once for each choice",
    DifferenceCause.BORDERS: "exchanges over the begin or end of the time",
    DifferenceCause.ESTIMATED: "estimated, since the server did not count them",
    DifferenceCause.UNFINISHED: "of exchanges that were broken off or failed",
    DifferenceCause.ROUNDING: "rounding of each exchange to micro-USD",
    DifferenceCause.UNEXPLAINED: "UNEXPLAINED",
}


class OthersCounts(NamedTuple):
    """``bill``: lines of bills of GPUs; none: ``claims`` are all there is."""

    claims: list[UsageClaim]
    bill: list[BillLine]


def read_files(files: Sequence[Path]) -> OthersCounts:
    """What others counted; a file that cannot be read ends the command."""
    try:
        contents = [(file, _content(file)) for file in files]
        bills = [file for file, content in contents if is_gpu_bill(content)]
        if bills and len(bills) < len(files):
            raise BadClaims(f"{bills[0]} is a bill of GPUs, and other files are not: reconcile them by themselves")
        if bills:
            return OthersCounts([], [line for file, content in contents for line in bill_of(str(file), content)])
        pages, found = [], []
        for file, content in contents:
            if is_vllm_page(content):
                pages.append((str(file), content, file.stat().st_mtime_ns // _NS_PER_US))
            else:
                found += claims_of(str(file), content)
        return OthersCounts(together([*found, *(claims_of_pages(pages) if pages else ())]), [])
    except (BadClaims, OSError) as bad:
        refuse(said(bad))


def bill_rows(file: Path) -> list[BillRow]:
    """A bill of GPUs; one that cannot be read ends the command."""
    try:
        return rows_of_bill(str(file), _content(file))
    except (BadClaims, OSError) as bad:
        refuse(said(bad))


def _content(file: Path) -> bytes:
    """Raises: BadClaims, OSError."""
    with file.open("rb") as opened:
        content = opened.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise BadClaims(f"{file}: more than {FILE_BYTES_MAX >> 20} MiB")
    return content


def served_of(document: Document) -> dict[tuple[str, str], str]:
    """The name by which a model server is asked for each version."""
    return {
        (name, version): served_model(name, section)
        for name, model in document.models.items()
        for version, section in model.versions.items()
    }


def reconciled_data(found: Reconciled) -> dict[str, Any]:
    """As JSON; ``ReconciledJson`` documents it."""
    return {
        "compared": found.compared,
        "differences": [
            {
                "start": time_in(_UTC, one.start_us),
                "end": time_in(_UTC, one.end_us),
                "model": one.model,
                "measure": one.measure,
                "theirs": one.theirs,
                "ours": one.ours,
                "parts": [{"cause": cause.value, "amount": amount} for cause, amount in one.parts],
                "unexplained": one.unexplained,
            }
            for one in found.differences
        ],
        "bill": None,
    }


def print_reconciled(found: Reconciled, to_format: str) -> None:
    """In one of the formats ``table``, ``csv`` and ``json``."""
    if to_format == "json":
        print_json(reconciled_data(found))
    elif to_format == "csv":
        head = ["start", "end", "model", "measure", "theirs", "ours", "cause", "amount"]
        sys.stdout.write(csv_of(head, [row for one in found.differences for row in _rows(one)]))
    else:
        _print_table(found)


def _rows(one: FigureDifference) -> list[list[Cell]]:
    times = [time_in(_UTC, moment) for moment in (one.start_us, one.end_us)]
    return [[*times, one.model, one.measure, one.theirs, one.ours, cause.value, amount] for cause, amount in one.parts]


def _print_table(found: Reconciled) -> None:
    console = result_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("from (UTC)", no_wrap=True)
    table.add_column("model", overflow="fold")
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("of", overflow="fold")
    for one in found.differences:
        amounts = f"{_amount(one.measure, one.theirs)} theirs, {_amount(one.measure, one.ours)} ours"
        start = time_in(_UTC, one.start_us).removesuffix("+00:00").replace("T00:00:00", "")
        model = plain_text(one.model) or "all"
        table.add_row(start, model, _signed(one.measure, one.theirs - one.ours), f"{_named(one.measure)}: {amounts}")
        for cause, amount in one.parts:
            style = "bold red" if cause is DifferenceCause.UNEXPLAINED else ""
            table.add_row("", "", Text(_signed(one.measure, amount), style), Text(f"  {IN_WORDS[cause]}", style))
    if found.differences:
        print_table(console, table)
    differ = len(found.differences)
    unexplained = sum(bool(one.unexplained) for one in found.differences)
    console.print(
        f"{found.compared} figures compared: {found.compared - differ} agree, {differ - unexplained} differ and are"
        f" explained, {unexplained} are not",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )


def _named(measure: str) -> str:
    return "cost" if measure == "cost_micro_usd" else measure.replace("_", " ")


def _amount(measure: str, value: int) -> str:
    return f"${exact_money(value)}" if measure == "cost_micro_usd" else f"{value:,}"


def _signed(measure: str, value: int) -> str:
    return ("+" if value >= 0 else "-") + _amount(measure, abs(value))
