"""The page of a rollout: its journal alone says all, what it says agrees with it, and any name is text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.rollouts import RolloutSection
from extproc.reports import rollout_page as page_module
from extproc.reports.rollout_page import rollout_page
from extproc.reports.time_plots import Curve, TimePlot, curves
from extproc.rollout.decide import RolloutAction, decide
from extproc.rollout.explain import DECIDED, noted, verdict_json
from extproc.rollout.journal import PROCESSOR, JournalEntry, JournalKind, appended
from tests.thorough import examples
from tests.unit.reports.browser import shown
from tests.unit.reports.samples import HOSTILE
from tests.unit.reports.test_html_page import Page
from tests.unit.rollout.samples import PLAN, look, plan

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
ARMS = {"stable_fingerprint": "f1", "canary_fingerprint": "f2"}


class Journal:
    """One that is written entry by entry, an hour apart."""

    def __init__(self, terms: RolloutSection = PLAN, arms: Mapping[str, str] = ARMS) -> None:
        self.terms = terms
        self.entries: list[JournalEntry] = []
        self.add(JournalKind.STARTED, "kim", plan=terms.model_dump_json(), arms=dict(arms))

    def add(self, kind: JournalKind, by: str = PROCESSOR, note: str = "", **more: Any) -> None:
        """An entry."""
        before = self.entries[-1] if self.entries else None
        at_us = NOW_US + len(self.entries) * HOUR_US
        self.entries.append(appended(before, "r1", at_us, noted(kind, by, note, **more)))

    def look(self, counts: list[int], canary: Mapping[str, float] | None = None, **more: Any) -> RolloutAction:
        """An entry of what the numbers say, or of what a person did at these. Returns: what they say."""
        seen = look(counts, canary, self.terms)
        verdict = decide(self.terms, seen)
        kind = more.pop("kind", None) or next(one for one, action in DECIDED.items() if action is verdict.action)
        self.add(kind, look=seen.as_json(), verdict=verdict_json(verdict), **more)
        return verdict.action

    def page(self) -> str:
        """Of all entries."""
        return rollout_page("r1", self.entries)


def promoted() -> Journal:
    """All steps, by numbers."""
    journal = Journal()
    for count in (50, 150, 400, 2_000):
        journal.look([count])
    journal.look([2_000, 3_000])
    assert journal.look([2_000, 3_000, 9_000]) is RolloutAction.PROMOTE
    return journal


def lead(page: str) -> str:
    """The sentence below the title."""
    found = re.search(r"</h1>\n<p>(.*?)</p>", page, re.DOTALL)
    assert found is not None
    return unescape(found[1])


def rows(page: str, caption: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    body = page.partition(f"<caption>{caption}</caption>")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [[unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in body.strip().splitlines()]


def test_a_promotion_by_numbers() -> None:
    """What was decided and why, each gate at the end, the hash, and that all of it agrees."""
    journal = promoted()
    page = journal.page()
    assert "<h1>Rollout tiny-v2: tiny from v1 to v2</h1>" in page
    assert lead(page) == "v2 was promoted by its numbers: All of 5 gates are shown to be within their margins."
    decisions = rows(page, "Decisions")
    assert [(row[1], row[2], row[3], row[5]) for row in decisions] == [
        ("started", "kim", "5 %", "-"),
        ("advanced", PROCESSOR, "25 %", "yes"),
        ("advanced", PROCESSOR, "50 %", "yes"),
        ("promoted", PROCESSOR, "100 %", "yes"),
    ]
    assert decisions[0][0] == "2027-01-15 08:00:00 UTC"
    gates = {row[0]: row[1:] for row in rows(page, "Gates at the last look")}
    assert gates["refusal"][:3] == ["not worse", "14,000", "+0 pt"]
    assert gates["abort"] == ["no values", "", "", "", "", "", ""]
    assert "all of its 7 entries agree with their numbers" in page
    assert f"<code>{journal.entries[-1].hash}</code>" in page
    facts = dict(rows(page, "What was compared"))
    assert (facts["stable version"], facts["canary"]) == ("v1, fingerprint f1", "v2, fingerprint f2")
    assert len(rows(page, "refusal at each look")) == 6


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ({"kind": JournalKind.ROLLED_BACK, "by": "kim", "note": "it is slow"}, "v2 was rolled back by kim: it is slow"),
        ({"kind": JournalKind.PROMOTED, "by": "kim"}, "v2 was promoted by kim."),
        ({"kind": JournalKind.BROKEN_OFF, "note": "It is gone."}, "v2 was broken off by its numbers: It is gone."),
        ({"kind": JournalKind.PAUSED, "by": "kim"}, "The rollout is paused: step 1 of 4, 5 % for v2."),
        ({"kind": JournalKind.RESUMED, "by": "kim"}, "The rollout goes on: step 1 of 4, 5 % for v2."),
    ],
)
def test_the_verdict_in_a_sentence(last: Any, words: str) -> None:
    """Who ended it, and why."""
    journal = Journal()
    journal.look([100])
    journal.add(**last)
    assert lead(journal.page()) == words


def test_a_roll_back_has_its_reason() -> None:
    """Of the gate that is worse; nothing goes to the canary then."""
    journal = Journal()
    assert journal.look([2_000], {"refusal": 0.08}) is RolloutAction.ROLL_BACK
    page = journal.page()
    assert lead(page).startswith("v2 was rolled back by its numbers: refusal is worse: +6 points")
    assert rows(page, "Decisions")[-1][3] == "0 %"


@pytest.mark.parametrize(("when", "share"), [("hold", "5 %"), ("roll_back", "0 %")])
def test_the_share_when_nothing_can_be_concluded(when: str, share: str) -> None:
    """As the plan says."""
    journal = Journal(plan(when_inconclusive=when, at_most_hours=1))
    assert journal.look([100]) is RolloutAction.INCONCLUSIVE
    page = journal.page()
    assert rows(page, "Decisions")[-1][3] == share
    assert lead(page).startswith("v2 ended without an answer by its numbers: 1 hours are over.")


def test_a_decision_that_does_not_follow_is_told() -> None:
    """A journal that is whole and says what its numbers do not."""
    journal = Journal()
    journal.look([100], kind=JournalKind.PROMOTED)
    page = journal.page()
    assert "these entries do not follow from their numbers: 2." in page
    assert rows(page, "Decisions")[-1][5] == "NO"


def test_a_journal_that_was_changed_is_told() -> None:
    """What comes after the place is not shown; without a beginning there is nothing to show."""
    journal = promoted()
    journal.entries[3] = journal.entries[3]._replace(content="{}")
    page = journal.page()
    assert "The journal is not what was written: entry 4 is not what was written" in page
    assert [row[1] for row in rows(page, "Decisions")] == ["started"]
    assert lead(rollout_page("<b>", [])) == "The journal of <b> cannot be read: there is no entry."
    assert lead(rollout_page("other", journal.entries[:1])).endswith("entry 1 is of another rollout.")


def test_before_the_first_look_there_is_a_page() -> None:
    """With the plan."""
    page = Journal().page()
    assert "No look with numbers is in the journal yet." in page
    assert rows(page, "Steps of the plan")[0] == ["1", "5 %", "0 min", "100"]
    assert page.count("<svg") == 1


def test_many_looks_are_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions and the last look stay."""
    looks_max = 40
    monkeypatch.setattr(page_module, "LOOKS_MAX", looks_max)
    journal = Journal()
    for number in range(2 * looks_max + 50):
        journal.look([30 + number // 20], kind=JournalKind.LOOKED)
    journal.look([30], kind=JournalKind.PAUSED, by="kim")
    shown = rows(journal.page(), "refusal at each look")
    assert looks_max <= len(shown) <= looks_max + 30
    assert shown[-1][2] == "30"


@pytest.fixture
def hostile_page() -> str:
    """With every name that may go wrong, where a person or a configuration gives one."""
    terms = plan(teams=tuple(name for name in HOSTILE if 0 < len(name) <= 100))
    journal = Journal(terms, {"stable_fingerprint": HOSTILE[7], "canary_fingerprint": HOSTILE[8]})
    journal.look([100])
    for name in HOSTILE:
        journal.add(JournalKind.PAUSED, name, name)
    journal.look([100], kind=JournalKind.ROLLED_BACK, by=HOSTILE[7], note=HOSTILE[8])
    return journal.page()


def test_names_are_text(hostile_page: str) -> None:
    """Nothing of a name is an element, and nothing is fetched or run."""
    page = Page(hostile_page)
    assert page.open == []
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img", "link", "a", "iframe", "form"})
    names = {name for _, attributes in page.elements for name in attributes}
    assert {name for name in names if name.startswith("on") or name in ("href", "src", "style")} == set()
    assert re.findall(r"https?:|url\(|@import", hostile_page) == []
    assert "\x1b" not in hostile_page


def test_plots_are_described_and_well_formed(hostile_page: str) -> None:
    """Each with a title, a description, ids of its own, and numbers that are numbers."""
    for text in (hostile_page, promoted().page()):
        drawn = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
        assert len(drawn) == 1 + 2 * 5
        ids = [one for svg in drawn for one in re.findall(r' id="([^"]*)"', svg)]
        assert len(ids) == len(set(ids)) == 2 * len(drawn)
        for svg in drawn:
            root = ElementTree.fromstring(svg)  # ours
            assert [one.tag for one in root][:2] == ["title", "desc"]
            assert "nan" not in svg
            assert "inf" not in svg


@given(
    st.lists(st.tuples(st.floats(0, 1e7), st.floats(allow_nan=True), st.floats(), st.floats()), min_size=1, max_size=9),
    st.floats(0, 1e7),
    st.booleans(),
)
@settings(max_examples=examples(50))
def test_what_is_beyond_a_plot_is_at_its_edge(points: list[Any], span_s: float, holds: bool) -> None:
    """Whatever the values are, each place is inside of the drawing."""
    curve = Curve("x", [(at_s, value) for at_s, value, _, _ in points], holds)
    band = [(at_s, low, high) for at_s, _, low, high in points]
    svg = curves(TimePlot("p", "t", "d", span_s, (-1.0, 1.0), str, [curve], band, (0.0,)))
    root = ElementTree.fromstring(svg)  # ours
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for one in root.iter():
        for place in one.attrib.get("points", "").split():
            x, y = map(float, place.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_a_browser_shows_it_without_the_network(hostile_page: str, tmp_path: Path) -> None:
    """It complains about nothing, and all plots are there."""
    assert shown(hostile_page, tmp_path).count("<svg") == 11
