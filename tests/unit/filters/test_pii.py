"""The guard for personal data looks where and for what it is told."""

from __future__ import annotations

import pytest

from extproc.domain.text import Kind
from tests.playbooks.driver import PII
from tests.unit.filters.through import filtered, judged


@pytest.mark.parametrize(
    ("on", "request_masked", "answer"), [("request", True, "a@b.co"), ("response", False, "<EMAIL>")]
)
def test_personal_data_is_looked_for_in_the_configured_direction(on: str, request_masked: bool, answer: str) -> None:
    """The other one is left alone."""
    request, _ = filtered({"messages": [{"role": "user", "content": "a@b.co"}]}, {**PII, "on": on})
    assert (b"a@b.co" not in request.body_after()) == request_masked
    assert judged(["a@b.co"], Kind.CONTENT, {**PII, "on": on})[0] == answer


def test_only_the_configured_kinds_are_masked() -> None:
    """``entities``."""
    text, _ = judged(["a@b.co 4111 1111 1111 1111"], Kind.CONTENT, {**PII, "entities": ["CREDIT_CARD"]})
    assert text == "a@b.co <CREDIT_CARD>"
