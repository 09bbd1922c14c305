"""One line for each stop of the tour: what was sent, what came of it, what was found where, and why that matters.

Where is told by color: found words stand in what was sent, or in what came of it. A wide console names the kinds too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from extproc.demo.stop import Effect, Stop

STYLES: Final[dict[Effect, str]] = {"block": "bold red", "mask": "cyan", "flag": "yellow"}
EFFECTS: Final[dict[Effect, str]] = {"block": "refused or cut", "mask": "masked", "flag": "only counted"}
WHY_COLUMNS: Final = 26
_MARK_COLUMNS: Final = 2
_FOUND_COLUMNS: Final = 40
_FOUND_FROM: Final = 150
_COLUMNS_MAX: Final = 64
_LINE_COLUMNS_MAX: Final = 1_000
"""Nothing that a stop says is longer."""
_STACKED_BELOW: Final = 72
"""Of columns; three columns would be a word wide."""
_GAP: Final = "  "
_BLANK: Final = " " * _MARK_COLUMNS
_DOTS: Final = "…"


class Widths(NamedTuple):
    """Columns of a line; ``found`` 0: only color tells. ``is_whole``: a longer text is not shortened."""

    sent: int
    outcome: int
    found: int
    is_whole: bool


def widths_of(console: Console) -> Widths | None:
    """How the columns share the console; None: they stand below each other."""
    if console.width < _STACKED_BELOW:
        return None
    found = _FOUND_COLUMNS if console.width >= _FOUND_FROM else 0
    gaps = len(_GAP) * (4 if found else 3)
    left = console.width - _MARK_COLUMNS - WHY_COLUMNS - found - gaps
    sent = min(_COLUMNS_MAX, (left + 4) // 2)
    return Widths(sent, min(left - sent, _COLUMNS_MAX), found, is_whole=left > 2 * _LINE_COLUMNS_MAX)


def print_heading(console: Console) -> None:
    """Name the columns."""
    if (widths := widths_of(console)) is not None:
        heads = [" " * _MARK_COLUMNS, "sent".ljust(widths.sent), "came of it".ljust(widths.outcome)]
        heads += ["found".ljust(widths.found)] if widths.found else []
        console.print(Text(_GAP.join([*heads, "why it matters"]), style="dim"), soft_wrap=True)


def print_stop(console: Console, stop: Stop) -> None:
    """Print its line, and what is wrong below."""
    widths = widths_of(console)
    if widths is None:
        for first, rest in ((_mark(stop), _sent(stop)), (_BLANK, _outcome(stop)), (_BLANK, _why(stop))):
            console.print(Text.assemble(first, " ", rest))
    else:
        sent, outcome, found, is_whole = widths
        cells = [_sent(stop), _outcome(stop)] if is_whole else [_sent(stop, sent), _outcome(stop, outcome)]
        cells = [_mark(stop), _padded(cells[0], sent), _padded(cells[1], outcome)]
        cells += [_padded(Text(_cut(stop.found_where, found)), found)] if found else []
        console.print(Text(_GAP).join([*cells, _why(stop)]), soft_wrap=True)
    for difference in stop.wrong:
        console.print(Text(f"   {stop.title}: {difference}", style="red"), soft_wrap=True)


def legend() -> Text:
    """What the colors mean."""
    return Text(", ").join(Text(meaning, style=STYLES[effect]) for effect, meaning in EFFECTS.items())


def shortened(text: str, found_texts: Sequence[str], columns: int) -> str:
    """A text that fits: whole, else its beginning if that has what was found, else the found words alone."""
    found = [one for one in found_texts if one in text]
    if len(text) <= columns or not found or (len(found) == 1 and text.index(found[0]) < columns // 2):
        return _cut(text, columns)
    return _cut(" ".join(found), columns)


def _sent(stop: Stop, columns: int = _LINE_COLUMNS_MAX) -> Text:
    return _marked(shortened(_words(stop.sent), _found_words(stop), columns), stop)


def _outcome(stop: Stop, columns: int = _LINE_COLUMNS_MAX) -> Text:
    """What came of it; colored as a whole where no single words are found in it."""
    text = _words(stop.came_of_it)
    if stop.effect is None:
        return Text(_cut(text, columns))
    if stop.effect == "block" or not any(one in text for one in _found_words(stop)):
        return Text(_cut(text, columns), style=STYLES[stop.effect])
    return _marked(shortened(text, _found_words(stop), columns), stop)


def _marked(text: str, stop: Stop) -> Text:
    """A text in which what was found is colored, also where it was cut."""
    made = Text(text)
    if stop.effect is not None:
        for one in _found_words(stop):
            at = text.find(one)
            if at < 0 and text.endswith(_DOTS):
                at = _begin_of_cut(text, one)
            if at >= 0:
                made.stylize(STYLES[stop.effect], at, at + len(one))
    return made


def _begin_of_cut(text: str, found: str) -> int:
    """Where a found text begins whose end was cut off; -1: nowhere."""
    whole = text[: -len(_DOTS)]
    return next((at for at in range(len(whole)) if found.startswith(whole[at:])), -1)


def _why(stop: Stop) -> Text:
    return Text.assemble((f"{stop.guard}: ", "bold") if stop.guard else "", stop.why)


def _mark(stop: Stop) -> Text:
    return Text("NO", style="bold red") if stop.wrong else Text("ok", style="green")


def _found_words(stop: Stop) -> list[str]:
    return [_words(one) for one in stop.found_texts]


def _words(text: str) -> str:
    """A text on one line; a character that cannot be seen is written as its escape."""
    line = re.sub(r"\s+", " ", text)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: columns - 1] + _DOTS


def _padded(text: Text, columns: int) -> Text:
    text.pad_right(max(0, columns - len(text)))
    return text
