"""Everything that the reference documents exists, and everything that exists is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.config.document import Limits
from extproc.domain.record import Coverage
from extproc.filters.registry import FILTERS, GUARDS
from extproc.payload.endpoints import ENDPOINTS
from tests.docs.error_table import anchor_of, error_table, read_errors
from tests.docs.pages import CONFIGURATION, DOCS, LIMITS, PAGES, first_table, name_of, section
from tests.docs.reference import markers, missing, tables, written

GENERATED = [page for page in PAGES if markers(page.read_text())]


@pytest.mark.parametrize("page", GENERATED, ids=name_of)
def test_the_tables_are_those_of_the_code(page: Path) -> None:
    """`python -m tests.docs.reference` writes them; a key or a metric cannot be added without its row."""
    text = page.read_text()
    assert written(text) == text


def test_every_table_stands_on_one_page() -> None:
    """And each that is made is written somewhere."""
    assert missing() == set()
    assert {name for page in GENERATED for name in markers(page.read_text())} == set(tables())


def test_a_page_with_an_unknown_or_open_marker_is_refused() -> None:
    """So that no table stands still without anybody knowing."""
    with pytest.raises(ValueError, match="nothing is generated for"):
        written("<!-- generated: weather -->\n<!-- end -->")
    with pytest.raises(ValueError, match="needs one pair"):
        written("<!-- generated: metrics -->\n")


def test_what_all_guards_have_in_common_stands_once() -> None:
    """Under a heading of its own, and in no guard's table."""
    text = CONFIGURATION.read_text()
    for key in ("name", "on_error", "review"):
        assert text.count(f"| `policies.guards[*].{key}` |") == 1
        assert not [guard for guard in GUARDS if f"policies.guards[{guard}].{key}`" in text]


def test_every_filter_guard_and_key_has_its_place_in_the_configuration() -> None:
    """A heading for each filter and guard."""
    lines = CONFIGURATION.read_text().splitlines()
    assert [name for name in FILTERS if f"### `filter: {name}`" not in lines] == []
    assert [name for name in GUARDS if f"### `guard: {name}`" not in lines] == []


def test_every_filter_has_a_row() -> None:
    """In the table of filters or of guards, and no row is of one that is not there."""
    filters = first_table(section(DOCS / "routing-and-metering.md", "Filters"))
    assert [name for name in filters if name != "guards"] == list(FILTERS)
    assert first_table((DOCS / "guards.md").read_text()) == list(GUARDS)


def test_every_dialect_has_a_row() -> None:
    """In the table of paths."""
    assert first_table(section(DOCS / "apis.md", "What it understands")) == list(ENDPOINTS)


def test_every_limit_has_a_row() -> None:
    """As a security limit, with what happens there."""
    documented = {cell.removeprefix("limits.") for cell in first_table(LIMITS.read_text())}
    assert set(Limits.model_fields) <= documented


def test_the_coverage_word_that_is_named_exists() -> None:
    """Each `skipped_...` that the pages name is a value of the metric, and each value is named."""
    assert "`skipped_unreadable`" in (DOCS / "apis.md").read_text()
    text = (DOCS / "concepts.md").read_text()
    assert [word.value for word in Coverage if f"`{word.value}`" not in text] == []


def test_every_error_that_is_made_is_read() -> None:
    """Of guards, of dialects and of failures; what is a variable where it is made is told as `…`."""
    codes = {error.code for error in read_errors()}
    assert {"guard_failed", "prompt_injection", "duplicate_key", "too_many_tools", "refused_by_…"} <= codes
    assert "| 413 | [`input_too_long`](#input_too_long) | The input has more than … characters. |" in error_table()
    assert (
        "| 400 | [`version_not_found`](#version_not_found) | The pinned model version does not exist. |"
        in error_table()
    )
    assert "| 503 | [`model_unavailable`](#model_unavailable) | The model service is not available." in error_table()


def test_every_code_has_its_section() -> None:
    """In the order of the alphabet: what it means, who causes it, what to do; no section is of a code that is gone."""
    for heading, of_guards in (("Each code", False), ("Each code of a guard", True)):
        intro, *parts = section(DOCS / "reference" / "errors.md", heading).split("\n### ")
        codes = {anchor_of(error.code) for error in read_errors() if bool(error.guard) is of_guards}
        assert [part.split("\n")[0] for part in parts] == sorted(codes)
        told = [" ".join(part.split()) for part in ([intro] if of_guards else parts)]
        assert [text for text in told if "**Cause:**" not in text or "**What to do:**" not in text] == []
