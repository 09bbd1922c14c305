"""What the policies take from the configuration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.document import Document
from extproc.envoy_config.envoy_gateway.place import gateway_place
from extproc.envoy_config.envoy_gateway.policies import (
    backend_policy_spec,
    client_policy_spec,
    duration,
    extension_policy_spec,
)
from tests.thorough import examples
from tests.unit.envoy_config.envoy_gateway.test_place import PUBLIC
from tests.unit.envoy_config.istio.test_mesh import PROCESSOR, versions

Make = Callable[..., Document]


def made(document: Make, **envoy: Any) -> Document:
    """Two versions and a shared processor, with settings of Envoy."""
    return document(models=versions(), envoy={**PROCESSOR, **envoy})


@given(st.integers(0, 86_400_000))
@settings(max_examples=examples(100))
def test_durations_are_those_of_the_gateway_api(milliseconds: int) -> None:
    """No fractions, and no time is lost."""
    text = duration(milliseconds)
    assert re.fullmatch("([0-9]{1,5}(h|m|s|ms)){1,4}", text)
    found = re.fullmatch("(?:([0-9]+)s)?(?:([0-9]+)ms)?", text)
    assert found is not None
    assert int(found[1] or 0) * 1_000 + int(found[2] or 0) == milliseconds


def test_the_longer_timeout_holds_for_all(document: Make) -> None:
    """Envoy Gateway lets the processor ask for no more time."""
    configured = made(document, message_timeout_ms=300, long_message_timeout_ms=4_500)
    (calls,) = extension_policy_spec(configured, gateway_place(configured, PUBLIC))["extProc"]
    assert calls["messageTimeout"] == "4s500ms"


def test_bodies_have_room(document: Make) -> None:
    """Above the processor's own limits, so that it refuses, with an error of the API."""
    configured = document(models=versions(), envoy=PROCESSOR, limits={"request_body_bytes_max": 20_000_000})
    limit = client_policy_spec(configured, gateway_place(configured, PUBLIC))["connection"]["bufferLimit"]
    assert int(limit) > 20_000_000


def test_a_server_that_the_processor_picks_is_followed(document: Make) -> None:
    """By its header; without one by least requests."""
    plain, picked = (backend_policy_spec(made(document), pick) for pick in ("least_request", "load"))
    assert plain["loadBalancer"] == {"type": "LeastRequest"}
    assert picked["loadBalancer"]["endpointOverride"] == {"extractFrom": [{"header": "x-llm-endpoint"}]}
    assert plain["targetSelectors"] != picked["targetSelectors"]
