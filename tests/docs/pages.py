"""The documentation's pages, and how tests read them: sections, tables, blocks, links, anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
CONFIGURATION = DOCS / "reference" / "configuration.md"
METRICS = DOCS / "reference" / "metrics.md"
LIMITS = DOCS / "limits.md"
GUARD_PAGES = DOCS / "guards"
SITE_CONFIG = ROOT / "zensical.toml"
DECISIONS = DOCS / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))

BESIDE = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "envoy/README.md", "deploy/README.md")]
"""Pages that stand with what they are about."""
PAGES = [README, *sorted(DOCS.rglob("*.md")), *BESIDE]
SITE_ONLY = [ROOT / "CHANGELOG.md"]
"""Pages of the site whose commands and paths may be of the past, so tests do not hold them to the code of today."""


def name_of(page: Path) -> str:
    """A page as it is called from the project's root."""
    return str(page.relative_to(ROOT))


def section(page: Path, heading: str) -> str:
    """What stands under a heading of the second level."""
    return page.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_table(text: str) -> list[str]:
    """First cells of the first table of a text, without backticks and links."""
    table = text[text.index("\n|") + 1 :].split("\n\n", 1)[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    return [re.sub(r"\[(.+)\]\(.*\)", r"\1", row.split("|")[1].strip()).strip("`") for row in rows]


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """A text without its fenced blocks, where links and headings are none."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(page: Path, text: str | None = None) -> Iterator[tuple[Path, str]]:
    """The files in the project that a page links to, each with its anchor or an empty one; ``text`` in its place."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text() if text is None else text)):
        if "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = link.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to headings: small letters, blanks as hyphens, other signs left out."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page.read_text()), re.MULTILINE):
        shown = re.sub(r"\[(.+?)\]\(.*?\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {f"{slug}-{number}" if number else slug for slug, most in found.items() for number in range(most + 1)}
