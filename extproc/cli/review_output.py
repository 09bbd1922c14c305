"""How ``extproc review`` shows findings: as tables, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, NamedTuple, cast

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.review_shapes import (
    ExportedJson,
    FindingJson,
    FindingsJson,
    ImportedJson,
    LabeledFindingJson,
    LabeledJson,
    LabelJson,
    PrecisionJson,
    ReviewedJson,
    ShownFindingJson,
    StatsJson,
)
from extproc.cli.tables import print_table
from extproc.sinks.review.entries import GuardCounts, ImportCounts, Label, ReviewLabel, Stored
from extproc.sinks.review.precision import precision_of

EXCERPT_COLUMNS_MIN: Final = 24
"""Less of an excerpt says too little: other columns are left out."""
_CELL_COLUMNS_MAX: Final = 24  # of a column on a terminal
_GAP: Final = 2
_CONTEXT_SHARE: Final = 3
"""A finding that is too far right for its line is moved to a third of it."""

# --- tables --------------------------------------------------------------------------------------------------------


class _Column(NamedTuple):
    """``rank``: the higher, the sooner a narrow terminal leaves it out; 0: never."""

    name: str
    rank: int
    read: Callable[[Stored], str]


_COLUMNS: Final = (
    _Column("number", 0, lambda stored: str(stored.id)),
    _Column("seen", 2, lambda stored: _moment(stored.entry.seen_at_ms)),
    _Column("guard", 0, lambda stored: stored.entry.guard),
    _Column("kind", 1, lambda stored: stored.entry.kind),
    _Column("action", 3, lambda stored: stored.entry.action),
    _Column("team", 5, lambda stored: stored.entry.team),
    _Column("version", 4, lambda stored: _version(stored)),
    _Column("route", 6, lambda stored: stored.entry.route),
    _Column("label", 0, lambda stored: stored.verdict.value if stored.verdict else ""),
)


def print_findings(console: Console, found: Sequence[Stored]) -> None:
    """One line per finding, whatever the width; a narrow terminal gets fewer columns."""
    cells_max = _CELL_COLUMNS_MAX if console.is_terminal else console.width
    cells = {column: [_plain(column.read(stored)) for stored in found] for column in _COLUMNS}
    widths = {
        column: min(max(cell_len(column.name), *(cell.cell_len for cell in cells[column])), cells_max)
        for column in _COLUMNS
    }
    shown = list(_COLUMNS)
    while (left := _left(console, [widths[column] for column in shown])) < EXCERPT_COLUMNS_MIN:
        first = max(shown, key=lambda column: column.rank)
        if not first.rank:
            break
        shown.remove(first)
    excerpts = [_at_finding(stored, left) if console.is_terminal else _marked(stored) for stored in found]
    _print_row(console, [(Text(column.name, "bold"), widths[column]) for column in shown], Text("excerpt", "bold"))
    for index, excerpt in enumerate(excerpts):
        _print_row(console, [(cells[column][index], widths[column]) for column in shown], excerpt)


def _left(console: Console, widths: Sequence[int]) -> int:
    return console.width - sum(width + _GAP for width in widths)


def _print_row(console: Console, cells: Sequence[tuple[Text, int]], last: Text) -> None:
    line = Text()
    for cell, width in cells:
        cell.truncate(width, overflow="ellipsis", pad=True)
        line.append_text(cell).append(" " * _GAP)
    line.append_text(last)
    line.rstrip()
    console.print(line, no_wrap=True, overflow="ellipsis", crop=True)


def _at_finding(stored: Stored, width: int) -> Text:
    """The excerpt from its beginning, or from shortly before the finding if that would not be seen."""
    text, entry = _marked(stored), stored.entry
    if text[: entry.found_end].cell_len < width:
        return text
    return Text("\u2026").append_text(text[max(0, entry.found_start - width // _CONTEXT_SHARE) :])


def _version(stored: Stored) -> str:
    return f"{stored.entry.model}/{stored.entry.version}" if stored.entry.version else ""


def _route(stored: Stored) -> str:
    return f"route {stored.entry.route}" if stored.entry.route else ""


def print_question(console: Console, stored: Stored, place: int, of: int) -> None:
    """What a reviewer must know to decide, and the whole excerpt."""
    entry = stored.entry
    facts = (
        entry.action,
        f"score {entry.score:.2f}",
        entry.direction,
        entry.speaker,
        entry.team,
        _version(stored),
        _route(stored),
    )
    console.print()
    console.print(_plain(f"{place} of {of}: finding {stored.id}, {entry.guard} {entry.kind}"), style="bold")
    console.print(_plain(", ".join(fact for fact in facts if fact)))
    console.print(_marked(stored) if entry.excerpt else _plain(f"(no text was kept of exchange {entry.exchange})"))


def print_reviewed(done: ReviewedJson) -> None:
    """The end of ``review next``, in a line."""
    right = sum(one["label"]["verdict"] == ReviewLabel.CONFIRM.value for one in done["labeled"])
    counts = f"{len(done['labeled'])} labeled ({right} right, {len(done['labeled']) - right} wrong)"
    typer.echo(f"{counts}, {len(done['skipped'])} skipped, {done['waiting']} left without a label")


def print_imported(done: ImportedJson) -> None:
    """The end of ``review import``: what was added, and what was not and why."""
    typer.echo(f"{done['added']} labels added")
    for count, why in (
        (done["known"], "labels were there already"),
        (done["older"], "labels are older than their finding's last one, which stays"),
        (done["missing"], "findings are not in this store"),
        (done["unlabeled"], "lines have no label"),
    ):
        if count:
            typer.echo(f"{count} {why}")


def word_of(verdict: ReviewLabel) -> str:
    """A label in a word."""
    return "right" if verdict is ReviewLabel.CONFIRM else "wrong"


def print_finding(console: Console, stored: Stored, said: Sequence[Label]) -> None:
    """All fields, the excerpt, and the labels, oldest first."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("number", str(stored.id))
    table.add_row("seen", _moment(stored.entry.seen_at_ms))
    for name, value in asdict(stored.entry).items():
        if name not in ("seen_at_ms", "excerpt", "found_start", "found_end"):
            table.add_row(name.replace("_", " "), _plain(str(value)))
    for label in said:
        told = f"{label.verdict.value}, by {label.by}, {_moment(label.at_ms)}"
        table.add_row("label", _plain(f"{told}: {label.note}" if label.note else told))
    table.add_row("excerpt", _marked(stored) if stored.entry.excerpt else "none was kept")
    print_table(console, table)


def print_stats(console: Console, counted: Sequence[GuardCounts]) -> None:
    """One line per guard."""
    table = Table("guard", "labelled", "right", "precision", "95 % interval", "waiting", box=None, pad_edge=False)
    for one in counted:
        found = precision_of(one.confirmed, one.labelled)
        share = f"{found.share:.3f}" if found else "-"
        interval = f"{found.low:.3f} to {found.high:.3f}" if found else "-"
        table.add_row(_plain(one.guard), str(one.labelled), str(one.confirmed), share, interval, str(one.waiting))
    print_table(console, table)


def _marked(stored: Stored) -> Text:
    """The excerpt on one line, with the finding underlined."""
    entry = stored.entry
    text = _plain(entry.excerpt)
    text.stylize("bold underline", entry.found_start, entry.found_end)
    return text


def _plain(value: str) -> Text:
    """User text for a terminal: no markup, and no character that could move the cursor or change colors."""
    return Text("".join(character if character.isprintable() else "\u00b7" for character in value))


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


# --- JSON ----------------------------------------------------------------------------------------------------------


def findings_data(found: Sequence[Stored]) -> FindingsJson:
    """Of ``review list``."""
    return {"findings": [_finding(stored) for stored in found]}


def finding_data(stored: Stored, said: Sequence[Label]) -> ShownFindingJson:
    """Of ``review show``."""
    return {"finding": _finding(stored), "labels": [_label(one) for one in said]}


def labeled_data(numbers: Sequence[int], label: Label) -> LabeledJson:
    """Of ``review label``."""
    return {"id": numbers[0], "ids": list(numbers), "label": _label(label)}


def reviewed_data(labeled: Mapping[int, Label], skipped: Sequence[int], waiting: int) -> ReviewedJson:
    """Of ``review next``."""
    given: list[LabeledFindingJson] = [{"id": number, "label": _label(label)} for number, label in labeled.items()]
    return {"labeled": given, "skipped": list(skipped), "waiting": waiting}


def imported_data(counts: ImportCounts, missing: int, unlabeled: int) -> ImportedJson:
    """Of ``review import``."""
    return {**asdict(counts), "missing": missing, "unlabeled": unlabeled}  # type: ignore[typeddict-item]


def stats_data(counted: Sequence[GuardCounts]) -> StatsJson:
    """Of ``review stats``."""
    return {
        "guards": [
            {
                "guard": one.guard,
                "labelled": one.labelled,
                "right": one.confirmed,
                "waiting": one.waiting,
                "precision": _precision(one),
            }
            for one in counted
        ]
    }


def exported(stored: Stored, label: Label | None) -> ExportedJson:
    """One line of an export, in the format of the training code and the project's corpora."""
    entry = stored.entry
    known = asdict(entry)
    text, start, end = known.pop("excerpt"), known.pop("found_start"), known.pop("found_end")
    line = {
        "text": text,
        "label": None if label is None else int(label.verdict is ReviewLabel.CONFIRM),
        "spans": [{"start": start, "end": end, "type": entry.kind}] if text else [],
        "id": stored.id,
        **known,
        "labelled_by": label.by if label else None,
        "labelled_at_ms": label.at_ms if label else None,
        "note": label.note if label else None,
    }
    return cast(ExportedJson, line)


def _finding(stored: Stored) -> FindingJson:
    verdict = stored.verdict.value if stored.verdict else None
    return cast(FindingJson, {"id": stored.id, **asdict(stored.entry), "verdict": verdict})


def _label(label: Label) -> LabelJson:
    return {"verdict": label.verdict.value, "by": label.by, "at_ms": label.at_ms, "note": label.note}


def _precision(counts: GuardCounts) -> PrecisionJson | None:
    found = precision_of(counts.confirmed, counts.labelled)
    return None if found is None else {"share": found.share, "low": found.low, "high": found.high}
