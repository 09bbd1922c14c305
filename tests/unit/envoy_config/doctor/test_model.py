"""What the checks are asked of: which filters are ours, which ways pass them, and where clusters lead."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from extproc.envoy_config.doctor.check import Examined
from extproc.envoy_config.doctor.model import EnvoyModel
from extproc.envoy_config.doctor.reading import model_from
from extproc.envoy_config.doctor.registry import examine
from tests.unit.envoy_config.doctor import faults
from tests.unit.envoy_config.doctor.faults import FAULTS, GUARDED, PER_ROUTE, TYPES, sound

Block = dict[str, Any]


def model(configuration: Block) -> EnvoyModel:
    """That of a bootstrap configuration."""
    return model_from([configuration])


def codes(configuration: Block) -> list[str]:
    """What is found in it, without a configuration of llm-extproc."""
    return sorted({found.code for found in examine(Examined(model(configuration)))})


# --- whose filter it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "marks",
    [
        {"name": "llm.extproc"},
        {"name": "envoy.filters.http.ext_proc/envoyextensionpolicy/llm/llm-extproc/extproc/0"},
        {"grpc_service": {"envoy_grpc": {"cluster_name": "outbound|50051||llm-extproc.llm.svc.cluster.local"}}},
        {"grpc_service": {"initial_metadata": [{"key": "x-llm-routes", "value": "chat/v1=0"}]}},
        {"metadata_options": {"receiving_namespaces": {"untyped": ["llm_extproc"]}}},
    ],
)
def test_a_filter_is_ours_by_any_of_its_marks(marks: Block) -> None:
    """Control planes give names of their own to filters and clusters."""
    configuration = with_filter(marks)
    assert [one.name for _, _, one in model(configuration).ours] == [marks.get("name", "other")]


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"grpc_service": {"envoy_grpc": {"cluster_name": "endpoint-picker"}}},
        {"metadata_options": {"receiving_namespaces": {"untyped": "llm_extproc"}}},
        {"grpc_service": [1]},
    ],
)
def test_other_processors_are_not(marks: Block) -> None:
    """An endpoint picker is a processor too."""
    assert list(model(with_filter(marks)).ours) == []


def with_filter(marks: Block) -> Block:
    """A configuration whose only processor has these marks."""
    configuration = sound()
    config = {key: value for key, value in marks.items() if key != "name"}
    one = faults.http_filter(marks.get("name", "other"), "ext_proc.v3.ExternalProcessor", **config)
    faults.filters(configuration)[0] = one
    return configuration


def test_a_filter_as_plain_data_is_read() -> None:
    """As a control plane passes on what it does not know; durations are mappings there."""
    configuration = sound()
    config = copy.deepcopy(faults.ours(configuration))
    kind = config.pop("@type")
    config |= {"message_timeout": {"nanos": 10_000_000}, "failure_mode_allow": True}
    wrapped = {"@type": "type.googleapis.com/udpa.type.v1.TypedStruct", "type_url": kind, "value": config}
    faults.filters(configuration)[0] = {"name": "llm.extproc", "typed_config": wrapped}
    assert codes(configuration) == ["failure-mode-open", "message-timeout"]


# --- ways ----------------------------------------------------------------------------------------------------------


def gateway(other_cluster: str) -> Block:
    """A gateway whose filter is disabled, and enabled for the host of models; another host has another cluster."""
    configuration = sound()
    faults.filters(configuration)[0]["disabled"] = True
    hosts = faults.manager(configuration)["route_config"]["virtual_hosts"]
    hosts[0] |= {"domains": ["models.example"], "typed_per_filter_config": {"llm.extproc": {**PER_ROUTE, "config": {}}}}
    route = {"match": {"prefix": "/"}, "route": {"cluster": other_cluster, "timeout": "0s"}}
    hosts.append({"name": "shop", "domains": ["*"], "routes": [route]})
    configuration["static_resources"]["clusters"].append({"name": "shop", "connect_timeout": "1s"})
    return configuration


def test_hosts_without_models_need_no_filter() -> None:
    """A gateway has others behind it."""
    assert codes(gateway("shop")) == []


def test_another_host_that_leads_to_a_model_is_a_way_around() -> None:
    """By the name of the cluster."""
    (found,) = examine(Examined(model(gateway(GUARDED))))
    assert found.code == "reachable-around"
    assert found.where.endswith("route_config.virtual_hosts[1].routes[0].route.cluster")


def test_the_most_specific_setting_counts() -> None:
    """A route that disables what its host enables, and a share of it that enables again."""
    configuration = gateway("shop")
    route = faults.routes(configuration)[0]
    route["typed_per_filter_config"] = {"llm.extproc": {**PER_ROUTE, "disabled": True}}
    shares = [
        {"name": GUARDED, "weight": 1, "typed_per_filter_config": {"llm.extproc": {**PER_ROUTE, "config": {}}}},
        {"name": "shop", "weight": 1},
    ]
    route["route"] = {"weighted_clusters": {"clusters": shares}, "timeout": "0s"}
    ((_, chain),) = model(configuration).chains
    assert [chain.guards(way) for way in chain.destinations[:2]] == [True, False]


@pytest.mark.parametrize("config", [{"cluster": GUARDED}, {"weighted_clusters": {"clusters": [{"name": GUARDED}]}}])
def test_connections_that_nobody_reads_are_ways_around(config: Block) -> None:
    """A listener that forwards TCP."""
    configuration = sound()
    proxy = {"@type": f"{TYPES}.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "tcp", **config}
    chain = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    configuration["static_resources"]["listeners"].append({"name": "tcp", "filter_chains": [chain]})
    assert codes(configuration) == ["reachable-around"]


def test_an_address_counts_through_clusters_that_stand_for_others() -> None:
    """Aggregate clusters, also such that stand for each other."""
    configuration = sound()
    clusters = configuration["static_resources"]["clusters"]
    door = copy.deepcopy(faults.cluster(configuration, GUARDED)) | {"name": "door"}
    kind = {"name": "envoy.clusters.aggregate", "typed_config": {"clusters": ["door", "all"]}}
    clusters += [door, {"name": "all", "connect_timeout": "1s", "cluster_type": kind}]
    faults.another_listener(configuration, "all")
    assert codes(configuration) == ["reachable-around"]


def test_a_picker_behind_the_filter_is_fine() -> None:
    """In full duplex; one that holds bodies is not."""
    configuration = sound()
    faults.filters(configuration).insert(1, copy.deepcopy(faults.PICKER))
    assert codes(configuration) == []
    faults.filters(configuration)[1]["typed_config"]["processing_mode"] = {"request_body_mode": "BUFFERED"}
    assert codes(configuration) == ["two-body-filters"]


def test_a_picker_before_the_filter_may_be_wanted() -> None:
    """The configuration says so, and picks nothing itself then."""
    configuration = sound()
    FAULTS["picker-before-filter"](configuration)
    wanted = faults.document(envoy={"endpoint_picker": True})
    assert list(examine(Examined(model(configuration), wanted))) == []


def test_retries_of_a_virtual_host_count() -> None:
    """Where the route has none of its own; none at all are fine."""
    configuration = sound()
    host = faults.manager(configuration)["route_config"]["virtual_hosts"][0]
    host["retry_policy"] = {"retry_on": "5xx"}
    assert codes(configuration) == ["retry-billed-twice"]
    host["retry_policy"]["num_retries"] = 0
    assert codes(configuration) == []
