"""What exchanges that have not ended are estimated to take of budgets, by the slots that processes have mapped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from extproc.domain.budgets import BudgetSums, taken_at_end
from extproc.ledger.entry import NOT_REACHED, LedgerEntry
from extproc.ledger.lines import RecordReader
from extproc.ledger.open_exchanges import left_behind
from extproc.ledger.spool import OPEN, process_folders


def with_in_flight(root: Path, sums: Sequence[BudgetSums], now_us: int) -> tuple[BudgetSums, ...]:
    """The sums, with what is in flight in each spool. Raises: OSError. Args: now_us: since 1970. [us]"""
    entries = {folder.name: list(_entries(folder, now_us)) for folder in process_folders(root)}
    return tuple([one._replace(in_flight=_of_budget(one, entries)) for one in sums])


def _entries(folder: Path, now_us: int) -> Iterator[LedgerEntry]:
    """As they would be stored if their process was killed now. A slot that changes meanwhile is left out."""
    try:
        left = left_behind(folder / OPEN)
    except OSError:  # it was recovered, or removed
        return
    reader = RecordReader(left.fields.begin, left.fields.end)
    for slot in left.slots:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            begin = orjson.loads(slot.begin)
            if slot.end:
                yield reader.entry_of(begin, orjson.loads(slot.end))
            else:
                yield reader.entry_of_died(begin, now_us * 1_000)


def _of_budget(sums: BudgetSums, entries: dict[str, list[LedgerEntry]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for spool, open_ones in entries.items():
        by_key: dict[str, int] = {}
        for entry in open_ones:
            if sums.period.start_us <= entry.started_at_us < sums.period.end_us and entry.outcome not in NOT_REACHED:
                key: str = getattr(entry, sums.per)
                taken = taken_at_end(sums.of, entry.prompt_tokens + entry.completion_tokens, entry.cost_micro_usd)
                by_key[key] = by_key.get(key, 0) + taken
        if by_key:
            found[spool] = by_key
    return found
