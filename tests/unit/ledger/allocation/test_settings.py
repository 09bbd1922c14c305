"""Whom the process that ships asks, as the configuration says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.config.document import Document
from extproc.config.load import load
from extproc.ledger.allocation.settings import (
    AskedAddress,
    ConfiguredServer,
    PodSettings,
    SamplingSettings,
    sampling_settings,
)
from extproc.ledger.watched_settings import watched_settings
from tests.unit.config.test_bad_files import BASE
from tests.unit.config.test_gpus import GUARD, PODS

ROUTE = """
ledger: {}
gpus:
  scrape_s: 30
  servers:
    - { endpoint: "vllm-a:8001", gpus: 2, kind: H100, price: h100 }
    - { endpoint: "10.0.0.8:8001", gpus: 4, kind: H100, price: h100, metrics: "10.0.0.8:9001" }
    - { endpoint: "127.0.0.1:8002", gpus: 1, kind: H100, price: h100 }
  prices: [{ name: h100, per_gpu_hour: "2.50" }]
"""
NAMED = BASE.replace('["127.0.0.1:8001"]', '["vllm-a:8001"]')


def document(text: str) -> Document:
    """A document that is right."""
    return load(text, "test.yaml", environment={"POD_NAME": "vllm-7"}).document


def settings(text: str) -> SamplingSettings:
    """As they reach the other process."""
    return SamplingSettings.of_json(json.loads(json.dumps(sampling_settings(document(text)))))


def test_without_gpus_nobody_is_asked() -> None:
    """And with them, they are told with everything else that is watched."""
    assert sampling_settings(document(BASE)) is None
    watched = watched_settings(document(ROUTE + NAMED), {}, Path("/"))
    assert SamplingSettings.of_json(watched["gpus"]) == settings(ROUTE + NAMED)


def test_each_address_is_asked_with_what_is_configured() -> None:
    """One that is listed by its address is no other's, though a name has it too."""
    found = settings(ROUTE + NAMED)
    name, listed, local = found.servers
    assert (found.scrape_s, found.keep_days, found.is_guard, found.names) == (30, 400, False, ("vllm-a:8001",))
    own = {
        "10.0.0.8:8001": AskedAddress("10.0.0.8:9001", listed),
        "127.0.0.1:8002": AskedAddress("127.0.0.1:8002", local),
    }
    assert found.asked({}) == own
    addresses = {"vllm-a:8001": ("10.0.0.7:8001", "10.0.0.8:8001", "[fd00::7]:8001"), "another:1": ("10.0.0.9:1",)}
    assert found.asked(addresses) == own | {
        "10.0.0.7:8001": AskedAddress("10.0.0.7:8001", name),
        "[fd00::7]:8001": AskedAddress("[fd00::7]:8001", name),
    }


@pytest.mark.parametrize(
    ("metrics", "asked"),
    [("vllm-a:9001", "[fd00::7]:9001"), ("metrics-of-a:9001", "metrics-of-a:9001"), ("", "[fd00::7]:8001")],
)
def test_metrics_at_another_port_of_a_name(metrics: str, asked: str) -> None:
    """Of the same host: at each of its addresses."""
    server = ConfiguredServer("vllm-a:8001", 1, "L4", "l4", metrics)
    found = SamplingSettings(15, 400, False, (server,)).asked({"vllm-a:8001": ("[fd00::7]:8001",)})
    assert found == {"[fd00::7]:8001": AskedAddress(asked, server)}


def test_a_guard_asks_the_server_next_to_it_alone() -> None:
    """By the name that entries have, where its metrics are."""
    other = '{ endpoint: "vllm-8", gpus: 2, kind: L4, price: l4, metrics: "127.0.0.1:8000" }'
    found = settings(GUARD.replace("servers: [", f"servers: [{other}, "))
    mine = ConfiguredServer("vllm-7", 1, "L4", "l4", "127.0.0.1:8000")
    assert found == SamplingSettings(15, 400, True, (mine,))
    assert found.names == ()
    assert found.asked({}) == {"vllm-7": AskedAddress("127.0.0.1:8000", mine)}


def test_a_guard_asks_at_the_endpoint_of_its_version_by_default() -> None:
    """It has one where the configuration of Envoy is generated."""
    text = GUARD.replace(', metrics: "127.0.0.1:8000"', "")
    text = text.replace("{ weight: 1,", '{ weight: 1, endpoints: ["[::1]:8000"],')
    (server,) = settings(text).servers
    assert server.metrics == "[::1]:8000"


def test_where_pods_are_looked_up() -> None:
    """What a server lacks, and which kinds have a price."""
    found = settings(PODS + BASE)
    assert found.pods == PodSettings(("batch",), "nvidia.com/gpu", "nvidia.com/gpu.product", ("H100",))
    assert found.servers == (
        ConfiguredServer("127.0.0.1:8001", 0, "", ""),
        ConfiguredServer("127.0.0.1:8002", 0, "L4", "mine"),
    )
    assert settings(ROUTE + NAMED).pods is None
