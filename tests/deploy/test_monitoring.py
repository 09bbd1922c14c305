"""Dashboards and alerts: they name what exists, say what to do, and Prometheus' own tools accept them."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.domain.feedback import FeedbackType
from extproc.domain.record import Action, Coverage, Outcome
from extproc.domain.refusal_kinds import RefusalKind
from extproc.domain.signals import RATES
from tests.deploy.manifests import require_module
from tests.deploy.monitoring import RULE_TESTS, RULES, alerts, expressions, labels_by_metric, rules
from tests.deploy.promql import Selected, names_in
from tests.docs.pages import DOCS, ROOT, anchors, blocks, section
from tests.tools.dashboards.__main__ import DASHBOARDS, FOLDER, file_of, written
from tests.tools.dashboards.grafana import Dashboard, Panel, placed
from tests.tools.prometheus import promtool

RUNBOOKS = DOCS / "runbooks.md"
PANELS = [pytest.param(each, id=f"{board.name}: {each.title}") for board in DASHBOARDS for each in board.panels]
EXPRESSIONS = list(expressions())
LABELS = labels_by_metric()
VALUES: dict[tuple[str, str], set[str]] = {
    ("llm_requests_total", "outcome"): {each.value for each in Outcome},
    ("llm_guard_coverage_total", "outcome"): {each.value for each in Coverage},
    ("llm_guard_verdicts_total", "action"): {each.value for each in Action},
    ("llm_guard_verdicts_total", "direction"): {"request", "response"},
    ("llm_answer_signals_total", "signal"): {each.name for each in RATES},
    ("llm_user_feedback_total", "feedback_type"): {each.value for each in FeedbackType},
    ("llm_refusal_total", "kind"): {"", *(each.value for each in RefusalKind)},
}
"""Labels whose values are known."""
ALERT_NAMES = [rule["alert"] for rule in alerts()]


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("where", "expr"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_expression_names_what_exists(where: str, expr: str) -> None:
    """Metrics, their labels, and values that a label can have."""
    names = names_in(expr)
    variables = {where.rpartition("$")[2]} if "$" in where else set()
    metrics = [one for one in names.selected if one.metric not in variables]
    assert {one.metric for one in metrics} <= LABELS.keys()
    for one in metrics:
        assert {label for label, _, _ in one.conditions} <= LABELS[one.metric], one
        assert unknown_values(one) == set()
    assert names.grouped <= frozenset().union(*(LABELS[one.metric] for one in metrics))


def unknown_values(one: Selected) -> set[str]:
    """Those that a condition names and the label never has."""
    return {
        value
        for label, _, values in one.conditions
        if (one.metric, label) in VALUES and not values.startswith("$")
        for value in set(values.split("|")) - VALUES[one.metric, label]
    }


def test_a_name_that_does_not_exist_is_seen() -> None:
    """In each place where a name can stand."""
    names = names_in('sum by (modle) (rate(llm_x_total{outcom=~"a|b", team="t}"}[5m])) / on (team) up > 0.5 * 1e6')
    assert names.selected == (
        Selected("llm_x_total", (("outcom", "=~", "a|b"), ("team", "=", "t}"))),
        Selected("up", ()),
    )
    assert names.grouped == {"modle", "team"}
    assert unknown_values(Selected("llm_requests_total", (("outcome", "=~", "failed|fialed"),))) == {"fialed"}
    with pytest.raises(ValueError, match="unknown: ';'"):
        names_in("up ;")


# --- dashboards ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_the_files_are_those_that_are_generated(dashboard: Dashboard) -> None:
    """`python -m tests.tools.dashboards` writes them."""
    assert file_of(dashboard).read_text() == written(dashboard)


def test_there_is_no_other_file() -> None:
    """One that nobody generates would be one that nobody tests."""
    assert sorted(FOLDER.glob("*.json")) == sorted(map(file_of, DASHBOARDS))
    assert sorted(one.uid for one in DASHBOARDS) == [
        f"llm-extproc-{name}" for name in ("guards", "operations", "quality", "rollouts", "teams")
    ], "links and bookmarks hold them"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_grafana_knows_every_key(dashboard: Dashboard) -> None:
    """The types of Grafana's own SDK lose what is in no schema of theirs; nothing is lost."""
    models = require_module("grafana_foundation_sdk.models.dashboard", "grafana-foundation-sdk")
    plugins = require_module("grafana_foundation_sdk.cog.plugins", "grafana-foundation-sdk")
    encoder = require_module("grafana_foundation_sdk.cog.encoder", "grafana-foundation-sdk")
    plugins.register_default_plugins()
    ours = json.loads(file_of(dashboard).read_text())
    theirs = json.loads(json.dumps(models.Dashboard.from_json(ours), cls=encoder.JSONEncoder))
    assert list(lost(ours, theirs, "")) == []
    ours["panels"][1]["options"]["textmode"] = "name"
    theirs = json.loads(json.dumps(models.Dashboard.from_json(ours), cls=encoder.JSONEncoder))
    if dashboard.name == "operations":
        assert list(lost(ours, theirs, "")) == [".panels[1].options.textmode"]


def lost(ours: Any, theirs: Any, path: str) -> list[str]:
    """The places that another document lacks, or has otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [place for key, value in ours.items() for place in lost(value, theirs.get(key), f"{path}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [place for number, (one, other) in pairs for place in lost(one, other, f"{path}[{number}]")]
    return [] if ours == theirs else [path]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    """What it is, in which unit, how its series are called, and what to do."""
    assert len(panel.about.split()) >= 4
    assert panel.about.endswith(".")
    assert panel.unit
    for query in panel.queries:
        labels = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        names = names_in(query.expr)
        assert labels <= names.grouped | frozenset().union(*(LABELS[one.metric] for one in names.selected))
        assert panel.kind == "table" or query.legend or panel.kind == "stat"
        by = re.match(r"sum by \(([\w, ]+)\)", query.expr)
        if by and panel.kind == "timeseries":
            assert set(by[1].split(", ")) <= labels | {"fingerprint"}, "two series would have one name"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.name)
def test_a_dashboard_is_in_order(dashboard: Dashboard) -> None:
    """Each title once in a row, no panel over another, no variable without use, and none that is not there."""
    titles = Counter((row.title, panel.title) for row in dashboard.rows for panel in row.panels)
    assert max(titles.values()) == 1
    places = [place for _, place in placed(dashboard.rows)]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    used = set(re.findall(r"\$(\w+)", " ".join(query.expr for panel in dashboard.panels for query in panel.queries)))
    assert used - {"__rate_interval", "__range"} == {variable.name for variable in dashboard.variables}
    made = dashboard.as_json()
    assert [one["current"] for one in made["templating"]["list"]] == [{}] * (1 + len(dashboard.variables))
    sources = set(re.findall(r'"type": "prometheus", "uid": "([^"]+)"', json.dumps(made)))
    assert sources == {"${datasource}"}


def test_every_signal_is_on_a_panel() -> None:
    """On one, so that none is overlooked."""
    shown = [
        value
        for _, expr in EXPRESSIONS
        for one in names_in(expr).selected
        for label, _, values in one.conditions
        for value in values.split("|")
        if (one.metric, label) == ("llm_answer_signals_total", "signal")
    ]
    assert sorted(shown) == sorted(each.name for each in RATES)


# --- rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", alerts(), ids=ALERT_NAMES)
def test_an_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    """How bad it is, what happened where, and which section of the runbooks is its own."""
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url"}
    assert "$value" in notes["summary"] + notes["description"] or "$labels" in notes["summary"]
    assert notes["runbook_url"] == f"docs/runbooks.md#{rule['alert'].lower()}"
    assert rule["alert"].lower() in anchors(RUNBOOKS)


def test_the_runbooks_have_a_section_for_each_alert_and_for_no_other() -> None:
    """In the order of the rules; each says what it means, how to look, and what to do."""
    headings = re.findall(r"^## (LlmExtproc\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert headings == ALERT_NAMES
    for name in ALERT_NAMES:
        parts = re.findall(r"^\*\*(.+?)\*\*", section(RUNBOOKS, name), re.MULTILINE)
        assert parts == ["What it means.", "How to look.", "What to do."], name


def test_promtool_accepts_the_rules() -> None:
    """With all that it can complain of."""
    code, told = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert code == 0, told
    assert f"{len(rules())} rules found" in told


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda one: one.stem)
def test_alerts_fire_and_do_not_fire(file: Any) -> None:
    """With their exact labels and words."""
    code, told = promtool("test", "rules", file)
    assert code == 0, told


@pytest.mark.parametrize("fires", [True, False], ids=["fires", "does not fire"])
def test_no_alert_lacks_a_case(fires: bool) -> None:
    """A rule that never fires looks like a healthy system; one that always does is switched off."""
    cases = [
        case
        for file in RULE_TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if bool(case["exp_alerts"]) is fires} == set(ALERT_NAMES)


# --- what the page says --------------------------------------------------------------------------------------------


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    """A PrometheusRule with the same groups, and runbooks at an address of one's own; the last ones are run above."""
    wrap, address, check = blocks(DOCS / "dashboards.md", "sh")
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for block in (wrap, address):
        ran = subprocess.run(["bash", "-ec", block], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    groups = yaml.safe_load(RULES.read_text())["groups"]
    resource = yaml.safe_load((tmp_path / "llm-extproc-rules.yaml").read_text())
    assert (resource["kind"], resource["spec"]) == ("PrometheusRule", {"groups": groups})
    moved = yaml.safe_load((tmp_path / "rules.yaml").read_text())["groups"]
    urls = [rule["annotations"]["runbook_url"] for group in moved for rule in group["rules"] if "alert" in rule]
    assert urls == [f"https://docs.example/llm-extproc/docs/runbooks.md#{name.lower()}" for name in ALERT_NAMES]
    files = {str(file.relative_to(ROOT)) for file in RULE_TESTS}
    first, second = check.splitlines()
    assert first == "promtool check rules --lint=all --lint-fatal deploy/prometheus/rules.yaml"
    assert set(second.removeprefix("promtool test rules ").split()) == files


def test_the_page_lists_every_dashboard_and_alert() -> None:
    """With the severity that the rule has."""
    page = (DOCS / "dashboards.md").read_text()
    rows = re.findall(r"^\| `(LlmExtproc\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in alerts()]
    assert re.findall(r"^\| `(\w+)\.json` \|", page, re.MULTILINE) == [one.name for one in DASHBOARDS]
