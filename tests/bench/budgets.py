"""What budgets that act cost a request: two of them, looked at, reserved, settled, and written to the spool."""

from __future__ import annotations

import json
import statistics
import time
from threading import Lock

from extproc.config.compiled_budgets import CompiledBudgets, compile_budgets
from extproc.config.load import parse_document
from extproc.domain.budgets import BudgetSums
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.token_rates import RequestSize
from extproc.domain.usage import Prices, Usage
from extproc.exchange.budget_memory import BudgetMemory
from extproc.exchange.budgeting import Budgeting
from extproc.exchange.token_counts import TokenCounts
from extproc.filters.base import ExchangeContext, ExchangeFacts
from extproc.payload.endpoints import CHAT
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROUNDS, REQUESTS = 50, 200
NOON_S = 43_200.0
VERSION = VersionFacts("tiny", "v1", "", Prices(150_000, 75_000, 600_000))
SIZE = RequestSize(utf8_bytes=160, turns=2, answer_tokens_max=200)
ACTS = {"period": "month", "amount": 10**12, "when_unknown": "allow"}
BUDGETS = [
    {"name": "tokens", "per": "project", "of": "tokens", "on_exhausted": "downgrade", **ACTS},
    {"name": "money", "per": "team", "of": "micro_usd", "on_exhausted": "block", **ACTS},
]


def measure_budgets(_places: Places | None = None) -> Figures:
    """``budget_us``: on the event loop. [us]"""
    budgets, memory, took_us = _compiled(), BudgetMemory(Lock()), []
    memory.configure(budgets)
    for number in range(ROUNDS):
        now_ns = number * 1_000_000
        sums = [
            BudgetSums(one.name, one.per, one.of, one.section.period_at(int(NOON_S * 1e6)), {"search": (7, 0)}, {})
            for one in budgets.budgets
        ]
        memory.take(sums, "mine", number, int(NOON_S * 1e6), now_ns)
        records = [_record(now_ns) for _ in range(REQUESTS)]
        counts = [TokenCounts(record, None) for record in records]
        contexts = [ExchangeContext(ExchangeFacts(CHAT, {}, {}), record) for record in records]
        started_ns = time.thread_time_ns()
        for record, tokens, context in zip(records, counts, contexts, strict=True):
            budgeting = Budgeting(budgets, memory, record, tokens, NOON_S)
            budgeting.begin(now_ns)
            budgeting.check(context, now_ns)
            tokens.size = SIZE
            budgeting.reserve(context, now_ns)
            record.usage, record.cost_micro_usd, record.outcome = Usage(40, 60), 42, Outcome.COMPLETED
            budgeting.end()
        took_us.append((time.thread_time_ns() - started_ns) / 1_000 / REQUESTS)
        memory.spooled(number + 1, [one for record in records for one in record.spent])
    return {"budget_us": statistics.median(took_us)}


def _record(now_ns: int) -> ExchangeRecord:
    return ExchangeRecord("bench", "", now_ns, endpoint="chat", team="search", project="index", version=VERSION)


def _compiled() -> CompiledBudgets:
    price = {"prompt_micro_usd_per_mtok": 150_000, "completion_micro_usd_per_mtok": 600_000}
    document = {
        "models": {"tiny": {"versions": {"v1": {"weight": 1, "price": price}}}},
        "routes": [{"name": "saving", "when": [{"budget_exhausted": ["tokens"]}], "model": "tiny"}, {"name": "all"}],
        "filters": [{"filter": "version"}, {"filter": "meter"}],
        "ledger": {},
        "budgets": BUDGETS,
    }
    found = compile_budgets(parse_document(json.dumps(document), "bench"))
    if found is None:
        raise AssertionError("the document has budgets that act")
    return found
