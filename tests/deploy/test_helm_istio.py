"""The chart in a mesh: its EnvoyFilters fit the configuration, and a namespace without Istio is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.forwarding import excluded_headers
from extproc.config.load import load
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.envoy_config.names import FILTER_NAME
from extproc.server.operations.config_files import read_config
from tests.deploy.helm_chart import CHART, rendered, template
from tests.deploy.manifests import Manifest, one
from tests.deploy.mesh_proxies import skeleton
from tests.deploy.pilot import PatchMissed, patched

HOST = {"name": "llm.example.com:443", "domains": ["llm.example.com", "llm.example.com:*"]}
ROUTES = [
    {"name": "mine", "match": {"prefix": "/v1"}, "route": {"cluster": "vllm"}},
    {"name": "moved", "match": {"prefix": "/"}, "redirect": {"path_redirect": "/v1"}},
]


def envoy_filter(*arguments: str, case: str = "istio-gateway") -> Manifest:
    """As Helm renders it."""
    return one(rendered(case, *arguments), "EnvoyFilter")


def filter_config(manifest: Manifest) -> dict[str, Any]:
    """The settings of the filter that is inserted."""
    (found,) = [each for each in manifest["spec"]["configPatches"] if each["applyTo"] == "HTTP_FILTER"]
    config: dict[str, Any] = found["patch"]["value"]["typed_config"]
    return config


# --- in a gateway --------------------------------------------------------------------------------------------------


def gateway() -> dict[str, Any]:
    """Of another application, and of one with routes to a model."""
    bootstrap = skeleton(MeshPlace.GATEWAY)
    hosts = _hosts(bootstrap)
    hosts.append(json.loads(json.dumps({**HOST, "routes": ROUTES})))
    return bootstrap


def _hosts(bootstrap: dict[str, Any]) -> list[dict[str, Any]]:
    (listener,) = bootstrap["static_resources"]["listeners"]
    config = listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]
    found: list[dict[str, Any]] = config["virtual_hosts"]
    return found


def test_the_host_is_guarded_whatever_its_port() -> None:
    """By its domain; its redirect stays one, and other hosts stay as they are."""
    shop, ours = _hosts(patched(envoy_filter(), gateway(), "GATEWAY"))
    assert FILTER_NAME in ours["typed_per_filter_config"]
    assert [(each["name"], each.get("route", {}).get("idle_timeout")) for each in ours["routes"]] == [
        ("mine", "300s"),
        ("moved", None),
    ]
    assert shop == _hosts(skeleton(MeshPlace.GATEWAY))[0]


def test_a_host_that_nobody_routes_is_found() -> None:
    """In these tests; Istio says nothing, so the notes say how to look."""
    with pytest.raises(PatchMissed):
        patched(envoy_filter("--set", "envoy.hosts={llm.example.org}"), gateway(), "GATEWAY")


def test_several_hosts_have_a_patch_each() -> None:
    """None takes the place of another."""
    patches = envoy_filter("--set", "envoy.hosts={a.example,b.example}")["spec"]["configPatches"]
    named = [each["match"].get("routeConfiguration", {}).get("vhost", {}).get("domainName") for each in patches]
    assert named == [None, None, None, "a.example", "b.example", "a.example", "b.example"]


def test_it_is_where_the_gateway_is() -> None:
    """An EnvoyFilter works in its own namespace; without another one it is that of the release."""
    assert envoy_filter()["metadata"]["namespace"] == "istio-ingress"
    assert envoy_filter("--set", "envoy.namespace=")["metadata"]["namespace"] == "llm"


# --- in a pod of a model server ------------------------------------------------------------------------------------


def test_a_guarded_pod_is_that_of_the_program() -> None:
    """Filter, policy and mTLS: what `extproc envoy-config --for istio-inbound` prints for the same configuration."""
    timeouts = ("--set", "envoy.messageTimeout=5s", "--set", "config.envoy.message_timeout_ms=5000")
    manifests = rendered("sidecar", "--set", "envoy.port=9000", *timeouts)
    document = load(
        one(manifests, "ConfigMap", "llm-llm-extproc-config")["data"]["config.yaml"], "config.yaml"
    ).document
    options = MeshOptions(labels={"app": "vllm"}, model_port=9000)
    printed = [each.manifest for each in mesh_objects(document, MeshPlace.INBOUND, options)]
    for kind in ("EnvoyFilter", "AuthorizationPolicy", "PeerAuthentication"):
        assert one(manifests, kind)["spec"] == one(printed, kind)["spec"]


@pytest.mark.parametrize("listen", ["127.0.0.1:50052", "[::1]:50051"])
def test_it_calls_where_the_processor_listens(listen: str) -> None:
    """As the configuration says, like the program."""
    manifests = rendered("sidecar", "--set", f"config.server.listen={listen}")
    document = load(one(manifests, "ConfigMap", "llm-llm-extproc-config")["data"]["config.yaml"], "c.yaml").document
    options = MeshOptions(labels={"app": "vllm"}, model_port=8000)
    printed = [each.manifest for each in mesh_objects(document, MeshPlace.INBOUND, options)]
    assert one(manifests, "EnvoyFilter")["spec"] == one(printed, "EnvoyFilter")["spec"]


def test_other_ports_may_be_left_open() -> None:
    """Where other policies say who may ask."""
    kinds = {each["kind"] for each in rendered("sidecar", "--set", "envoy.onlyGuardedPort=false")}
    assert "EnvoyFilter" in kinds
    assert not {"AuthorizationPolicy", "PeerAuthentication"} & kinds


# --- what the configuration says -----------------------------------------------------------------------------------


READERS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "keys of clients": {"identity": {"sources": [{"source": "api_key", "file": "secrets/keys.yaml"}]}},
    "a header of an identity": {"identity": {"team_header": "referer"}},
    "traces": {"otel": {"endpoint": "http://collector:4317"}},
    "a pin": {"models": {"tiny-chat": {"pin_header": "x-request-id"}}},
    "what stays together": {"models": {"tiny-chat": {"sticky": {"header": "user-agent"}}}},
    "a route": {
        "routes": [
            {"name": "old", "when": [{"headers": {"user-agent": ["old*"]}}], "version": "tiny-chat/v1"},
            {"name": "rest"},
        ]
    },
}
OF_A_GUARD = [("sidecar", what) for what in READERS if "model" not in str(READERS[what]) and what != "a route"]


@pytest.mark.parametrize(("case", "what"), [*(("istio-gateway", what) for what in READERS), *OF_A_GUARD])
def test_no_header_that_the_configuration_reads_is_withheld(case: str, what: str, tmp_path: Path) -> None:
    """The chart knows less of the configuration than the program does, so it sends more, never less."""
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump({"config": READERS[what]}))
    manifests = rendered(case, "-f", str(file))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "keys.yaml").write_text("keys: []\n")
    config = tmp_path / "config.yaml"
    config.write_text(one(manifests, "ConfigMap", "llm-llm-extproc-config")["data"]["config.yaml"])
    allowed, _ = excluded_headers(read_config(config).loaded.document)
    rules = filter_config(one(manifests, "EnvoyFilter")).get("forward_rules")
    withheld = [each["exact"] for each in rules["disallowed_headers"]["patterns"] if "exact" in each] if rules else []
    assert set(withheld) <= set(allowed)
    assert bool(withheld) is (what == "nothing")


def test_of_a_configuration_that_it_does_not_see_it_withholds_nothing() -> None:
    """It is in a ConfigMap of somebody else."""
    other = ("--set", "config=null", "--set", "existingConfigMap=mine")
    assert "forward_rules" not in filter_config(envoy_filter(*other))


def test_silences_are_those_of_the_configuration() -> None:
    """In the gateway and in the pod."""
    for case in ("istio-gateway", "sidecar"):
        patches = envoy_filter("--set", "config.envoy.stream_idle_ms=1500", case=case)["spec"]["configPatches"]
        assert patches[-1]["patch"]["value"]["route"]["idle_timeout"] == "1.5s"


# --- a namespace without Istio -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "case", "said"),
    [
        ({}, "sidecar", "sidecar.istio.io/inject=true"),
        ({}, "istio-gateway", "set networkPolicy"),
        ({"istio-injection": "disabled"}, "sidecar", "kubectl label namespace llm istio-injection=enabled"),
        ({"istio-injection": "enabled"}, "sidecar", ""),
        ({"istio.io/rev": "1-31"}, "istio-gateway", ""),
        ({"istio.io/dataplane-mode": "ambient"}, "istio-gateway", ""),
        (None, "sidecar", ""),
    ],
)
def test_a_namespace_without_injection_is_told(
    labels: dict[str, str] | None, case: str, said: str, tmp_path: Path
) -> None:
    """Helm asks the cluster for it; here it is given, and where Helm may not read it nothing is said."""
    chart = Path(shutil.copytree(CHART, tmp_path / "llm-extproc"))
    namespace = {} if labels is None else {"metadata": {"name": "llm", "labels": labels}}
    given = f'dict "Values" .Values "Release" .Release "namespace" ({json.dumps(json.dumps(namespace))} | fromJson)'
    (chart / "templates" / "told.yaml").write_text(
        f'told: {{{{ include "llm-extproc.withoutInjection" ({given}) | quote }}}}\n'
    )
    done = template(case, "-s", "templates/told.yaml", chart=chart)
    told = yaml.safe_load(done.stdout)["told"]
    assert (said in told) if said else told == "", done.stderr
