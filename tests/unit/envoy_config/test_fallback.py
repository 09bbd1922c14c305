"""A version with a fallback: its route, the cluster of its chain, and the internal listeners that the chain needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from extproc.config.document import Document
from extproc.domain.contract import EGRESS_HEADER
from extproc.envoy_config.generate import bootstrap
from extproc.envoy_config.lint import lint
from extproc.envoy_config.names import PROCESSOR_CLUSTER
from tests.unit.envoy_config.conftest import PRICE

Make = Callable[..., Document]
REASONS = ["connect_failure", "reset", "gateway_error", "rate_limit", "timeout"]
ALWAYS = ["context_length_exceeded", "version_unavailable"]


def models(**fallback: Any) -> dict[str, Any]:
    """Two models; the second has no fallback of its own."""

    def version(port: int, *more: str) -> dict[str, Any]:
        return {"weight": 1, "endpoints": [f"127.0.0.1:{port}", *more], "price": PRICE}

    return {
        "chat": {
            "versions": {"v1": version(1), "v2": version(2, "127.0.0.1:22")},
            "fallback": {"to": ["v1", "small/v1"], **fallback},
        },
        "small": {"versions": {"v1": version(3)}},
        "alone": {"versions": {"v1": version(4)}},
    }


def resources(document: Document) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """The routes of clients by name, listeners and clusters."""
    static = bootstrap(document)["static_resources"]
    listeners = {one["name"]: one for one in static["listeners"]}
    hosts = manager_of(listeners["llm"])["route_config"]["virtual_hosts"]
    routes = {one["name"]: one["route"] for one in hosts[0]["routes"] if "route" in one}
    return routes, listeners, {one["name"]: one for one in static["clusters"]}


def manager_of(listener: dict[str, Any]) -> dict[str, Any]:
    """Its HTTP connection manager."""
    manager: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return manager


def chain_of(cluster: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Priority, internal listener and version of each endpoint."""
    return [
        (
            group["priority"],
            group["lb_endpoints"][0]["endpoint"]["address"]["envoy_internal_address"]["server_listener_name"],
            group["lb_endpoints"][0]["metadata"]["filter_metadata"]["envoy.lb"]["version"],
        )
        for group in cluster["load_assignment"]["endpoints"]
    ]


def test_each_version_has_its_chain(document: Make) -> None:
    """Itself first, then the list without itself; a retry for each of the others."""
    routes, _, clusters = resources(document(models=models()))
    assert chain_of(clusters["chat__v1__fallback"]) == [
        (0, "chat__v1__egress", "chat/v1"),
        (1, "small__v1__egress", "small/v1"),
    ]
    assert chain_of(clusters["chat__v2__fallback"]) == [
        (0, "chat__v2__egress", "chat/v2"),
        (1, "chat__v1__egress", "chat/v1"),
        (2, "small__v1__egress", "small/v1"),
    ]
    assert {name: routes[name]["cluster"] for name in ("chat/v1", "chat/v2", "small/v1", "alone/v1")} == {
        "chat/v1": "chat__v1__fallback",
        "chat/v2": "chat__v2__fallback",
        "small/v1": "small__v1",
        "alone/v1": "alone__v1",
    }
    assert [routes[name]["retry_policy"]["num_retries"] for name in ("chat/v1", "chat/v2")] == [1, 2]
    assert "retry_policy" not in routes["alone/v1"]


@pytest.mark.parametrize("on", [REASONS, ["rate_limit"]])
def test_only_what_is_configured_starts_it(document: Make, on: list[str]) -> None:
    """And what was never sent to its model server."""
    routes, _, _ = resources(document(models=models(on=on)))
    headers = routes["chat/v1"]["retry_policy"]["retriable_headers"]
    assert [one["string_match"]["exact"] for one in headers] == [*on, *ALWAYS]


def test_the_role_is_in_the_configuration_alone(document: Make) -> None:
    """Each internal listener states its version with each call, and no header of a client gets into it."""
    _, listeners, _ = resources(document(models=models()))
    assert set(listeners) == {"llm", "chat__v1__egress", "chat__v2__egress", "small__v1__egress"}
    for name, version in (("chat__v1__egress", "chat/v1"), ("small__v1__egress", "small/v1")):
        assert listeners[name]["internal_listener"] == {}
        assert "address" not in listeners[name]
        call = manager_of(listeners[name])["http_filters"][0]["typed_config"]["grpc_service"]
        assert call["initial_metadata"] == [{"key": EGRESS_HEADER, "value": version}]
    front = manager_of(listeners["llm"])["http_filters"][0]["typed_config"]["extension_config"]["typed_config"]
    assert EGRESS_HEADER not in str(front)


def test_another_server_of_the_version_comes_first(document: Make) -> None:
    """If one of several cannot be reached; with one there is none to try."""
    _, listeners, _ = resources(document(models=models()))

    def route(name: str) -> dict[str, Any]:
        found: dict[str, Any] = manager_of(listeners[name])["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
        return found

    assert route("chat__v2__egress")["retry_policy"]["num_retries"] == 1
    assert "retry_policy" not in route("chat__v1__egress")


def test_models_without_a_fallback_stay_as_they_are(document: Make) -> None:
    """Route and cluster are those of a configuration that has none."""
    data = models()
    routes, _, clusters = resources(document(models=data))
    del data["chat"]["fallback"]
    plain = document(models=data)
    before, listeners, plain_clusters = resources(plain)
    assert "bootstrap_extensions" not in bootstrap(plain)
    assert set(listeners) == {"llm"}
    assert routes["alone/v1"] == before["alone/v1"]
    assert clusters["alone__v1"] == plain_clusters["alone__v1"]


def test_the_routes_state_who_is_called_again(document: Make) -> None:
    """A second hash, which changes with the order."""

    def stated(**fallback: Any) -> dict[str, str]:
        _, listeners, _ = resources(document(models=models(**fallback)))
        host = manager_of(listeners["llm"])["route_config"]["virtual_hosts"][0]
        text = host["metadata"]["filter_metadata"]["llm.extproc"]["routes"]
        return dict(entry.split("=") for entry in text.split(","))

    assert {name: hashes.count(".") for name, hashes in stated().items()} == {
        "chat/v1": 1,
        "chat/v2": 1,
        "small/v1": 0,
        "alone/v1": 0,
    }
    assert stated()["chat/v2"] != stated(to=["small/v1", "v1"])["chat/v2"]


def test_the_lint_knows_internal_listeners(document: Make) -> None:
    """It has nothing to say of ours, and finds what is missing."""
    configuration = bootstrap(document(models=models()))
    assert lint(configuration) == []
    listeners = configuration["static_resources"]["listeners"]
    gone = next(one for one in listeners if one["name"] == "small__v1__egress")
    listeners.remove(gone)
    del configuration["bootstrap_extensions"]
    told = lint(configuration)
    assert any("no internal listener is called 'small__v1__egress'" in line for line in told)
    assert any(line.startswith("bootstrap_extensions: ") for line in told)


def test_what_may_be_open_is_the_same_for_every_cluster(document: Make) -> None:
    """Of versions, of the processor, and of what stands before a fallback; all of it may be repeated at once, and have
    connections of its own.
    """
    made = bootstrap(document(models=models(), envoy={"open_exchanges_max": 30_000}))
    clusters = made["static_resources"]["clusters"]
    assert {PROCESSOR_CLUSTER, "chat__v1", "chat__v1__fallback"} <= {cluster["name"] for cluster in clusters}
    for cluster in clusters:
        (limits,) = cluster["circuit_breakers"]["thresholds"]
        assert {limits[f"max_{what}"] for what in ("connections", "pending_requests", "requests")} == {30_000}
        assert limits["retry_budget"]["budget_percent"]["value"] == 100
    (monitor,) = made["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] == 30_000
