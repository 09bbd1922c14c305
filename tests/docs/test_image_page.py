"""The page of the image: its figures are those of the committed report, and its sentences those of the code."""

from __future__ import annotations

import re

import pytest

from tests.deploy.image.lock import locked
from tests.docs.image_tables import reported
from tests.docs.pages import DOCS, README, ROOT, section
from tests.tools.image_check.__main__ import IMAGE_MB_MAX, MEMORY_MB_MAX, READY_S_MAX

PAGE = DOCS / "image.md"
TEXT = PAGE.read_text()
SOURCES = [
    ROOT / "deploy" / "Dockerfile",
    ROOT / "extproc" / "app" / "supervision.py",
    *(ROOT / "deploy" / "image").glob("*.py"),
    *ROOT.glob("extproc/config/*.py"),
]


def test_the_readme_quotes_the_report() -> None:
    """One line, and no other figures of the image anywhere."""
    figures = reported()
    assert (
        f"({figures.image_mb:g} MB, {figures.compressed_mb:g} MB compressed, ready in {figures.ready_s:g} s, "
        f"{figures.memory_mb:g} MB at rest)"
    ) in README.read_text()


def test_the_limits_are_those_of_the_check() -> None:
    """Above them it fails."""
    assert f"above {IMAGE_MB_MAX:g} MB, {READY_S_MAX:g} s, or {MEMORY_MB_MAX:g} MB of memory" in TEXT


def test_wheels_for_arm64_were_asked_for_all_that_is_locked() -> None:
    """A change of the lock asks for another look."""
    assert f"for each of the {len(locked())} locked packages" in TEXT


QUOTED = re.findall(r'"([^"]+)"', section(PAGE, "When it fails"))


@pytest.mark.parametrize("words", QUOTED)
def test_a_message_is_quoted_as_the_code_has_it(words: str) -> None:
    """But for the name of a library."""
    parts = words.split("libNAME")
    sources = "\n".join(file.read_text() for file in SOURCES)
    assert all(part in sources for part in parts)


def test_messages_are_quoted() -> None:
    """Else nothing would be compared."""
    assert len(QUOTED) >= 4
