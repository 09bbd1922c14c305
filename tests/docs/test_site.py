"""The site has every page once, and what is written for GitHub has no dead link there. `make docs` builds it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS, GUARD_PAGES, PAGES, SITE_CONFIG, SITE_ONLY, links, name_of
from tests.docs.site import ON_SITE, PICTURES, fetched, for_site

CONFIG: dict[str, Any] = tomllib.loads(SITE_CONFIG.read_text())["project"]
GROUPS = {title: entries for group in CONFIG["nav"] for title, entries in group.items()}


def navigation(entries: list[dict[str, Any]]) -> Iterator[str]:
    """The pages of a part of the navigation, groups within it too."""
    for entry in entries:
        for inside in entry.values():
            yield from navigation(inside) if isinstance(inside, list) else [inside]


def test_every_page_stands_once_in_the_navigation_and_each_entry_is_a_page() -> None:
    """A new page needs one line in `zensical.toml`; those of guards are written by `tests.docs.reference`."""
    entries = list(navigation(CONFIG["nav"]))
    assert sorted(entries) == sorted(name_of(page) for page in [*PAGES, *SITE_ONLY])
    assert {name_of(page) for page in DOCS.rglob("*.md")} <= set(entries)


def test_the_navigation_has_the_groups_that_readers_look_for() -> None:
    """In this order, and every guard in its own."""
    assert list(GROUPS) == [
        "Getting started",
        "Concepts",
        "Guards",
        "Operations",
        "Reference",
        "Design",
        "Security",
        "Contributing",
    ]
    guards = {name_of(page) for page in GUARD_PAGES.glob("*.md")}
    assert set(navigation(GROUPS["Guards"])) == {"docs/guards.md"} | guards


def test_it_is_built_from_the_copy_and_fetches_no_fonts() -> None:
    """`make docs` writes where the configuration reads."""
    assert (CONFIG["docs_dir"], CONFIG["site_dir"]) == (".site/pages", ".site/html")
    assert CONFIG["theme"]["font"] is False


@pytest.mark.parametrize("page", sorted(ON_SITE), ids=name_of)
def test_every_link_of_the_copy_leads_to_a_page(page: Path) -> None:
    """Or to a picture; the build's strict mode does not look at links to other files."""
    led = {target for target, _ in links(page, for_site(page, page.read_text()))}
    assert [name_of(one) for one in led - ON_SITE if one.suffix not in PICTURES] == []


def test_a_link_to_a_file_that_is_no_page_names_the_file() -> None:
    """Folders lead to their page; what is in a fenced block stays."""
    page = DOCS / "concepts.md"
    assert for_site(page, "[a test](../tests/docs/site.py)") == "a test (`tests/docs/site.py`)"
    assert for_site(page, "[`site.py`](../tests/docs/site.py)") == "`tests/docs/site.py`"
    assert for_site(page, "[envoy](../envoy/)") == "[envoy](../envoy/README.md)"
    assert (
        for_site(page, "[limits](limits.md#x) [out](https://x.example/)")
        == "[limits](limits.md#x) [out](https://x.example/)"
    )
    block = "```yaml facts\n[x](../tests/docs/site.py)\n```"
    assert for_site(page, block) == block.replace("yaml facts", "yaml")


def test_what_a_page_fetches_from_elsewhere_is_seen() -> None:
    """A link that a reader follows is not fetched."""
    assert fetched('<script src="https://cdn.example/x.js">') != []
    assert fetched("<link rel=stylesheet href=//cdn.example/x.css>") != []
    assert fetched('<script src="../x.js"></script><a href="https://x.example/">x</a>') == []
