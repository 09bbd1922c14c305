"""Overlays with a Gateway: valid, made from their configurations, and agreeing with themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.config.document import Document
from extproc.envoy_config.envoy_process import validation_error
from extproc.server.operations.config_files import read_config
from tests.deploy.custom_resources import rule_problems, schema_problems
from tests.deploy.envoy_gateway import gateway_proxy
from tests.deploy.manifests import OVERLAYS, Manifest, built, one, require_module
from tests.deploy.pod_security import violations
from tests.deploy.test_envoy_gateway import ADDRESS, definition_of
from tests.e2e.harness import require_envoy

WITH_CONFIG = ("envoy-gateway", "kserve", "kserve-llm")
ALL = (*WITH_CONFIG, "inference-pools")
KUBERNETES = "1.34"
CONFIG_FOLDER = "/etc/llm-extproc"

by_overlay = pytest.mark.parametrize("name", ALL)
by_config = pytest.mark.parametrize("name", WITH_CONFIG)


def objects_of(name: str) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    return built(OVERLAYS / name)


def config_of(name: str) -> Document:
    """The configuration of an overlay."""
    return read_config(OVERLAYS / name / "config" / "config.yaml").loaded.document


def deployment_of(objects: list[Manifest]) -> dict[str, Any]:
    """What the EnvoyProxy says of Envoy's pods."""
    found: dict[str, Any] = one(objects, "EnvoyProxy")["spec"]["provider"]["kubernetes"]["envoyDeployment"]
    return found


# --- valid ---------------------------------------------------------------------------------------------------------


@by_overlay
def test_every_object_is_valid(name: str) -> None:
    """By Kubernetes' schemas, or by the definitions of others with their rules."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in objects_of(name):
        if manifest["apiVersion"] in ("v1", "networking.k8s.io/v1"):
            kubernetes.validate(manifest, KUBERNETES, strict=True)
            continue
        definition = definition_of(manifest)
        assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []


@by_config
def test_routes_are_what_the_command_prints(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the configuration in the same folder."""
    monkeypatch.chdir(OVERLAYS / name)
    options = ["--for", "envoy-gateway", "--gateway", "envoy-gateway-system/llm"]
    printed = CliRunner().invoke(app, ["envoy-config", "config/config.yaml", *options])
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert Path("routes.yaml").read_text() == printed.stdout


@pytest.mark.parametrize("name", ["envoy-gateway", "kserve"])
def test_the_real_envoy_accepts_what_becomes_of_them(name: str, tmp_path: Path) -> None:
    """As kustomize builds them."""
    require_envoy()
    backends = [
        ("llm", each["name"], each["port"])
        for route in objects_of(name)
        if route["kind"] == "HTTPRoute"
        for rule in route["spec"]["rules"]
        for each in rule.get("backendRefs", ())
    ]
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(gateway_proxy(objects_of(name), {key: [ADDRESS] for key in backends})))
    assert validation_error(file) is None


# --- the pods of the Gateway ---------------------------------------------------------------------------------------


@by_overlay
def test_the_sidecar_is_restricted(name: str) -> None:
    """As the image wants it; its user is Envoy's there, or Envoy could not write to the socket."""
    deployment = deployment_of(objects_of(name))
    (sidecar,) = deployment["initContainers"]
    spec = {
        "automountServiceAccountToken": False,  # Envoy Gateway decides that
        "initContainers": [sidecar],
        "containers": [],
        "volumes": deployment["pod"]["volumes"],
    }
    assert violations(spec) == []
    assert (sidecar["securityContext"]["runAsUser"], sidecar["restartPolicy"]) == (65532, "Always")


@by_overlay
def test_both_containers_have_the_socket(name: str) -> None:
    """The path of the configuration is that of the Backend, in a volume of both."""
    objects = objects_of(name)
    deployment = deployment_of(objects)
    (sidecar,) = deployment["initContainers"]
    listen = config_of("envoy-gateway" if name == "inference-pools" else name).server.listen
    (endpoint,) = one(objects, "Backend")["spec"]["endpoints"]
    assert listen == f"unix:{endpoint['unix']['path']}"
    (mount,) = deployment["container"]["volumeMounts"]
    assert mount in sidecar["volumeMounts"]
    assert endpoint["unix"]["path"].startswith(f"{mount['mountPath']}/")
    assert mount["name"] in [each["name"] for each in deployment["pod"]["volumes"]]


@by_config
def test_the_files_of_the_configuration_are_mounted(name: str) -> None:
    """Where it looks for them: the prompts of its versions, beside it."""
    objects = objects_of(name)
    (volume,) = [each for each in deployment_of(objects)["pod"]["volumes"] if each["name"] == "llm-extproc-config"]
    namespace = one(objects, "EnvoyProxy")["metadata"]["namespace"]
    mounted = {}
    for source in volume["projected"]["sources"]:
        holder = one(objects, "ConfigMap", source["configMap"]["name"])
        assert holder["metadata"]["namespace"] == namespace
        for item in source["configMap"]["items"]:
            mounted[item["path"]] = holder["data"][item["key"]]
    (model,) = yaml.safe_load(mounted["config.yaml"])["models"].values()
    wanted = {version["prompt"]["file"] for version in model["versions"].values()}
    assert wanted | {"config.yaml"} == mounted.keys()
    (sidecar,) = deployment_of(objects)["initContainers"]
    assert sidecar["args"] == ["serve", "--config", f"{CONFIG_FOLDER}/config.yaml"]
    assert CONFIG_FOLDER in [each["mountPath"] for each in sidecar["volumeMounts"]]


@by_overlay
def test_the_gateway_takes_the_routes_and_the_pods(name: str) -> None:
    """The Gateway names the EnvoyProxy, and lets routes of their namespace in; policies are where they must be."""
    objects = objects_of(name)
    gateway, proxy = one(objects, "Gateway"), one(objects, "EnvoyProxy")
    reference = gateway["spec"]["infrastructure"]["parametersRef"]
    assert (reference["kind"], reference["name"]) == ("EnvoyProxy", proxy["metadata"]["name"])
    namespace = gateway["metadata"]["namespace"]
    assert proxy["metadata"]["namespace"] == one(objects, "ClientTrafficPolicy")["metadata"]["namespace"] == namespace
    (listener,) = gateway["spec"]["listeners"]
    allowed = listener["allowedRoutes"]["namespaces"]["selector"]["matchLabels"]["kubernetes.io/metadata.name"]
    for route in (each for each in objects if each["kind"] == "HTTPRoute"):
        assert route["metadata"]["namespace"] == allowed
        assert route["spec"]["parentRefs"] == [{"name": gateway["metadata"]["name"], "namespace": namespace}]


@pytest.mark.parametrize("name", ["envoy-gateway", "kserve"])
def test_only_the_gateway_reaches_model_servers(name: str) -> None:
    """By the labels that Envoy Gateway gives the pods of a Gateway, on the port of the servers' pods."""
    objects = objects_of(name)
    policy, gateway = one(objects, "NetworkPolicy"), one(objects, "Gateway")["metadata"]
    (rule,) = policy["spec"]["ingress"]
    (source,) = rule["from"]
    assert source["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": gateway["namespace"]}
    assert source["podSelector"]["matchLabels"] == {
        "gateway.envoyproxy.io/owning-gateway-name": gateway["name"],
        "gateway.envoyproxy.io/owning-gateway-namespace": gateway["namespace"],
    }
    assert rule["ports"] == [{"port": 8080 if name == "kserve" else 8000}]
    assert policy["metadata"]["namespace"] == "llm"


@by_overlay
def test_who_may_not_ask_is_refused_before_prompts_are_read(name: str) -> None:
    """Envoy Gateway's own order has authorization after external processing."""
    order = one(objects_of(name), "EnvoyProxy")["spec"]["filterOrder"]
    assert {"name": "envoy.filters.http.rbac", "before": "envoy.filters.http.ext_proc"} in order
