"""The line of an exchange: what an operator looks for, and nothing that was said."""

from __future__ import annotations

import io
import json
from typing import Any

from extproc.config.document import Log
from extproc.domain.record import Coverage, ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.server.json_log import open_log
from extproc.sinks.exchange_log import IDENTITY_CHARS_MAX, ExchangeLog


def line_of(record: ExchangeRecord) -> dict[str, Any]:
    """The one line that is written for a record."""
    stream = io.StringIO()
    ExchangeLog(open_log(Log(), stream)).exchange_ended(record)
    (line,) = stream.getvalue().splitlines()
    return dict(json.loads(line))


def test_a_line_tells_who_what_and_how_much() -> None:
    """Enough to find one exchange again in Envoy's log and in the bill."""
    record = ExchangeRecord("id-1", "rev", 1_000_000, endpoint="chat", outcome=Outcome.COMPLETED, status=200)
    record.team, record.project, record.budget_code = "search", "index", "b-1"
    record.version = VersionFacts("tiny-chat", "v1", "f00", Prices(1, 1, 1))
    record.usage, record.cost_micro_usd, record.ended_ns = Usage(10, 4, 6), 17, 43_000_000
    record.findings["pii", "request", "EMAIL"] += 2
    record.cover("pii", Coverage.CHECKED)
    line = line_of(record)
    assert (line["event"], line["level"], line["exchange"], line["outcome"]) == (
        "exchange",
        "info",
        "id-1",
        "completed",
    )
    assert (line["team"], line["project"], line["budget_code"]) == ("search", "index", "b-1")
    assert (line["model"], line["version"], line["fingerprint"], line["revision"]) == ("tiny-chat", "v1", "f00", "rev")
    assert (line["prompt_tokens"], line["completion_tokens"], line["cached_tokens"]) == (10, 4, 6)
    assert (line["cost_micro_usd"], line["duration_ms"], line["estimated"]) == (17, 42, False)
    assert (line["findings"], line["coverage"]) == ({"pii/request/EMAIL": 2}, {"pii": "checked"})


def test_an_exchange_of_which_little_is_known_has_a_line_too() -> None:
    """Without version and usage: refused before either was known."""
    line = line_of(ExchangeRecord("id-1", "rev", 0, outcome=Outcome.REJECTED, reason="path_not_allowed", status=403))
    assert (line["outcome"], line["reason"], line["status"]) == ("rejected", "path_not_allowed", 403)
    assert (line["model"], line["prompt_tokens"]) == ("", 0)


def test_identities_are_cut_so_that_a_header_cannot_flood_the_log() -> None:
    """They are what a client may write into a line, and a header can be 60 KB."""
    line = line_of(ExchangeRecord("id-1", "rev", 0, team="t" * 60_000, project="p" * 60_000, budget_code="b" * 60_000))
    assert [len(line[key]) for key in ("team", "project", "budget_code")] == [IDENTITY_CHARS_MAX] * 3
