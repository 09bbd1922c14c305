"""The line of an exchange: what an operator looks for, and nothing that was said."""

from __future__ import annotations

import io
import json
from typing import Any

from extproc.config.document import Log
from extproc.domain.hop_results import MarkResult
from extproc.domain.record import Asked, Coverage, ExchangeRecord, Fencing, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.server.operations.json_log import open_log
from extproc.sinks.exchange_log import ExchangeLog


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
    record.user, record.key_id, record.identity_source = "3f9a", "search-1", "api_key"
    record.version = VersionFacts("tiny-chat", "v1", "f00", Prices(1, 1, 1))
    record.usage, record.cost_micro_usd, record.ended_ns = Usage(10, 4, 6), 17, 43_000_000
    record.findings = {("pii", "request", "EMAIL"): 2}
    record.note_coverage("pii", "request", Coverage.CHECKED, 2)
    line = line_of(record)
    assert (line["event"], line["level"], line["exchange"], line["outcome"]) == (
        "exchange",
        "info",
        "id-1",
        "completed",
    )
    assert (line["team"], line["project"], line["budget_code"]) == ("search", "index", "b-1")
    assert (line["user"], line["key_id"], line["identity_source"]) == ("3f9a", "search-1", "api_key")
    assert (line["model"], line["version"], line["fingerprint"], line["revision"]) == ("tiny-chat", "v1", "f00", "rev")
    assert (line["prompt_tokens"], line["completion_tokens"], line["cached_tokens"]) == (10, 4, 6)
    assert (line["cost_micro_usd"], line["duration_ms"], line["estimated"]) == (17, 42, False)
    assert (line["findings"], line["coverage"]) == ({"pii/request/EMAIL": 2}, {"pii/request/checked": 2})


def test_an_exchange_of_which_little_is_known_has_a_line_too() -> None:
    """Without version and usage: refused before either was known."""
    line = line_of(ExchangeRecord("id-1", "rev", 0, outcome=Outcome.REJECTED, reason="path_not_allowed", status=403))
    assert (line["outcome"], line["reason"], line["status"]) == ("rejected", "path_not_allowed", 403)
    assert (line["model"], line["prompt_tokens"]) == ("", 0)


def test_a_line_tells_what_was_fenced() -> None:
    """Only where a tool or a document said something."""
    record = ExchangeRecord("id-1", "rev", 0)
    assert "fences" not in line_of(record)
    record.note_fence("injection", Fencing.FENCED)
    assert line_of(record)["fences"] == {"injection/fenced": 1}


def test_a_line_tells_what_a_classifier_was_asked() -> None:
    """Only where a guard was unsure."""
    record = ExchangeRecord("id-1", "rev", 0)
    assert "asked" not in line_of(record)
    record.note_asked("injection", Asked.REFUTED)
    record.note_asked("injection", Asked.REFUTED)
    assert line_of(record)["asked"] == {"injection/refuted": 2}


def test_texts_are_in_the_line_only_where_they_were_kept() -> None:
    """The configuration's `log.text` keeps them in the record; without it there is not even the key."""
    record = ExchangeRecord("id-1", "rev", 0)
    assert "texts" not in line_of(record)
    record.texts = {"request.user.content": "Hi"}
    assert line_of(record)["texts"] == {"request.user.content": "Hi"}


def test_texts_of_a_span_are_not_in_the_log() -> None:
    """They are kept for it alone."""
    record = ExchangeRecord("id-1", "rev", 0, texts={"request.user.content": "Hello"})
    assert line_of(record)["texts"] == {"request.user.content": "Hello"}
    record.texts_for_trace = True
    assert "texts" not in line_of(record)


def test_a_line_leads_to_that_of_the_hop_in_front() -> None:
    """By the id that the exchange has there; without hops there are no such keys."""
    assert "hop_mark" not in line_of(ExchangeRecord("id-1", "rev", 0))
    line = line_of(ExchangeRecord("id-1", "rev", 0, mark=MarkResult.GOOD, front_exchange="id-0"))
    assert (line["hop_mark"], line["front_exchange"]) == ("good", "id-0")
