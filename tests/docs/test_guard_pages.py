"""Each guard has a page of its own, with an example that is valid and says what can be done with it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from extproc.config.classifiers import Classifier
from extproc.config.facts import parse_facts
from extproc.config.guards import SECTIONS_BY_GUARD
from extproc.filters.registry import GUARDS
from tests.docs.error_table import read_errors
from tests.docs.pages import DOCS, GUARD_PAGES, blocks, first_table, links, section


def actions_of(guard: str) -> set[str]:
    """What a guard can do."""
    return set(get_args(SECTIONS_BY_GUARD[guard].model_fields["action"].annotation))


def test_every_guard_has_a_page_and_no_page_is_of_another() -> None:
    """And the table of guards leads to each."""
    assert {page.stem for page in GUARD_PAGES.glob("*.md")} == set(GUARDS)
    led = {target for target, _ in links(DOCS / "guards.md")}
    assert set(GUARD_PAGES.glob("*.md")) <= led


@pytest.mark.parametrize("guard", GUARDS)
def test_it_has_an_example_and_leads_to_its_keys(guard: str) -> None:
    """`test_pages` holds the example to the configuration."""
    page = GUARD_PAGES / f"{guard}.md"
    assert page.read_text().startswith(f"# `guard: {guard}`\n")
    assert re.search(rf"guard: {guard}\b", blocks(page, "yaml")[0])
    assert (DOCS / "reference" / "configuration.md", f"guard-{guard}") in set(links(page))


@pytest.mark.parametrize("guard", GUARDS)
def test_its_actions_are_those_of_the_table(guard: str) -> None:
    """In the table of guards, in whatever order."""
    (row,) = re.findall(rf"^\| \[`{guard}`\].*$", (DOCS / "guards.md").read_text(), re.MULTILINE)
    told = re.findall(r"\b(?:block|mask|flag|shadow)\b", row.split(" | ")[2])
    assert set(told) == actions_of(guard)


def test_every_code_that_a_page_names_is_an_error() -> None:
    """Such as 400 `prompt_injection`."""
    codes = {(str(error.status), error.code.removesuffix("…")) for error in read_errors()}
    named = {
        told for page in GUARD_PAGES.glob("*.md") for told in re.findall(r"\b([45]\d\d)\s`(\w+)`", page.read_text())
    }
    assert named - codes == set()


@pytest.mark.parametrize("guard", [name for name in GUARDS if "block" in actions_of(name)])
def test_a_guard_that_refuses_names_its_error(guard: str) -> None:
    """Or that an answer is cut."""
    text = (GUARD_PAGES / f"{guard}.md").read_text()
    request = get_args(SECTIONS_BY_GUARD[guard].model_fields["on"].annotation) != ("response",)
    assert re.search(r"\b4\d\d\s`\w+`", text) if request else "`block`" in text or "action: block" in text


def test_every_adapter_has_a_row() -> None:
    """In the order of the configuration's reference."""
    adapters = [get_args(one.model_fields["adapter"].annotation)[0] for one in get_args(get_args(Classifier)[0])]
    assert first_table(section(GUARD_PAGES / "classifier.md", "Adapters")) == adapters


def test_the_file_of_facts_is_valid() -> None:
    """As `extproc check` would say."""
    (example,) = blocks(GUARD_PAGES / "facts.md", "yaml facts")
    assert [fact.id for fact in parse_facts(example, "facts.md")] == ["return-window"]
