"""Dashboards as data, and as the JSON that Grafana imports.

A dashboard is rows of panels; a panel is a question, its queries, its unit, and what to do about what it shows. Places,
ids and letters of queries are made here, so a panel is added in one place and none is moved by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from extproc.ledger.rollouts.grafana import TAGS as TAGS_OF_ROLLOUTS

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39  # Grafana 11; later ones migrate it
COLUMNS: Final = 24
TAG: Final = "llm-extproc"
SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA: Final[Json] = {"type": "grafana", "uid": "-- Grafana --"}

Kind = Literal["timeseries", "stat", "bargauge", "table"]
Unit = Literal[
    "none", "short", "percentunit", "percent", "s", "bytes", "reqps", "cps", "currencyUSD", "dateTimeFromNow"
]


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and the name of its series; ``legend`` holds labels as ``{{label}}``."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """Attributes:
    about: what it shows, and what to do about it.
    queries: of which each may have several series.
    width: of 24 columns.
    stacked: areas on top of each other.
    low_is_bad: whether the lowest series matter most; else the highest.
    steps: from which value on it has which color; the first has no value.
    texts: words in place of values.
    hidden: columns of a table that are not shown.
    named: columns of a table, by the name of their label, as people call them.
    """

    title: str
    about: str
    queries: Sequence[Query]
    unit: Unit = "short"
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    low_is_bad: bool = False
    max: float | None = None
    steps: Sequence[tuple[str, float | None]] = ()
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    hidden: Sequence[str] = ()
    named: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice of the reader: values of a label of ``metric``, as chosen by the variables before."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``name``: of its file, and the end of its uid, which links rely on."""

    name: str
    title: str
    about: str
    variables: Sequence[Variable]
    rows: Sequence[Row]

    @property
    def uid(self) -> str:
        """Its name in Grafana, which never changes."""
        return f"{TAG}-{self.name}"

    @property
    def panels(self) -> Iterator[Panel]:
        """All of them."""
        for row in self.rows:
            yield from row.panels

    def as_json(self) -> Json:
        """What Grafana imports."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": [TAG],
            "timezone": "browser",
            "editable": True,
            "graphTooltip": 1,  # one crosshair on all panels
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "1m",
            "schemaVersion": SCHEMA_VERSION,
            "annotations": {"list": list(_annotations())},
            "templating": {"list": [_datasource(), *map(_variable, self.variables)]},
            "links": [_link_to_others()],
            "panels": list(_placed(self.rows)),
        }


# --- panels --------------------------------------------------------------------------------------------------------


def placed(rows: Sequence[Row]) -> Iterator[tuple[Row | Panel, Json]]:
    """Rows and panels with their places, from left to right and from above."""
    y = 0
    for row in rows:
        yield row, {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        y, x, below = y + 1, 0, y + 1
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, below
            yield panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}
            x, below = x + panel.width, max(below, y + panel.height)
        y = below


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    for number, (one, place) in enumerate(placed(rows), 1):
        if isinstance(one, Row):
            yield {"id": number, "type": "row", "title": one.title, "collapsed": False, "gridPos": place, "panels": []}
        else:
            yield _panel(one, number, place)


def _panel(panel: Panel, number: int, place: Json) -> Json:
    instant = panel.kind != "timeseries"
    made: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [
            _target(query, letter, instant, panel.kind) for query, letter in zip(panel.queries, "ABCDEF", strict=False)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }
    if panel.kind == "table":
        excluded = dict.fromkeys(("Time", *panel.hidden), True)
        renamed = {"Value": "value", **panel.named}
        options = {"excludeByName": excluded, "renameByName": renamed, "indexByName": {}}
        made["transformations"] = [{"id": "organize", "options": options}]
    return made


def _target(query: Query, letter: str, instant: bool, kind: Kind) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": "table" if kind == "table" else "time_series",
        "instant": instant,
        "range": not instant,
    }


def _defaults(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "min": 0}
    if panel.max is not None:
        defaults["max"] = panel.max
    colored = bool(panel.steps)
    steps = panel.steps or (("green", None),)
    defaults["thresholds"] = {
        "mode": "absolute",
        "steps": [{"color": color, "value": value} for color, value in steps],
    }
    if panel.texts:
        shown = {value: {"text": text, "color": color, "index": 0} for value, (text, color) in panel.texts.items()}
        defaults["mappings"] = [{"type": "value", "options": shown}]
    if panel.kind == "timeseries":
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 0,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if colored else "off"},
        }
    else:
        defaults["color"] = {"mode": "thresholds"}
    return defaults


def _options(panel: Panel) -> Json:
    options = _OPTIONS[panel.kind]
    if panel.kind != "timeseries":
        return options
    return options | {"legend": options["legend"] | {"sortBy": "Mean", "sortDesc": not panel.low_is_bad}}


_REDUCED: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Final[dict[Kind, Json]] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": _REDUCED,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "auto",
        "orientation": "auto",
    },
    "bargauge": {
        "reduceOptions": _REDUCED,
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}


# --- the rest ------------------------------------------------------------------------------------------------------


def _datasource() -> Json:
    """Without a current value: Grafana then takes its default, whatever that is called."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "options": [],
        "regex": "",
        "refresh": 1,
    }


def _variable(variable: Variable) -> Json:
    query = f"label_values({variable.metric}, {variable.name})"
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": variable.name},
        "current": {},
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "options": [],
        "regex": "",
        "refresh": 2,  # when the range of time changes
        "sort": 1,
    }


def _annotations() -> Iterator[Json]:
    yield {
        "name": "Annotations & Alerts",
        "builtIn": 1,
        "datasource": _GRAFANA,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "type": "dashboard",
    }
    for name, color, expr in ANNOTATIONS:
        yield {
            "name": name,
            "datasource": SOURCE,
            "enable": True,
            "hide": False,
            "iconColor": color,
            "expr": expr,
        }
    yield {
        "name": "Rollouts",
        "datasource": _GRAFANA,
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "target": {"type": "tags", "tags": list(TAGS_OF_ROLLOUTS), "matchAny": False, "limit": 100},
    }


ANNOTATIONS: Final = (
    ("Alerts", "red", 'ALERTS{alertname=~"LlmExtproc.*", alertstate="firing"}'),
    (
        "New configuration",
        "blue",
        "count by (revision) (llm_config_revision) unless count by (revision) (llm_config_revision offset 5m)",
    ),
)
"""On every dashboard: what fired, and when another configuration came into force; besides them what `rollouts` with
`grafana` sends."""


def _link_to_others() -> Json:
    return {
        "title": "llm-extproc",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
