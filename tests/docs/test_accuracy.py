"""What pages say of accuracy is what the recorded report says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.accuracy_table import ENCODER_LINES, GROUPS, LINES, accuracy_table
from tests.docs.pages import GUARD_PAGES
from tests.tools import guard_report
from tests.tools.guard_report import record, recorded

QUOTED = {
    "injection": ("injection.locked.recall_at_fpr_0.01", "injection.locked.recall_at_fpr_0.001"),
    "harm": ("harm.requests.locked.recall_at_fpr_0.01", "harm.abuse.locked.auc"),
    "refusal": ("refusal.locked.precision", "refusal.locked.recall"),
}
"""The figures in bold type of a guard's row, in their order."""


@pytest.mark.parametrize("guard", QUOTED)
def test_a_guard_is_told_by_its_locked_sources(guard: str) -> None:
    """In bold type, with the figures of the report."""
    _, _, row = re.findall(r"^\|.*$", (GUARD_PAGES / f"{guard}.md").read_text(), re.MULTILINE)[:3]
    (said,) = re.findall(r"\*\*locked: (.*?)\*\*", row)
    figures, _ = recorded()
    for name in QUOTED[guard]:
        assert f"{figures[name]:.2f}" in said, f"{guard}.md: {name} is {figures[name]:.2f}"


@pytest.mark.parametrize("group", ["in_view", "left_out.our_locales", "left_out"])
def test_addresses_are_told_by_the_report(group: str) -> None:
    """A row for each group, on the page of the guard that finds them if it is told to."""
    figures, _ = recorded()
    told = {name: figures.get(f"pii.addresses.{group}.{name}", 0.0) for name in ("precision", "recall", "f1", "spans")}
    row = f"| {told['spans']:.0f} | {told['precision']:.3f} | {told['recall']:.3f} | {told['f1']:.3f}"
    if group != "in_view":
        low, high = (figures[f"pii.addresses.{group}.f1.{end}"] for end in ("low", "high"))
        row += f" ({low:.3f} to {high:.3f})"
    assert f"{row} |" in (GUARD_PAGES / "pii.md").read_text()


def test_every_line_has_a_figure_of_locked_sources() -> None:
    """A figure that is renamed would leave a dash."""
    figures, date = recorded()
    lines = (*LINES, *ENCODER_LINES)
    assert [line.figure for line in lines if line.figure.format("locked") not in figures] == []
    assert date in accuracy_table()


def test_a_task_is_recorded_in_place_of_what_was_recorded_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others stay, and only figures of groups are kept."""
    monkeypatch.setattr(guard_report, "RECORD", tmp_path / "figures.json")
    record({"harm.locked.auc": 0.5, "injection.locked.old": 1.0}, ["harm", "injection"])
    record({"injection.locked.recall": 0.25001, "injection.cost_us.80": 3.0}, ["injection"])
    kept = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert kept == {"harm.locked.auc": 0.5, "injection.locked.recall": 0.25}


def test_the_groups_are_told_from_memory_to_unseen() -> None:
    """In the order in which a reader should trust them more."""
    assert GROUPS == ("in_view", "left_out", "locked")
