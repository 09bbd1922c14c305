"""Marks that are not accepted are logged once for each reason, with what to do."""

from __future__ import annotations

import io
import json

from extproc.config.document import Log
from extproc.domain.hop_results import MarkResult
from extproc.domain.record import ExchangeRecord
from extproc.server.operations.json_log import open_log
from extproc.sinks.hop_log import HINTS, HopLog


def test_each_reason_is_logged_once() -> None:
    """A client that gets around the gateway all day fills no log; a good mark is nothing to log."""
    stream = io.StringIO()
    sink = HopLog(open_log(Log(), stream))
    for mark in (None, *MarkResult, *MarkResult):
        sink.exchange_ended(ExchangeRecord("e-1", "rev", 0, mark=mark))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["result"] for line in lines] == [one.value for one in MarkResult if one is not MarkResult.GOOD]
    assert all(line["level"] == "warning" and line["hint"] for line in lines)


def test_every_reason_has_a_hint() -> None:
    """For the person who must act."""
    assert set(HINTS) == set(MarkResult) - {MarkResult.GOOD}
