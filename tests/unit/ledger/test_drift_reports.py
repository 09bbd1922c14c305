"""Who is told what of drift: the parent all that is shown, the webhook what has changed; nothing without settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from extproc.config.load import parse_document
from extproc.ledger.drift_reports import DriftReports
from extproc.ledger.drift_settings import drift_settings
from extproc.ledger.quality.adding import add_sums
from extproc.ledger.store import LedgerStore
from tests.e2e.harness import wait_until
from tests.unit.ledger.hooks import Hook, serving
from tests.unit.ledger.quality.samples import HOUR_US, MINUTE_US, rate_row
from tests.unit.ledger.samples import NOON_US
from tests.unit.server.envoy import CONFIG

DRIFT = """
  - filter: signals
ledger: {}
drift: { reference: pinned, first_answers: 1000, strata_max: 5, webhook_file: drift.url }
"""
DOCUMENT = parse_document(CONFIG.rstrip() + DRIFT, "drift.yaml")


def settings(folder: Path, **changed: Any) -> dict[str, Any]:
    """Of the document above."""
    found = drift_settings(DOCUMENT, folder)
    assert found is not None
    return {**found, **changed}


def test_the_settings(tmp_path: Path) -> None:
    """The section, the versions that answer here, and where the webhook's URL is."""
    assert drift_settings(parse_document(CONFIG, "none.yaml"), tmp_path) is None
    found = settings(tmp_path)
    assert (found["versions"], found["webhook_file"]) == ([("tiny-chat", "v1")], str(tmp_path / "drift.url"))
    assert '"first_answers":1000' in found["section"]
    without = DOCUMENT.model_copy(
        update={"drift": DOCUMENT.drift and DOCUMENT.drift.model_copy(update={"webhook_file": None})}
    )
    assert (drift_settings(without, tmp_path) or {})["webhook_file"] is None
    guard = DOCUMENT.model_copy(update={"guard_version": "tiny-chat/v9"})
    assert (drift_settings(guard, tmp_path) or {})["versions"] == []


def test_what_is_told(tmp_path: Path) -> None:
    """An alarm goes to the webhook, and with what is shown to the parent; then drift is switched off."""
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    told: list[dict[str, Any]] = []
    now_us = NOON_US
    with serving(Hook()) as hook:
        (tmp_path / "drift.url").write_text(hook.url)
        for rows in (None, rate_row(2_000, 800), rate_row(400, 160), rate_row(400, 400)):
            reports = DriftReports(told.append, lambda problem: told.append({"problem": problem}))
            reports.use(store, settings(tmp_path))
            assert store.strata_max == 5
            if rows is not None:
                with store.writing() as connection:
                    moved = {place._replace(model="tiny-chat", version="v1"): one for place, one in rows.items()}
                    add_sums(connection, moved, 5)
            now_us += MINUTE_US
            reports.look(now_us)
            reports.close()
        wait_until(lambda: hook.got, "a message")
    assert [one["drift_begins"] for one in told if "drift" in one] == [True] * 4
    (change,) = [change for one in told for change in one.get("drift_changes", ())]
    assert (change["kind"], change["shown"]["signal"]) == ("raised", "refused")
    (shown,) = told[-1]["drift"]
    assert (shown["signal"], shown["alarm"], shown["reference"]) == ("refused", True, "ready")
    assert [one["kind"] for one in hook.got] == ["raised"]
    told.clear()
    reports.use(store, None)
    reports.look(now_us + HOUR_US)
    assert (told, store.strata_max) == ([{"drift": [], "drift_begins": True}], 0)
    store.close()


def test_many_series_are_reported_in_parts(tmp_path: Path, monkeypatch: Any) -> None:
    """A report is one line, which is bounded."""
    monkeypatch.setattr("extproc.ledger.drift_reports._SERIES_AT_ONCE", 2)
    store = LedgerStore("sqlite:///ledger.db", tmp_path)
    told: list[dict[str, Any]] = []
    reports = DriftReports(told.append, lambda _: None)
    reports.use(store, settings(tmp_path, webhook_file=None))
    assert reports._watch is not None
    reports._watch.look(NOON_US)
    signals = ("refused", "empty", "looped", "repair", "bad_call")
    with store.writing() as connection:
        for signal in signals:
            moved = {
                place._replace(model="tiny-chat", version="v1"): one for place, one in rate_row(9, 1, signal).items()
            }
            add_sums(connection, moved, 5)
    reports.look(NOON_US + MINUTE_US)
    assert [(len(one["drift"]), one["drift_begins"]) for one in told] == [(2, True), (2, False), (1, False)]
    store.close()
