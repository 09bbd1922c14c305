"""Dry runs for people: texts with what was found in them, and why; streams token by token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from extproc.cli.tables import plain_text, print_line, print_table
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction
from extproc.dryrun.outcome import DryRun, GuardFinding, LocatedFinding, Unasked
from extproc.dryrun.texts import SourcedText

ACTION_STYLES: Final = {
    Action.BLOCK: "bold red",
    Action.MASK: "bold yellow",
    Action.FLAG: "bold cyan",
    Action.SHADOW: "dim",
}
_CAUSE_COLUMNS: Final = 8
_INDENT: Final = "  "
_WORDS_SHOWN: Final = 60


def print_texts(console: Console, run: DryRun) -> None:
    """The texts as they came, each finding in brackets after its kind."""
    located = list(run.located())
    for direction in Direction:
        of_direction = [one for one in located if one.found.direction is direction]
        for number, sourced in enumerate(run.texts(direction)):
            inside = [one for one in of_direction if one.place is not None and one.place.number == number]
            if inside or sourced.source.speaker in ("user", "assistant"):
                print_line(console, Text(_title(sourced), style="bold"))
                print_lines(console, marked(sourced.text, inside))


def marked(text: str, located: Sequence[LocatedFinding]) -> Text:
    """A text with its findings in brackets: ``write to [EMAIL: ann@example.org]``."""
    opened: dict[int, list[LocatedFinding]] = defaultdict(list)
    closed: dict[int, list[LocatedFinding]] = defaultdict(list)
    for one in located:
        if one.place is not None:
            opened[one.place.start].append(one)
            closed[one.place.end].append(one)
    written, done, styles = Text(), 0, [""]
    for place in sorted({*opened, *closed, len(text)}):
        written.append(plain_text(text[done:place]), styles[-1])
        for _ in closed[place]:
            written.append("]", styles.pop())
        for one in sorted(opened[place], key=lambda one: -(one.place.end if one.place else 0)):
            styles.append(ACTION_STYLES[one.found.action])
            written.append(f"[{one.found.finding.kind}: ", styles[-1])
        done = place
    return written


def print_findings_explained(console: Console, located: Iterable[LocatedFinding]) -> None:
    """Each finding with its score, its place and its reasons; equal ones once."""
    told: set[tuple[object, ...]] = set()
    for one, place in located:
        key = (one.guard, one.finding.kind, one.action, one.finding.score, one.words, one.direction)
        if key in told:
            continue
        told.add(key)
        print_line(console, _heading(one))
        words = one.words[:_WORDS_SHOWN] + ("…" if len(one.words) > _WORDS_SHOWN else "")
        where = f" ({one.direction.value}, characters {place.start} to {place.end})" if place is not None else ""
        rows = [("text", f'"{words}"{where}')] if words else []
        rows += [(cause, _said(list(some))) for cause, some in groupby(one.reasons(), key=lambda reason: reason.cause)]
        print_table(console, _set_in(rows))


def _set_in(rows: Iterable[tuple[str, str]]) -> Table:
    """Names and sentences, whose further lines begin below the first."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(width=len(_INDENT) + _CAUSE_COLUMNS, style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in rows:
        table.add_row(_INDENT + name, Text(plain_text(said)))
    return table


def _heading(found: GuardFinding) -> Text:
    finding = found.finding
    text = Text(found.guard, "bold").append(f"  {finding.kind}  ", ACTION_STYLES[found.action])
    text.append(found.action.value, ACTION_STYLES[found.action]).append(f"  score {finding.score:.2f}")
    limits = [f"{action} from {score:.2f}" for action, score in found.thresholds.items()]
    text.append(f" ({', '.join(limits)})" if limits else "", "dim")
    return text.append(f"  {finding.detector}", "dim")


def _said(reasons: Sequence[Reason]) -> str:
    quotes = reasons[0].cause in ("pattern", "phrase", "words", "n-gram", "context")
    said = [f'"{one.said}"' if quotes else one.said for one in reasons]
    weights = ["" if one.weight is None else f" {one.weight:.2f}" for one in reasons]
    return ", ".join(words + weight for words, weight in zip(said, weights, strict=True))


def print_pieces(console: Console, run: DryRun) -> None:
    """A stream: what arrived, what the client got for it, and what is held back."""
    table = Table(box=None, pad_edge=False)
    table.add_column("arrives", overflow="fold")
    table.add_column("client gets", overflow="fold", style="green")
    table.add_column("held back", overflow="fold", style="yellow")
    for piece in run.pieces:
        if piece.arrived or piece.released:
            table.add_row(*(Text(_quoted(text)) for text in (piece.arrived, piece.released, piece.held)))
    print_table(console, table)


def print_unasked(console: Console, unasked: Iterable[Unasked]) -> None:
    """Each classifier that was not asked, and what that means here."""
    for one in dict.fromkeys(unasked):
        meaning = "the request goes on as if it found nothing" if one.awaited else "it judges out of band"
        texts = "1 text" if one.texts == 1 else f"{one.texts} texts"
        said = f"classifier {one.classifier} of guard {one.guard}, {texts} of the {one.direction.value}: {meaning}"
        print_line(console, Text("not asked", "yellow").append(plain_text(f"  {said}")))


def after(texts: Sequence[SourcedText]) -> str:
    """What a model or a client sees."""
    if len(texts) == 1:
        return texts[0].text
    return "\n".join(f"{_title(one)}: {one.text}" for one in texts)


def _title(sourced: SourcedText) -> str:
    source = sourced.source
    kind = "" if source.kind == "content" else f", {source.kind.value}"
    choice = f", choice {source.choice}" if source.choice else ""
    return f"{source.direction.value}, {source.speaker.value}{kind}{choice}"


def _quoted(text: str) -> str:
    visible = text.replace("\n", "\\n").replace("\t", "\\t")
    return f'"{plain_text(visible)}"' if text else ""


def print_lines(console: Console, text: Text) -> None:
    """A text of several lines, set in."""
    for line in text.split("\n", allow_blank=True):
        line.rstrip()
        print_table(console, Padding(line, (0, 0, 0, len(_INDENT)), expand=False))
