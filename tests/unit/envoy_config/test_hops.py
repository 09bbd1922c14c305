"""Marks in Envoy: that of a gateway removes those of clients, that of a sidecar leaves them to the processor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.load import parse_document
from extproc.envoy_config.generate import bootstrap
from tests.unit.config.conftest import MINIMAL

HOPS = {"key_files": ["hop.key"]}


def removed(**sections: Any) -> list[str]:
    """Prefixes of headers that are removed before anything reads them."""
    text = MINIMAL.replace("  - filter: version\n", "") if "role" in sections else MINIMAL
    text += "".join(f"{key}: {json.dumps(value)}\n" for key, value in sections.items())
    listeners = bootstrap(parse_document(text, "c.yaml"))["static_resources"]["listeners"]
    manager = listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
    (mutations,) = manager["early_header_mutation_extensions"]
    return [one["remove_on_match"]["key_matcher"]["prefix"] for one in mutations["typed_config"]["mutations"]]


def guard_role() -> dict[str, Any]:
    """The keys of a sidecar."""
    data = parse_document(MINIMAL, "c.yaml")
    (model,) = data.models
    (version, *_) = data.models[model].versions
    return {"role": "guard", "guard_version": f"{model}/{version}"}


@pytest.mark.parametrize("sections", [{}, {"hops": HOPS}])
def test_a_gateway_removes_what_only_it_may_set(sections: dict[str, Any]) -> None:
    """With marks as without."""
    assert removed(**sections) == ["x-llm-", "x-envoy-"]


def test_a_sidecar_passes_marks_to_its_processor() -> None:
    """Which removes them, and all other internal headers. Without marks Envoy removes them, as before."""
    assert removed(**guard_role()) == ["x-llm-", "x-envoy-"]
    assert removed(**guard_role(), hops=HOPS) == ["x-envoy-"]
