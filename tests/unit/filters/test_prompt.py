"""The prompt of a version."""

from __future__ import annotations

import json

from tests.playbooks.driver import PII, PROMPT, VERSION
from tests.unit.filters.through import filtered


def test_a_prompt_is_inserted_after_the_guards_have_looked() -> None:
    """Our own words are not judged."""
    request, _ = filtered({}, VERSION, PII, PROMPT)
    assert json.loads(request.body_after())["messages"][0]["content"] == "You are the second version."
    shadow, _ = filtered({}, VERSION, {**PROMPT, "mode": "shadow"})
    assert b"second version" not in shadow.body_after()
