"""The page of the demo: stops as they were, and where it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.cli.demo_page import demo_page, write_demo_page, write_rollout_reports
from extproc.demo.ledger_tour import LEDGER_URL
from extproc.demo.stop import Found, Stop
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.rollouts.samples import started
from tests.unit.reports.samples import HOSTILE
from tests.unit.reports.test_html_page import Page
from tests.unit.reports.test_traffic_page import answer, rows

STOPS = [
    Stop("Personal data", "My card", "masked", outcome="My <EMAIL>", found=(Found("pii", "request", "EMAIL", 1),)),
    Stop("A refusal", "How", "counted", outcome="I can't", wrong=["refusals is 0, expected 1"]),
]


def test_stops_are_told_as_they_were() -> None:
    """What was found, and what is wrong in place of what came of it."""
    page = demo_page([], STOPS)
    assert rows(page, "Stops") == [
        ["Personal data", "My &lt;EMAIL&gt;", "EMAIL in the request"],
        ["A refusal", "refusals is 0, expected 1", "-"],
    ]
    assert "1 of 2 stops are right. 0 exchanges reached a model, 0 requests were refused before one." in page


def test_hostile_texts_are_text() -> None:
    """Of stops as of exchanges."""
    page = Page(demo_page([answer(1, "v1")], [Stop(name, name, name, outcome=name) for name in HOSTILE]))
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "a"})


def test_it_is_written_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else into a new file of the temporary folder; without a ledger it says why not."""
    store = LedgerStore(LEDGER_URL, tmp_path)
    store.add([answer(1, "v1")])
    store.close()
    assert write_demo_page(tmp_path / "page.html", tmp_path, STOPS) == tmp_path / "page.html"
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    written = {write_demo_page(None, tmp_path, STOPS) for _ in range(2)}
    assert len(written) == 2
    assert {one.parent for one in written} == {tmp_path / "scratch"}
    assert {one.read_text() for one in written} == {(tmp_path / "page.html").read_text()}
    with pytest.raises(RuntimeError, match=r"^the ledger of the demo: "):
        write_demo_page(None, tmp_path / "scratch", STOPS)


def test_each_rollout_has_a_report(tmp_path: Path) -> None:
    """Beside the ledger, as ``extproc rollout report`` writes it; none without a rollout."""
    store = LedgerStore(LEDGER_URL, tmp_path)
    assert write_rollout_reports(tmp_path) == []
    started(store)
    started(store, "r2", model="large", name="large-v2")
    store.close()
    files = [tmp_path / "rollout-tiny-v2.html", tmp_path / "rollout-large-v2.html"]
    assert write_rollout_reports(tmp_path) == files
    assert "Rollout large-v2: large from v1 to v2" in files[1].read_text()
    (tmp_path / "scratch").mkdir()
    with pytest.raises(RuntimeError, match=r"^the ledger of the demo: "):
        write_rollout_reports(tmp_path / "scratch")
