"""GPU time on the page: its plots are those of the figures, and names stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from extproc.ledger.allocation.settled import DAY_US
from extproc.ledger.store import LedgerStore
from extproc.reports.html_page import html_page
from extproc.reports.periods import PeriodSize
from extproc.reports.plots import SERIES_MAX
from tests.unit.reports.gpu_samples import SECTION, allocate, busy_for, days_of_traffic, gpu_report_of
from tests.unit.reports.samples import HOSTILE
from tests.unit.reports.test_html_page import Page

OWN_ROW = SECTION.model_copy(update={"idle": "own_row"})
TOLD = r"<title>(\S+), ([^<]+): ([\d.]+)</title></rect>"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerStore]:
    """Three days by two methods, with every name that may go wrong."""
    opened = LedgerStore("sqlite:///ledger.db", tmp_path_factory.mktemp("ledger"))
    hostile = [
        busy_for(10_000 * (day + 1) + number, day * DAY_US + number * 3_600_000_000, 90_000_000, team=name)
        for day in range(3)
        for number, name in enumerate(HOSTILE)
    ]
    opened.add([*days_of_traffic(3), *hostile])
    allocate(opened, 3)
    allocate(opened, 3, "even_ps")
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [PeriodSize.DAY, PeriodSize.TOTAL])
def test_names_are_text_and_plots_are_well_formed(ledger: LedgerStore, size: PeriodSize) -> None:
    """No element comes from a name, nothing is fetched, and no two plots have the same name."""
    text = html_page(gpu_report_of(ledger, 3, "team,project", size))
    page = Page(text)
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "iframe", "link", "a"})
    assert re.findall(r"https?:|//[a-z]|url\(|@import|javascript:", text.replace("</", "")) == []
    ids: list[str] = []
    for one in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ids += ElementTree.fromstring(one).attrib["aria-labelledby"].split()
    assert len(ids) == len(set(ids))
    assert sum(one.startswith("gpu") and one.endswith("-title") for one in ids) == (6 if size is PeriodSize.DAY else 2)


def test_bars_of_a_day_are_all_gpus(ledger: LedgerStore) -> None:
    """As many colors as can be told apart, what nobody pays last."""
    text = html_page(gpu_report_of(ledger, 3, section=OWN_ROW))
    (plot, _) = re.findall(r"<svg[^>]*gpu\d-hours-title.*?</svg>", text, re.DOTALL)
    for day in ("2026-11-29", "2026-11-30", "2026-12-01"):
        told = [(name, float(hours)) for at, name, hours in re.findall(TOLD, plot) if at == day]
        assert told[-1][0] == "nobody pays"
        assert len(told) <= SERIES_MAX
        assert sum(hours for _, hours in told) == pytest.approx(72, abs=0.1)


def test_figures_stand_in_tables(store: LedgerStore) -> None:
    """Of groups with what nobody pays, of periods, and what changed most."""
    store.add(
        [
            busy_for(1, 3_600_000_000, 36_000_000_000, team="search", prompt_tokens=7_200_000, completion_tokens=0),
            busy_for(2, DAY_US + 3_600_000_000, 18_000_000_000, team="search", prompt_tokens=100),
        ]
    )
    allocate(store, 2)
    text = html_page(gpu_report_of(store, 2, section=OWN_ROW))
    row = '<tr><td class="name">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    assert "<p>GPU time by weighted_ps_v1: 144 GPU-hours, $240.00.</p>" in text
    assert row.format("search", "30", "$75.00", "", "66.7") in text
    assert row.format("nobody pays", "114", "$165.00", "100 %", "0.0") in text
    assert row.format("all GPUs", "144", "$240.00", "79 %", "13.9") in text
    assert row.format("2026-11-29", "72", "$120.00", "72 %", "27.8") in text
    assert '<tr><td class="name">search</td><td>20</td><td>10</td><td>-50 %</td></tr>' in text
    assert "<title>2026-11-29, Idle share of all GPUs: 72.2 %</title>" in text


def test_energy_is_a_column_of_its_tables(store: LedgerStore) -> None:
    """Of who worked, and of all GPUs; where it is configured."""
    store.add([busy_for(1, 3_600_000_000, 36_000_000_000, team="search", prompt_tokens=7_200_000, completion_tokens=0)])
    allocate(store, 1)
    text = html_page(gpu_report_of(store, 1, section=OWN_ROW.model_copy(update={"watts": {"H100": 620}})))
    row = '<tr><td class="name">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>'
    assert '<th scope="col" class="figure">kWh</th>' in text
    assert row.format("search", "20", "$50.00", "", "100", "12.400") in text
    assert row.format("nobody pays", "52", "$70.00", "100 %", "0.0", "0.000") in text
    assert row.format("all GPUs", "72", "$120.00", "72 %", "27.8", "12.400") in text
    assert "kWh" not in html_page(gpu_report_of(store, 1))


def test_a_sentence_where_there_is_none(ledger: LedgerStore) -> None:
    """Instead of plots."""
    text = html_page(gpu_report_of(ledger, 3, "user"))
    assert "<p>GPU time is not kept by user, so it is left out." in text
    assert "gpu0" not in text
