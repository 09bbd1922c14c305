"""What observing leaves alone."""

from __future__ import annotations

import pytest

from extproc.domain.text import Kind
from tests.playbooks.driver import PII
from tests.unit.filters.through import judged


@pytest.mark.parametrize("change", [{"action": "shadow"}, {"action": "flag"}])
def test_looking_only_changes_nothing(change: dict[str, str]) -> None:
    """Found and counted; the text passes at once."""
    text, exchange = judged(["mail a@b", ".co now"], Kind.CONTENT, {**PII, **change})
    assert text == "mail a@b.co now"
    assert exchange.record.findings["pii", "response", "EMAIL"] == 1
    assert exchange.record.verdicts == {("pii", "response", change["action"]): 1}
