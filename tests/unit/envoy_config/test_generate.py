"""Envoy's configuration follows from one document of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import bootstrap, to_yaml
from extproc.envoy_config.listener import seconds
from extproc.envoy_config.names import cluster_names

Make = Callable[..., Document]
PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}


def listener_of(document: Document) -> dict[str, Any]:
    """The listener in the configuration for a document."""
    listener: dict[str, Any] = bootstrap(document)["static_resources"]["listeners"][0]
    return listener


def manager_of(document: Document) -> dict[str, Any]:
    """The HTTP connection manager in the configuration for a document."""
    manager: dict[str, Any] = listener_of(document)["filter_chains"][0]["filters"][0]["typed_config"]
    return manager


def routes_of(document: Document) -> list[dict[str, Any]]:
    """The routes in the configuration for a document."""
    routes: list[dict[str, Any]] = manager_of(document)["route_config"]["virtual_hosts"][0]["routes"]
    return routes


def clusters_of(document: Document) -> dict[str, dict[str, Any]]:
    """The clusters in the configuration for a document, by name."""
    return {cluster["name"]: cluster for cluster in bootstrap(document)["static_resources"]["clusters"]}


def destinations(routes: list[dict[str, Any]]) -> list[tuple[str, object]]:
    """Name of each route, with its cluster or the status of its direct response."""
    return [
        (route["name"], route["route"]["cluster"] if "route" in route else route["direct_response"]["status"])
        for route in routes
    ]


def test_the_yaml_is_the_data_and_does_not_change_from_run_to_run(document: Make) -> None:
    """The text reads back as the data, and two runs give the same text."""
    configuration = bootstrap(document())
    assert yaml.safe_load(to_yaml(configuration)) == configuration
    assert to_yaml(configuration) == to_yaml(bootstrap(document()))


@pytest.mark.parametrize(
    ("request_limit", "response_limit"), [(1_024, 2_000_000), (4_194_304, 65_536), (65_535, 65_535)]
)
def test_envoy_holds_a_body_that_the_processor_still_accepts(
    document: Make, request_limit: int, response_limit: int
) -> None:
    """The buffer limit is above both limits by at most 64 KiB, so the processor refuses first."""
    limits = {"request_body_bytes_max": request_limit, "response_body_bytes_max": response_limit}
    limit = listener_of(document(limits=limits))["per_connection_buffer_limit_bytes"]
    assert 0 < limit - max(request_limit, response_limit) <= 65_536


def test_a_chosen_version_has_its_route_and_others_are_refused(document: Make) -> None:
    """Each version has a route; an unknown one gets 503; an exchange without one reaches only the allowed paths.

    Models are listed by the processor, so that path leads nowhere.
    """
    routes = routes_of(document(requests={"allow_paths": ["GET /v1/models", "GET /health"]}))
    assert destinations(routes) == [
        ("chat/v1", "chat__v1"),
        ("chat/v2", "chat__v2"),
        ("unknown-version", 503),
        ("unread GET /health", "chat__v2"),
        ("refused", 404),
    ]
    assert [(header["name"], header["string_match"]["exact"]) for header in routes[0]["match"]["headers"]] == [
        ("x-llm-model", "chat"),
        ("x-llm-version", "v1"),
    ]


@pytest.mark.parametrize(
    "filters",
    [
        [{"filter": "meter"}],
        [{"filter": "version", "mode": "shadow"}],
        [{"filter": "version", "on_error": "open"}],
    ],
)
def test_without_a_certain_choice_everything_else_goes_to_the_default_version(
    document: Make, filters: list[dict[str, str]]
) -> None:
    """Where an exchange may be left without a version, the first version that takes traffic serves it."""
    assert destinations(routes_of(document(filters=filters)))[-1] == ("default", "chat__v2")


def test_role_guard_has_one_route_to_its_one_version(document: Make) -> None:
    """Beside one model server nothing is chosen."""
    guard = document(role="guard", guard_version="chat/v1", filters=[{"filter": "meter"}])
    assert destinations(routes_of(guard)) == [("guarded", "chat__v1")]
    assert set(clusters_of(guard)) == {"chat__v1", "llm_extproc"}


def test_endpoints_carry_the_version_that_the_answer_names(document: Make) -> None:
    """Every endpoint is labelled MODEL/VERSION, and names need DNS while addresses do not."""
    clusters = clusters_of(document())
    endpoints = clusters["chat__v2"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert [endpoint["metadata"]["filter_metadata"]["envoy.lb"]["version"] for endpoint in endpoints] == ["chat/v2"] * 2
    assert (clusters["chat__v1"]["type"], clusters["chat__v2"]["type"]) == ("STATIC", "STRICT_DNS")


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("unix:/run/p.sock", {"pipe": {"path": "/run/p.sock"}}),
        ("0.0.0.0:50051", {"socket_address": {"address": "127.0.0.1", "port_value": 50051}}),
        ("[::]:50051", {"socket_address": {"address": "::1", "port_value": 50051}}),
        ("processor:50051", {"socket_address": {"address": "processor", "port_value": 50051}}),
    ],
)
def test_the_processor_is_reached_where_it_listens(document: Make, listen: str, address: dict[str, Any]) -> None:
    """A Unix socket is a pipe; a server on every interface is reached by loopback."""
    cluster = clusters_of(document(server={"listen": listen}))["llm_extproc"]
    assert cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == address


def test_each_worker_on_a_unix_socket_is_an_endpoint(document: Make) -> None:
    """Envoy spreads streams over them; on TCP workers share one address, and the system spreads connections."""
    unix = clusters_of(document(server={"listen": "unix:/run/e.sock", "workers": 3}))["llm_extproc"]
    endpoints = unix["load_assignment"]["endpoints"][0]["lb_endpoints"]
    paths = [endpoint["endpoint"]["address"]["pipe"]["path"] for endpoint in endpoints]
    assert paths == ["/run/e.sock.0", "/run/e.sock.1", "/run/e.sock.2"]
    tcp = clusters_of(document(server={"listen": "127.0.0.1:50051", "workers": 3}))["llm_extproc"]
    assert len(tcp["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 1


def test_times_of_the_document_are_envoys(document: Make) -> None:
    """Message timeout and idle timeout come from the document; a stream has no total timeout."""
    made = document(envoy={"message_timeout_ms": 250, "stream_idle_ms": 60_000})
    manager = manager_of(made)
    processor = manager["http_filters"][0]["typed_config"]["extension_config"]
    assert processor["typed_config"]["message_timeout"] == "0.25s"
    assert manager["stream_idle_timeout"] == "60s"
    assert {route["route"]["timeout"] for route in routes_of(made) if "route" in route} == {"0s"}


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0s"), (50, "0.05s"), (1_000, "1s"), (10_500, "10.5s")])
def test_seconds(milliseconds: int, text: str) -> None:
    """Milliseconds become Envoy's decimal seconds."""
    assert seconds(milliseconds) == text


def test_cluster_names_are_safe_and_never_shared() -> None:
    """Dots and slashes would cut a metric's name; names that become alike stay apart, and plain ones stay readable."""
    keys = (("m", "v1"), ("m", "v1.0"), ("m", "v1_0"), ("m/v1", "0"), ("m__a", "b"), ("m", "a__b"), ("M", "v1"))
    names = cluster_names(keys)
    assert names["m", "v1"] == "m__v1"
    assert len(set(names.values())) == len(keys)
    assert all(character.isalnum() or character in "-_" for name in names.values() for character in name)


def test_texts_that_other_yaml_readers_take_for_values_are_quoted(document: Make) -> None:
    """Envoy reads a bare ``n`` as false and ``1e3`` as a number: a version of that name is written in quotes."""
    versions = {
        name: {"weight": 1, "endpoints": ["127.0.0.1:1"], "price": PRICE} for name in ("n", "1e3", "on", "null")
    }
    text = to_yaml(bootstrap(document(models={"y": {"versions": versions}})))
    for name in versions:
        assert f"exact: '{name}'" in text or f'exact: "{name}"' in text


def test_a_version_without_a_server_is_named(document: Make) -> None:
    """The message says which key is missing and what to write there."""
    models = {"chat": {"versions": {"v1": {"weight": 1, "price": PRICE}}}}
    with pytest.raises(EnvoyConfigError, match=r"models\.chat\.versions\.v1\.endpoints: .*127\.0\.0\.1:8000"):
        bootstrap(document(models=models))


def test_a_guard_of_an_unknown_version_is_told_the_known_ones(document: Make) -> None:
    """The message lists what could be meant."""
    with pytest.raises(EnvoyConfigError, match=r"one of: chat/v1, chat/v2; got 'chat/v3'"):
        bootstrap(document(role="guard", guard_version="chat/v3", filters=[{"filter": "meter"}]))


def test_envoy_listens_on_addresses_only(document: Make) -> None:
    """``localhost`` is understood; for another name the message says which key it is."""
    made = document(envoy={"listen": "localhost:10000"})
    assert listener_of(made)["address"] == {"socket_address": {"address": "127.0.0.1", "port_value": 10000}}
    with pytest.raises(EnvoyConfigError, match=r"envoy\.admin: .*'gateway\.example'"):
        bootstrap(document(envoy={"admin": "gateway.example:9901"}))
