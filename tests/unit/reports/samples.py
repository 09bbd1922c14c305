"""Ledgers to report on, and reports as the command makes them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from extproc.ledger.entry import EntryOutcome, LedgerEntry, TokenSource
from extproc.ledger.store import LedgerStore
from extproc.reports.dimensions import dimension_of, dimensions_of
from extproc.reports.periods import DayRange, PeriodSize, zone_of
from extproc.reports.query import LedgerQuery
from extproc.reports.report import Question, Report, report_of
from extproc.reports.usage import Measure
from tests.unit.ledger.samples import bare_entry, entry

LONG_AGO_US = 2**60
"""A time at which every period of a test is over."""
HOSTILE = (
    "=1+1",
    "'",
    "@SUM(A1)",
    "a,b;c",
    'he said "hi"',
    "\x1b[31mred\x07",
    "two\nlines",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "x" * 10_240,
    "名前",
    "",
)
"""Names that a team may have, in a ledger that others write too."""


def at_us(written: str) -> int:
    """A moment, as 2026-03-29T01:30+01:00. [us since 1970]"""
    moment = datetime.fromisoformat(written)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * 1_000_000


def entry_at(written: str, exchange: str = "", **changed: Any) -> LedgerEntry:
    """An entry that starts at a moment, and takes 900 ms."""
    started = at_us(written)
    sent = {"started_at_us": started, "sent_at_us": started + 1_000}
    times = {**sent, "first_token_at_us": started + 90_000, "ended_at_us": started + 900_000}
    return entry(exchange=exchange or f"x-{written}-{len(changed)}", **{**times, **changed})


def report(
    store: LedgerStore,
    first: str,
    last: str,
    by: str = "team",
    size: PeriodSize = PeriodSize.DAY,
    *,
    zone: str = "UTC",
    only: tuple[tuple[str, str], ...] = (),
    measure: Measure | None = None,
    now_us: int = LONG_AGO_US,
) -> Report:
    """A report on a store."""
    days = DayRange(date.fromisoformat(first), date.fromisoformat(last), zone_of(zone), zone)
    conditions = [(dimension_of(name), value) for name, value in only]
    with store.reading() as connection:
        query = LedgerQuery(connection, dimensions_of(by), conditions)
        question = Question(days, size, dimensions_of(by), conditions, measure)
        return report_of(question, query, now_us, lambda _: None)


def random_entries(count: int, first: str, days: int, seed: int = 1) -> list[LedgerEntry]:
    """Entries of many kinds, spread over days; refused ones have no tokens, as the processor writes them."""
    chosen = random.Random(seed)
    start = at_us(first)
    found = []
    for number in range(count):
        started = start + chosen.randrange(days * 86_400_000_000)
        if chosen.random() < 0.1:
            refused = replace(bare_entry(f"r-{number}"), started_at_us=started, ended_at_us=started)
            found.append(replace(refused, team=chosen.choice(HOSTILE), finding_count=number % 2))
            continue
        prompt, completion = (chosen.choice((0, 1, chosen.randrange(10**6), 2**53 + 1)) for _ in range(2))
        found.append(
            entry(
                exchange=f"r-{number}",
                started_at_us=started,
                first_token_at_us=chosen.choice((None, started + chosen.randrange(1, 10**7))),
                ended_at_us=started + chosen.randrange(10**8),
                team=chosen.choice(HOSTILE),
                project=chosen.choice(("index", "")),
                route=chosen.choice(("night", "day/fast")),
                model=chosen.choice(("tiny", "org/large")),
                version=chosen.choice(("v1", "v2", "")),
                prompt_tokens=prompt,
                completion_tokens=completion,
                prompt_tokens_source=chosen.choice((None, *TokenSource)),
                completion_tokens_source=chosen.choice((None, *TokenSource)),
                cost_micro_usd=chosen.choice((0, chosen.randrange(10**9), 2**54 + 1)),
                refusals=chosen.randrange(3),
                finding_count=chosen.randrange(3),
                outcome=chosen.choice([one for one in EntryOutcome if one is not EntryOutcome.REFUSED]),
            )
        )
    return found
