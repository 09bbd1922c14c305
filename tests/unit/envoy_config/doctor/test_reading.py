"""Whatever people have of an Envoy is read the same, and anything else is refused with a sentence."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.envoy_config.doctor import reading
from extproc.envoy_config.doctor.check import EnvoyFinding, Examined
from extproc.envoy_config.doctor.model import EnvoyModel
from extproc.envoy_config.doctor.reading import EnvoyUnreadableError, model_from, parsed
from extproc.envoy_config.doctor.registry import examine
from tests.thorough import examples
from tests.unit.envoy_config.doctor.faults import FAULTS, sound

SECRET = "sk-this-must-not-be-printed"
ADMIN = "type.googleapis.com/envoy.admin.v3"
TYPES = "type.googleapis.com/envoy.config"
OF_STATIC = sorted(set(FAULTS) - {"malformed", "internal-listeners-off"})
"""Faults that are seen without a bootstrap, and without a configuration of llm-extproc or with it."""


def dump_of(configuration: dict[str, Any]) -> dict[str, Any]:
    """A ``config_dump`` of an Envoy that got it from a control plane."""
    resources = configuration["static_resources"]
    listeners = [
        {"name": one["name"], "active_state": {"listener": {"@type": f"{TYPES}.listener.v3.Listener", **one}}}
        for one in resources["listeners"]
    ]
    clusters = [{"cluster": {"@type": f"{TYPES}.cluster.v3.Cluster", **one}} for one in resources["clusters"]]
    bootstrap = {key: value for key, value in configuration.items() if key != "static_resources"}
    return {
        "configs": [
            {"@type": f"{ADMIN}.BootstrapConfigDump", "bootstrap": bootstrap},
            {"@type": f"{ADMIN}.ClustersConfigDump", "dynamic_active_clusters": clusters},
            {"@type": f"{ADMIN}.ListenersConfigDump", "dynamic_listeners": listeners},
            {"@type": f"{ADMIN}.SecretsConfigDump", "dynamic_active_secrets": [{"secret": {"x": SECRET}}]},
        ]
    }


def in_camel_case(node: Any, keeps_keys: bool = False) -> Any:
    """As istioctl prints it."""
    if isinstance(node, dict):
        names = ("typed_per_filter_config", "filter_metadata", "typed_extension_protocol_options")
        return {
            key if keeps_keys else re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), key): in_camel_case(
                value, key in names
            )
            for key, value in node.items()
        }
    return [in_camel_case(one) for one in node] if isinstance(node, list) else node


def codes(model: EnvoyModel) -> set[str]:
    """What is found in it."""
    return {found.code for found in examine(Examined(model))}


def findings(model: EnvoyModel) -> list[EnvoyFinding]:
    """The same, whole."""
    return list(examine(Examined(model)))


# --- one configuration, many forms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["", *OF_STATIC])
def test_every_form_is_read_alike(code: str) -> None:
    """Bootstrap as YAML and JSON, a dump, the same in camel case, and lists of resources of each kind."""
    configuration = json.loads(json.dumps(sound()))
    if code:
        FAULTS[code](configuration)
    resources, dump = configuration["static_resources"], dump_of(configuration)
    expected = codes(model_from([configuration]))
    lists = [in_camel_case(resources["listeners"]), in_camel_case(resources["clusters"])]
    forms: list[list[bytes]] = [
        [yaml.safe_dump(configuration).encode()],
        [json.dumps(configuration).encode()],
        [json.dumps(dump).encode()],
        [json.dumps(in_camel_case(dump)).encode()],
        [json.dumps({"llm": {"envoy-0": in_camel_case(dump)}}).encode()],
        [json.dumps({"llm": {"envoy-0": in_camel_case(one)}}).encode() for one in dump["configs"]],
        [json.dumps(one).encode() for one in lists],
    ]
    for form in forms:
        assert codes(model_from([parsed(one) for one in form])) == expected
    assert (code in expected) or code in ("", *NEEDS_OURS)


NEEDS_OURS = {
    "message-timeout",
    "metadata-not-forwarded",
    *(code for code in FAULTS if code.startswith(("version-", "routes-", "mark-"))),
}
"""They are found beside a configuration of llm-extproc only."""


def test_routes_of_their_own_are_found_by_name() -> None:
    """A connection manager with RDS has the routes that another part of the dump has."""
    configuration = json.loads(json.dumps(sound()))
    FAULTS["route-timeout"](configuration)
    manager = configuration["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    routes = manager.pop("route_config")
    manager["rds"] = {"route_config_name": routes["name"]}
    assert codes(model_from([configuration])) == set()
    (found,) = findings(model_from([configuration, [routes]]))
    assert (found.code, found.where) == ("route-timeout", "routes[llm].virtual_hosts[0].routes[0].route.timeout")


def test_endpoints_from_elsewhere_belong_to_their_clusters() -> None:
    """A side door to an address is found where the addresses came by EDS."""
    configuration = json.loads(json.dumps(sound()))
    clusters = configuration["static_resources"]["clusters"]
    door = {"name": "door", "type": "EDS", "connect_timeout": "1s", "eds_cluster_config": {"service_name": "vllm"}}
    FAULTS["reachable-around"](configuration)
    listeners = configuration["static_resources"]["listeners"]
    host = listeners[1]["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"][0]
    host["routes"][0]["route"]["cluster"] = "door"
    clusters.append(door)
    assert codes(model_from([configuration])) == set()
    endpoints = next(one for one in clusters if one["name"] == "chat__v1")["load_assignment"]["endpoints"]
    told = {
        "configs": [
            {"static_endpoint_configs": [{"endpoint_config": {"cluster_name": "vllm", "endpoints": endpoints}}]}
        ]
    }
    (found,) = findings(model_from([configuration, told]))
    assert (found.code, found.what) == (
        "reachable-around",
        "leads to 127.0.0.1:8001, which 'chat__v1' guards elsewhere.",
    )


def test_what_is_not_in_force_is_left_out() -> None:
    """A listener that Envoy warms up, and one that it has refused."""
    dump = dump_of(sound())
    other = {"name": "new", "filter_chains": [{"filters": [{"typed_config": {"failure_mode_allow": True}}]}]}
    listeners = dump["configs"][2]["dynamic_listeners"]
    listeners += [{"warming_state": {"listener": other}}, {"error_state": {"failed_configuration": other}}]
    assert findings(model_from([dump])) == []


# --- anything else -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected a configuration of Envoy"),
        (b"a: [", ", column "),
        (b"a: \x00", "neither JSON nor YAML"),
        (b"\xff\xfe", "neither JSON nor YAML"),
        (b"[]", "a list of something else"),
        (b"[1, 2]", "a list of something else"),
        (b'{"a": 1}', "expected a configuration of Envoy"),
        (b"models: {}", "goes before --file"),
        (b"!!python/object:os.system {}", "neither JSON nor YAML"),
        (b"key: " + SECRET.encode() + b"\n\tx: 1", "neither JSON nor YAML"),
    ],
)
def test_what_is_not_envoys_is_refused(content: bytes, said: str) -> None:
    """With a sentence that quotes nothing of it."""
    with pytest.raises(EnvoyUnreadableError) as refused:
        model_from([parsed(content)])
    assert said in str(refused.value)
    assert SECRET not in str(refused.value)


def test_file_bytes_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte too many."""
    content = json.dumps(sound()).encode()
    monkeypatch.setattr(reading, "FILE_BYTES_MAX", len(content))
    assert model_from([parsed(content)]).listeners
    with pytest.raises(EnvoyUnreadableError, match="more than 0 MiB"):
        parsed(content + b" ")


def test_yaml_bytes_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML of that size takes minutes; JSON is read."""
    monkeypatch.setattr(reading, "YAML_BYTES_MAX", 10)
    with pytest.raises(EnvoyUnreadableError, match="Give the `config_dump` as JSON"):
        parsed(b"static_resources:\n")
    with pytest.raises(EnvoyUnreadableError, match="this is no JSON"):
        parsed(b'{"static_resources": nothing}')
    assert parsed(b'{"static_resources": {}}') == {"static_resources": {}}


def test_nodes_max() -> None:
    """A few lines of YAML that mean more values than any memory holds."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(EnvoyUnreadableError, match="more than 8000000 values"):
        parsed("\n".join(lines).encode())


def test_depth_max() -> None:
    """Deeper than any configuration, and one that contains itself."""
    with pytest.raises(EnvoyUnreadableError, match="nested deeper than 200 levels"):
        parsed(b'{"a":' * 300 + b"1" + b"}" * 300)
    with pytest.raises(EnvoyUnreadableError, match="nested deeper than 200 levels"):
        parsed(b"a: &a\n  b: *a\n")


WORDS = sorted(
    {
        *("configs", "static_resources", "resources", "listeners", "clusters", "name", "route", "cluster", "@type"),
        *("filter_chains", "filterChains", "filters", "typed_config", "http_filters", "route_config", "virtual_hosts"),
        *("routes", "match", "headers", "typed_per_filter_config", "llm.extproc", "rds", "disabled", "grpc_service"),
        *("envoy_grpc", "cluster_name", "endpoints", "lb_endpoints", "static_listeners", "listener", "bootstrap"),
        *("dynamic_listeners", "active_state", "static_clusters", "load_assignment", "address", "socket_address"),
        *("retry_policy", "retry_on", "timeout", "metadata_options", "receiving_namespaces", "untyped", "lb_policy"),
    }
)
KINDS = (
    "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor",
    "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    "llm.extproc",
    "0s",
    "BUFFERED",
)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 9) | st.sampled_from(KINDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=30,
)
FILTER = st.fixed_dictionaries({"name": st.sampled_from(KINDS), "typed_config": DATA})
MANAGER = st.fixed_dictionaries({"http_filters": st.lists(FILTER, max_size=3) | DATA, "route_config": DATA})
LISTENER = st.fixed_dictionaries({"name": DATA, "filter_chains": DATA | st.lists(MANAGER, max_size=2)})


@settings(max_examples=examples(300))
@given(data=DATA | st.lists(LISTENER, max_size=2) | st.builds(lambda one: {"static_resources": one}, DATA))
def test_any_data_is_looked_into_or_refused(data: Any) -> None:
    """In JSON and in YAML, with the same result: sentences, or one sentence."""
    told: list[Any] = []
    for content in (json.dumps(data).encode(), yaml.safe_dump(data).encode()):
        try:
            told.append([(one.code, one.where) for one in findings(model_from([parsed(content)]))])
        except EnvoyUnreadableError as error:
            told.append(str(error))
    assert told[0] == told[1]


@settings(max_examples=examples(300))
@given(content=st.binary(max_size=50) | st.text(max_size=50).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No other exception."""
    with contextlib.suppress(EnvoyUnreadableError):
        findings(model_from([parsed(content)]))


# --- secrets -------------------------------------------------------------------------------------------------------


def with_secrets(node: Any) -> Any:
    """Every text that is no name, type or choice of Envoy's is a secret."""
    if isinstance(node, dict):
        return {
            key: value
            if key in ("name", "@type", "cluster", "cluster_name", "server_listener_name")
            else with_secrets(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [with_secrets(one) for one in node]
    return f"{SECRET}{node}" if isinstance(node, str) and not re.fullmatch(r"[A-Z_]+|[\d.]+s", node) else node


@pytest.mark.parametrize("code", [*OF_STATIC, "malformed"])
def test_no_value_is_printed(code: str) -> None:
    """Names of clusters and filters are; headers, paths, sources of Lua and tokens are not."""
    configuration = json.loads(json.dumps(sound()))
    FAULTS[code](configuration)
    for found in findings(model_from([with_secrets(configuration), with_secrets(dump_of(configuration))])):
        assert SECRET not in f"{found.where} {found.what} {found.fix}"
