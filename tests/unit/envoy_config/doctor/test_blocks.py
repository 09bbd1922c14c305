"""Walking a configuration of any shape."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.envoy_config.doctor.blocks import blocks, mappings, seconds_of


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("0.25s", 0.25),
        ("15s", 15.0),
        ({"seconds": "1", "nanos": 500_000_000}, 1.5),
        ({}, 0.0),
        ("15", None),
        ("soons", None),
        ({"seconds": [1]}, None),
        (15, None),
        (None, None),
    ],
)
def test_durations_are_seconds(duration: Any, seconds: float | None) -> None:
    """As JSON of protobuf has them, and as plain data has."""
    assert seconds_of(duration) == seconds


def test_mappings_keep_their_places() -> None:
    """So that an index in a path is that of the file."""
    assert mappings([1, {"a": 1}, None]) == [{}, {"a": 1}, {}]
    assert mappings({"a": 1}) == []


def test_settings_of_other_filters_are_left_out() -> None:
    """In a chain and per route, by name; all else is walked, outermost first."""
    tree = {
        "http_filters": [{"name": "other", "typed_config": {"x": {}}}, {"name": "ours", "typed_config": {}}],
        "typed_per_filter_config": {"other": {"y": {}}, "ours": {}},
        "name": "other",
    }
    paths = [path for path, _ in blocks("a", tree, without=frozenset(("other",)))]
    assert paths == [
        "a",
        "a.http_filters[1]",
        "a.http_filters[1].typed_config",
        "a.typed_per_filter_config",
        "a.typed_per_filter_config.ours",
    ]
