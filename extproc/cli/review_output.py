"""How ``extproc review`` shows findings: as tables, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.output import print_table
from extproc.cli.shapes import (
    ExportedJson,
    FindingJson,
    FindingsJson,
    LabeledJson,
    LabelJson,
    PrecisionJson,
    ShownFindingJson,
    StatsJson,
)
from extproc.sinks.review.entries import GuardCounts, Label, ReviewLabel, Stored
from extproc.sinks.review.precision import precision_of

TABLE_COLUMNS_MIN: Final = 120

# --- tables --------------------------------------------------------------------------------------------------------


def print_findings(console: Console, found: Sequence[Stored]) -> None:
    """One line per finding, with the beginning of its excerpt; two where the terminal is narrow."""
    if console.width < TABLE_COLUMNS_MIN:
        for stored in found:
            console.print(Text("  ").join(part for part in _cells(stored) if part), no_wrap=True, overflow="ellipsis")
            if stored.entry.excerpt:
                console.print(Text("    ").append(_marked(stored)), no_wrap=True, overflow="ellipsis")
        return
    table = Table("number", "seen", "guard", "kind", "action", "team", "version", "label", box=None, pad_edge=False)
    table.add_column("excerpt", overflow="ellipsis", no_wrap=True)
    for stored in found:
        table.add_row(*_cells(stored), _marked(stored))
    print_table(console, table)


def _cells(stored: Stored) -> list[Text]:
    entry = stored.entry
    version = f"{entry.model}/{entry.version}" if entry.version else ""
    verdict = stored.verdict.value if stored.verdict else ""
    row = (str(stored.id), _moment(entry.seen_at_ms), entry.guard, entry.kind, entry.action, entry.team, version)
    return [_plain(value) for value in (*row, verdict)]


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


def labeled_data(number: int, label: Label) -> LabeledJson:
    """Of ``review label``."""
    return {"id": number, "label": _label(label)}


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
