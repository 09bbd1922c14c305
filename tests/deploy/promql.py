"""What a PromQL expression names: metrics with their conditions, and labels that it groups by.

Whether an expression is valid Prometheus itself says (``test_monitoring``, ``tests/e2e/test_dashboards.py``). This
reads names only, and refuses every word that it does not know, so that no name of a metric is overlooked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Selected:
    """A metric, and its conditions: label, operator, value."""

    metric: str
    conditions: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Names:
    """All selectors of an expression, and the labels of its ``by``, ``on``, ``group_left`` and the like."""

    selected: tuple[Selected, ...]
    grouped: frozenset[str]


_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_TOKEN: Final = re.compile(
    rf"(?P<grouping>\b(?:by|without|on|ignoring|group_left|group_right)\s*\((?P<labels>[^)]*)\))"
    rf"|(?P<word>[a-zA-Z_:][\w:]*)(?P<conditions>\s*\{{(?:[^}}\"]|{_STRING})*\}})?"
    rf"|(?P<other>\[[^\]]*\]|\$\w+|{_STRING}|\d[\w.]*|[-+*/%^()<>=!,\s.])"
)
_CONDITION: Final = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")
_OPERATORS: Final = {"and", "or", "unless", "bool", "offset"}
_AGGREGATIONS: Final = {"sum", "max", "min", "avg", "count", "topk"}
_OVER_TIME: Final = {"rate", "increase", "sum_over_time", "avg_over_time", "max_over_time"}
_FUNCTIONS: Final = {"histogram_quantile", "clamp_min", "clamp_max", "sqrt", "time", "vector", "sort_desc"}
_GRAFANA: Final = {"label_values"}
_WORDS: Final = _OPERATORS | _AGGREGATIONS | _OVER_TIME | _FUNCTIONS | _GRAFANA


def names_in(expr: str) -> Names:
    """Raises: ValueError for what is no PromQL that our files use."""
    selected: list[Selected] = []
    grouped: set[str] = set()
    at = 0
    while at < len(expr):
        token = _TOKEN.match(expr, at)
        if token is None:
            raise ValueError(f"unknown: {expr[at : at + 20]!r} in {expr}")
        at = token.end()
        if token["grouping"]:
            grouped.update(label.strip() for label in token["labels"].split(",") if label.strip())
        elif (word := token["word"]) and (word not in _WORDS or token["conditions"]):
            conditions = [
                (label, how, value[1:-1]) for label, how, value in _CONDITION.findall(token["conditions"] or "")
            ]
            selected.append(Selected(word, tuple(conditions)))
    return Names(tuple(selected), frozenset(grouped))
