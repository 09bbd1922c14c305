"""The page of upgrades says what the committed report of ``make upgrade-check`` shows."""

from __future__ import annotations

from tests.docs.pages import DOCS
from tests.upgrades.installations import UPGRADES
from tests.upgrades.report import read_report

TEXT = (DOCS / "upgrades.md").read_text()


def test_the_report_is_of_the_load_that_the_page_names() -> None:
    """All upgrades and crashes, for a minute each."""
    report = read_report()
    assert [row.what for row in report.rows] == [upgrade.name for upgrade in UPGRADES]
    assert (report.rate, report.seconds) == (200, 60)
    assert f"for a minute, under {report.rate} requests\na second" in TEXT


def test_what_the_page_says_of_the_report_is_true() -> None:
    """Nobody gets an unguarded answer; graceful upgrades are not noticed."""
    graceful = {upgrade.name for upgrade in UPGRADES if upgrade.is_graceful}
    for row in read_report().rows:
        assert (row.unguarded, row.shapeless) == (0, 0), row.what
        assert not (row.what in graceful and row.failed), row.what
