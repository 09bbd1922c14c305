"""The files that monitor llm-extproc, the expressions in them, and the metrics that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from extproc.sinks.metrics import Metrics
from tests.deploy.promql import names_in
from tests.tools.dashboards.__main__ import DASHBOARDS
from tests.tools.dashboards.grafana import ANNOTATIONS

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yaml"
RULE_TESTS: Final = sorted((ROOT / "deploy" / "prometheus" / "tests").glob("*.yaml"))
TARGET_LABELS: Final = frozenset({"job", "instance"})
"""Prometheus adds them."""
_VARIABLE: Final = re.compile(r"\$(\w+)")
_WINDOWS: Final = {"__rate_interval": "4s", "__range": "60s"}


def rules() -> list[dict[str, Any]]:
    """All rules of the file."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Those that alert."""
    return [rule for rule in rules() if "alert" in rule]


def labels_by_metric() -> dict[str, frozenset[str]]:
    """Every name that an expression may use: those of our samples, of recording rules, and Prometheus' own."""
    found: dict[str, frozenset[str]] = {"ALERTS": frozenset({"alertname", "alertstate"})}
    registry = Metrics(label_values_max=1).registry
    collectors: list[Any] = list(registry._collector_to_names)
    for collector in collectors:
        (description,) = collector.describe()
        labels = TARGET_LABELS.union(collector._labelnames)
        if description.type == "histogram":
            found[f"{description.name}_bucket"] = labels | {"le"}
            found |= {f"{description.name}_{suffix}": labels for suffix in ("sum", "count")}
        else:
            found[description.name + ("_total" if description.type == "counter" else "")] = labels
    for rule in rules():
        if "record" in rule:
            names = names_in(rule["expr"])
            inner = [found[one.metric] for one in names.selected]
            found[rule["record"]] = names.grouped or frozenset.intersection(*inner)
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression with where it stands."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                yield f"{dashboard.name}: {panel.title}", query.expr
        for variable in dashboard.variables:
            yield f"{dashboard.name}: ${variable.name}", f"label_values({variable.metric}, {variable.name})"
    for name, _, expr in ANNOTATIONS:
        yield f"annotation: {name}", expr
    for rule in rules():
        yield rule.get("record") or rule["alert"], rule["expr"]


def with_everything_chosen(expr: str, windows: dict[str, str] = _WINDOWS) -> str:
    """An expression of a panel as Grafana sends it, with all values of each variable."""
    return _VARIABLE.sub(lambda found: windows.get(found[1], ".*"), expr)
