"""How much of a streamed answer the guard for personal data holds back, and for how long; and when all guards let the
first text go.

    python tests/tools/holdback_report.py

For each kind of text: characters held after an event (median, 95th percentile, most), events until the first text goes
out (1: with the event that brought it), and the share of events after which nothing but the last word is held. Texts
are cut as models' tokens are: a word with the blank before it, three digits, a few signs. Recorded answers are cut as
the server cut them. All come from this repository and the standard library.

The demo has a guard of each kind that looks at answers. All of them together, with their default actions and with those
of the demo (where one that blocks harm holds a sentence), are given people's answers token by token: `first_event` 1 is
without any delay, 2 one token later.
"""

from __future__ import annotations

import gzip
import inspect
import itertools
import json
import re
import statistics
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from extproc.config.document import Document
from extproc.config.guards.base import GuardSection
from extproc.config.guards.pii import PiiSection
from extproc.demo.installation import DEMO_CONFIG
from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Kind, Stage, TextSource
from extproc.exchange.snapshot import compile_snapshot
from extproc.filters.base import ExchangeContext, ExchangeFacts, Filter
from extproc.filters.chain import Channels
from extproc.filters.pii import PiiGuard
from extproc.payload.endpoints import CHAT
from extproc.payload.view import response_source
from extproc.server.operations.config_files import read_config
from tests.stream.recorded import frames_of, recordings

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ROOT / "tests" / "corpus" / "shared" / "refusal" / "self_instruct_answers.jsonl.gz"
_TOKEN = re.compile(r" ?[A-Za-z]{1,8}| ?[0-9]{1,3}| ?[^\sA-Za-z0-9]{1,3}|\s+", re.ASCII)
_LAST_WORD = re.compile(r"\S*\Z")
_CHARS_MAX = 60_000

Text = tuple[list[str], Kind]
"""One text in the pieces of its events."""


@dataclass
class Held:
    """What was held over some texts."""

    chars: list[int] = field(default_factory=list)
    first_events: list[int] = field(default_factory=list)
    last_word_only: int = 0


def tokens(text: str) -> list[str]:
    """A text in pieces of the size of a model's tokens."""
    return _TOKEN.findall(text)


def held_of(texts: Iterable[Text], guard: PiiGuard) -> Held:
    """Feed texts to a guard's stage, and note what it holds after each piece."""
    held = Held()
    for pieces, kind in texts:
        stage = guard.stage(
            response_source(kind, 0), ExchangeContext(ExchangeFacts(CHAT, {}, {}), ExchangeRecord("report", "", 0))
        )
        if stage is not None and pieces:
            _feed(stage, pieces, held)
    return held


def _feed(stage: Stage, pieces: list[str], held: Held) -> None:
    tail, first = "", 0
    for number, piece in enumerate(pieces, start=1):
        if stage.feed(piece) and not first:
            first = number
        kept = stage.held()
        tail = (tail + piece)[-64:]
        held.chars.append(len(kept))
        match = _LAST_WORD.search(tail)
        held.last_word_only += len(kept) <= (len(match.group()) if match else 0)
    held.first_events.append((first or len(pieces)) - _first_word_pieces(pieces) + 1)


def _first_word_pieces(pieces: list[str]) -> int:
    """How many pieces the first word has: one such as ``ext_proc`` comes in several."""
    return max(1, len(list(takewhile(lambda piece: piece.isalnum() or piece in ("-", "_"), pieces))))


# --- texts ---------------------------------------------------------------------------------------------------------


def prose() -> Iterator[Text]:
    """The documentation of this project and of a few modules, without its code and tables."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
        yield tokens("\n".join(lines)[:_CHARS_MAX]), Kind.CONTENT
    yield tokens(textwrap.dedent(inspect.getdoc(statistics) or "")), Kind.CONTENT


def code() -> Iterator[Text]:
    """Modules of the standard library."""
    for module in (json.decoder, statistics, textwrap, inspect):
        yield tokens(inspect.getsource(module)[:_CHARS_MAX]), Kind.CONTENT


def json_texts() -> Iterator[Text]:
    """A JSON schema and records, as content and as tool arguments, in three ways of writing."""
    schema = Document.model_json_schema()
    for indent, separators in ((None, (",", ":")), (None, (", ", ": ")), (2, (",", ": "))):
        for value in (schema, _records()):
            written = json.dumps(value, indent=indent, separators=separators)[:_CHARS_MAX]
            yield tokens(written), Kind.CONTENT
            yield tokens(written), Kind.JSON


def _records() -> list[dict[str, object]]:
    random = Random(1)
    return [
        {
            "id": number,
            "at": f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02}T12:{random.randint(0, 59):02}:00Z",
            "total": round(random.random() * 1_000, 2),
            "tags": ["new", "Paid in full"],
            "note": "Deliver on Monday, not before 9 am.",
        }
        for number in range(200)
    ]


def numbers() -> Iterator[Text]:
    """Columns of numbers by blanks, by commas and in a table; sums; dates; a sentence full of figures."""
    random = Random(2)
    figures = [random.choice([random.randint(0, 9_999), round(random.random() * 100, 2)]) for _ in range(2_000)]
    yield tokens(" ".join(map(str, figures))), Kind.CONTENT
    yield tokens(", ".join(map(str, figures))), Kind.CONTENT
    rows = zip(*[iter(figures)] * 4, strict=False)
    yield tokens("\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)), Kind.CONTENT
    sums = (f"{first} + {second} = {first + second:g}" for first, second in itertools.pairwise(figures))
    yield tokens("\n".join(sums)), Kind.CONTENT
    dates = (f"{random.randint(1, 28)} {month} {random.randint(1990, 2026)}" for month in ("May", "June", "July") * 99)
    yield tokens("; ".join(dates)), Kind.CONTENT
    sentence = "In 2024 The Hague had 562 839 inhabitants, 3.1 % more than in 2020, on 98.13 square kilometres. "
    yield tokens(sentence * 40), Kind.CONTENT


def capitals() -> Iterator[Text]:
    """Headings and shouting: words that could be groups of an account number."""
    sentence = "THIS IS NOT A TEST OF ALL THE CAPS YOU HAVE. The US Army and the EU told IBM UK to BUY NEW PCS. "
    yield tokens(sentence * 40), Kind.CONTENT


def recorded() -> Iterator[Text]:
    """Every recorded stream of an API that we read, channel by channel."""
    for one in recordings(streamed=True):
        channels: dict[TextSource, list[str]] = {}
        for frame in frames_of(one.dialect.stream({}), one.answer):
            for slot in frame.slots:
                if slot.source.kind is not Kind.ASIDE:  # judged whole in each event: nothing of it is held
                    channels.setdefault(slot.source, []).append(slot.text)
        for source, pieces in channels.items():
            yield [piece for piece in pieces if piece], source.kind


TEXTS = {
    "recorded": recorded,
    "prose": prose,
    "code": code,
    "json": json_texts,
    "numbers": numbers,
    "capitals": capitals,
}


def report(every: int = 1) -> dict[str, float]:
    """All figures.

    Args: every: only one text in so many is looked at, by who wants the names rather than the figures.
    """
    return held_back(every) | first_events(every)


def held_back(every: int = 1) -> dict[str, float]:
    """``holdback.TEXT.WHAT``: ``median``, ``p95`` and ``max`` [characters], ``first_event_max`` [events from the end of
    the first word], ``last_word_only`` [share of events].
    """
    guard = PiiGuard(PiiSection(guard="pii"))
    figures: dict[str, float] = {}
    for name, texts in TEXTS.items():
        held = held_of(itertools.islice(texts(), 0, None, every), guard)
        place = f"holdback.{name}"
        figures[f"{place}.median"] = statistics.median(held.chars)
        figures[f"{place}.p95"] = statistics.quantiles(held.chars, n=20)[-1]
        figures[f"{place}.max"] = max(held.chars)
        figures[f"{place}.first_event_max"] = max(held.first_events)
        figures[f"{place}.last_word_only"] = round(held.last_word_only / len(held.chars), 3)
    return figures


def first_events(every: int = 1) -> dict[str, float]:
    """``holdback.all_guards.ACTIONS.first_event_WHAT``: median, 95th percentile, and the share of 2 or less."""
    files = read_config(DEMO_CONFIG)
    document = files.loaded.document
    guards = {guard.guard: guard for policy in document.policies for guard in policy.guards}
    chosen: dict[str, list[GuardSection]] = {
        "default": [_with_default_action(guard) for guard in guards.values()],
        "demo": list(guards.values()),
    }
    figures: dict[str, float] = {}
    for actions, sections in chosen.items():
        policy = document.policies[-1].model_copy(update={"guards": tuple(sections)})
        snapshot = compile_snapshot(document.model_copy(update={"policies": (policy,)}), files.prompts)
        events = [_first_event(snapshot.policies[-1].response_filters, text) for text in _answers()[::every]]
        place = f"holdback.all_guards.{actions}.first_event"
        figures[f"{place}_median"] = statistics.median(events)
        figures[f"{place}_p95"] = statistics.quantiles(events, n=20)[-1]
        figures[f"{place}_within_one_token"] = sum(event <= 2 for event in events) / len(events)
    return figures


def _with_default_action(section: GuardSection) -> GuardSection:
    given = section.model_dump(exclude_unset=True)
    given.pop("action", None)
    return type(section).model_validate(given)


def _answers() -> list[list[str]]:
    """What people were answered, as tokens."""
    lines = gzip.decompress(ANSWERS.read_bytes()).splitlines()
    return [tokens(json.loads(line)["text"]) for line in lines]


def _first_event(filters: tuple[Filter, ...], pieces: list[str]) -> int:
    exchange = ExchangeContext(ExchangeFacts(CHAT, {}, {}), ExchangeRecord("report", "", 0))
    chain = Channels(filters, exchange, 1).chain(response_source(Kind.CONTENT, 0))
    return next((number for number, piece in enumerate(pieces, 1) if chain.feed(piece).strip()), len(pieces))


def main() -> None:
    """Print the figures as a table."""
    figures = report()
    columns = ("median", "p95", "max", "first_event_max", "last_word_only")
    print("| text | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for name in TEXTS:
        row = (f"{figures[f'holdback.{name}.{column}']:g}" for column in columns)
        print(f"| {name} | " + " | ".join(row) + " |")
    for name, value in figures.items():
        if ".all_guards." in name:
            print(f"{name} {value:g}")


if __name__ == "__main__":
    main()
