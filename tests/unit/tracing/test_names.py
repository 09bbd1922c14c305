"""Every name that is sent is one that the conventions publish, or begins with ``llm_extproc.``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import get_args

import pytest
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiOperationNameValues
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes

from extproc.domain.contract import Endpoint
from extproc.tracing import names

PUBLISHED_IN = ("gen_ai", "user", "service", "http", "error")
METRICS = {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI_")}
CUSTOM_OPERATIONS = {"count_tokens", "rerank"}
SPANS = {names.GUARD_REQUEST_SPAN, names.GUARD_RESPONSE_SPAN}


def published() -> set[str]:
    """Attributes that the conventions have, stable or not, and that no other one replaces."""
    found = {error_attributes.ERROR_TYPE, "http.response.status_code", "service.name", "service.version"}
    for space in PUBLISHED_IN:
        module = import_module(f"opentelemetry.semconv._incubating.attributes.{space}_attributes")
        found |= {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
    return found


def sent() -> Iterator[tuple[str, str]]:
    """Constants that are names of what is sent."""
    for name, value in vars(names).items():
        if name.isupper() and isinstance(value, str) and value not in SPANS and name != "OWN_SERVER":
            yield name, value


def test_every_name_is_published_or_ours() -> None:
    """A typing error would be a column that nobody has."""
    known = published() | METRICS
    assert len(dict(sent())) > 50
    assert {value for _, value in sent() if value not in known and not value.startswith("llm_extproc.")} == set()
    assert len({value for _, value in sent()}) == len(dict(sent()))


@pytest.mark.parametrize("endpoint", get_args(Endpoint))
def test_every_endpoint_has_an_operation(endpoint: str) -> None:
    """One of the conventions, or one of the two that they lack."""
    known = {one.value for one in GenAiOperationNameValues} | CUSTOM_OPERATIONS
    assert names.OPERATIONS[endpoint] in known


def test_buckets_are_those_of_the_conventions() -> None:
    """As the page of metrics writes them."""
    assert names.TOKEN_BUCKETS[:4] + names.TOKEN_BUCKETS[-1:] == (1, 4, 16, 64, 67108864)
    assert names.DURATION_BUCKETS[:3] + names.DURATION_BUCKETS[-2:] == (0.01, 0.02, 0.04, 40.96, 81.92)
    assert len(names.TOKEN_BUCKETS) == len(names.DURATION_BUCKETS) == 14
