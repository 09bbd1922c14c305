"""Asking for usage."""

from __future__ import annotations

import json

from tests.playbooks.driver import METER
from tests.unit.filters.through import filtered


def test_the_meter_asks_for_usage_of_streams_only() -> None:
    """Unstreamed answers bring it anyway; in shadow nothing is asked, and what comes is counted."""
    request, exchange = filtered({"stream": True}, METER)
    assert json.loads(request.body_after())["stream_options"] == {"include_usage": True}
    assert exchange.record.metered
    assert b"stream_options" not in filtered({}, METER)[0].body_after()
    request, exchange = filtered({"stream": True}, {**METER, "mode": "shadow"})
    assert b"stream_options" not in request.body_after()
    assert exchange.record.metered
