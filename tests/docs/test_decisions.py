"""Decision records are short, have one form, and are listed in their index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DECISIONS, DOCS, RECORDS, links, name_of

LINES_MAX = 25
HEADINGS = ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("record", RECORDS, ids=name_of)
def test_a_record_says_context_decision_and_consequences(record: Path) -> None:
    """In few lines, under its number."""
    text = record.read_text()
    assert re.match(rf"# {record.name[:4]}: \S", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert len(text.splitlines()) <= LINES_MAX


def test_no_number_is_given_twice() -> None:
    """Four digits, which are never given again."""
    numbers = [record.name[:4] for record in RECORDS]
    assert len(numbers) == len(set(numbers)) > 10


def test_the_index_lists_every_record_in_order() -> None:
    """And the design leads to the index."""
    listed = [target for target, _ in links(DECISIONS / "README.md") if target.parent == DECISIONS]
    assert listed == RECORDS
    assert DECISIONS / "README.md" in {target for target, _ in links(DOCS / "design.md")}
