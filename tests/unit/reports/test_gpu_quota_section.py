"""Quotas on the page: bars and a table, and names stay text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from extproc.allocation.slices import HOUR_US
from extproc.ledger.store import LedgerStore
from extproc.reports.gpu_quotas import TeamQuota, TeamQuotas
from extproc.reports.html_page import html_page
from extproc.reports.periods import PeriodSize
from tests.unit.reports.browser import shown
from tests.unit.reports.gpu_samples import SECTION, allocate, busy_for, gpu_report_of
from tests.unit.reports.samples import HOSTILE
from tests.unit.reports.test_html_page import Page

OWN_ROW = SECTION.model_copy(update={"idle": "own_row", "watts": {"H100": 620}})


@pytest.fixture
def page(store: LedgerStore) -> str:
    """A team above its quota, one that used nothing, one with nothing, and names that may go wrong."""
    store.add([busy_for(1, 0, 12 * HOUR_US, team="chat")])
    allocate(store, 1)
    teams = {
        "chat": TeamQuota(500, "chat-prod"),
        "unused": TeamQuota(1_250),
        "zero": TeamQuota(0, "zero"),
        **{name: TeamQuota(1_000) for name in HOSTILE},
    }
    quotas = TeamQuotas(teams, ["The quota of `<b>` is told."])
    return html_page(gpu_report_of(store, 1, size=PeriodSize.TOTAL, section=OWN_ROW, quotas=quotas))


def test_teams_stand_in_the_order_of_their_use(page: str) -> None:
    """Those that used most first; of no GPUs nothing can be a part."""
    row = '<tr><td class="name">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    (table,) = re.findall(r"<caption>Quotas of teams, by weighted_ps_v1</caption>.*?</table>", page, re.DOTALL)
    rows = re.findall(r"<tr><td.*?</tr>", table)
    assert rows[0] == row.format("chat", "0.5", "12", "24", "200 %")
    assert row.format("unused", "1.25", "30", "0", "0 %") in rows
    assert row.format("zero", "0", "0", "0", "") in rows
    assert len(rows) == 3 + len(HOSTILE)
    assert "<title>chat, quota use: 200 %</title>" in page


def test_names_are_text(page: str) -> None:
    """In plots, tables and sentences."""
    read = Page(page)
    assert read.open == []
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "img", "iframe", "link", "a", "b"})
    assert "<p>The quota of `&lt;b&gt;` is told.</p>" in page


def test_a_page_without_quotas_has_no_such_section(store: LedgerStore) -> None:
    """As before."""
    store.add([busy_for(1, 0, 12 * HOUR_US)])
    allocate(store, 1)
    assert "quota" not in html_page(gpu_report_of(store, 1, section=OWN_ROW))


def test_a_browser_shows_it_without_a_complaint(page: str, tmp_path: Path) -> None:
    """A real one, with no network to ask."""
    assert shown(page, tmp_path).count("<svg") == page.count("<svg") == 3
