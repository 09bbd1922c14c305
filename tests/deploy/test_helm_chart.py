"""The Helm chart: every mode is valid, restricted and agrees with the program; wrong values are refused in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.server.operations.config_files import read_config
from tests.deploy.custom_resources import rule_problems, schema_problems
from tests.deploy.helm_chart import (
    CASES,
    CHART,
    GATEWAY_PATCHES,
    GATEWAY_POLICIES,
    GOLDEN,
    KUBERNETES,
    gateway_patches,
    gateway_policies,
    golden_text,
    helm,
    rendered,
    template,
)
from tests.deploy.manifests import ISTIO_SIDECAR, ROOT, Manifest, one, require_module, written
from tests.deploy.pod_security import violations
from tests.unit.server.authority import Authority

CRDS = Path(__file__).parent / "crds"
OF_OTHERS = {
    "AuthorizationPolicy": "authorizationpolicies.security.istio.io.yaml",
    "PeerAuthentication": "peerauthentications.security.istio.io.yaml",
    "EnvoyFilter": "envoyfilters.networking.istio.io.yaml",
    "EnvoyExtensionPolicy": "envoyextensionpolicies.gateway.envoyproxy.io.yaml",
    "BackendTrafficPolicy": "backendtrafficpolicies.gateway.envoyproxy.io.yaml",
    "ClientTrafficPolicy": "clienttrafficpolicies.gateway.envoyproxy.io.yaml",
    "ServiceMonitor": "servicemonitors.monitoring.coreos.com.yaml",
    "PodMonitor": "podmonitors.monitoring.coreos.com.yaml",
    "PrometheusRule": "prometheusrules.monitoring.coreos.com.yaml",
}

AUTHORITY = Authority()
SERVER = AUTHORITY.issue()
SECRETS = {
    "pgpass": "db.models:5432:ledger:extproc:secret",
    "tls.crt": SERVER.certificate.decode(),
    "tls.key": SERVER.key.decode(),
    "ca.crt": AUTHORITY.pem.decode(),
}

by_case = pytest.mark.parametrize("case", CASES)


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    """The specs of all pods."""
    for each in manifests:
        if each["kind"] == "Pod":
            yield each["spec"]
        elif each["kind"] in ("Deployment", "StatefulSet"):
            yield each["spec"]["template"]["spec"]


def injected(manifests: list[Manifest]) -> Manifest:
    """The spec that Istio's template of the sidecar adds; it has nothing that Istio would render."""
    values = yaml.safe_load(one(manifests, "ConfigMap", "llm-llm-extproc-injection")["data"]["istiod-values.yaml"])
    text = values["sidecarInjectorWebhook"]["templates"]["llm-extproc"]
    assert "{{" not in text
    spec: Manifest = yaml.safe_load(text)["spec"]
    return spec


# --- what is rendered ----------------------------------------------------------------------------------------------


@by_case
def test_it_is_as_it_was(case: str) -> None:
    """A change is seen in the review. `python -m tests.deploy.helm_chart` writes the golden files anew."""
    assert golden_text(rendered(case)) == (GOLDEN / f"{case}.yaml").read_text()


@by_case
@pytest.mark.parametrize("version", KUBERNETES)
def test_objects_of_kubernetes_are_valid(case: str, version: str) -> None:
    """In each release that is supported, with unknown fields refused."""
    kubernetes = require_module("kubernetes_validate", "kubernetes-validate")
    for manifest in rendered(case):
        if manifest["kind"] not in OF_OTHERS:
            kubernetes.validate(manifest, version, strict=True)


@by_case
def test_objects_of_others_are_valid(case: str) -> None:
    """By their real definitions, with their rules in CEL."""
    for manifest in rendered(case):
        if manifest["kind"] in OF_OTHERS:
            definition = CRDS / OF_OTHERS[manifest["kind"]]
            assert schema_problems(definition, manifest) == rule_problems(definition, manifest) == []


def test_each_kind_is_rendered_somewhere() -> None:
    """So that nothing of it goes unseen."""
    kinds = {each["kind"] for case in CASES for each in rendered(case)}
    assert set(OF_OTHERS) <= kinds
    assert {"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "StatefulSet", "Deployment"} <= kinds


@by_case
def test_pods_are_restricted(case: str) -> None:
    """The injected one too, with the settings that a restricted pod has."""
    manifests = rendered(case)
    specs = list(pods(manifests))
    if case == "sidecar":
        context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        specs.append(
            {"automountServiceAccountToken": False, "securityContext": context, "containers": [], **injected(manifests)}
        )
    assert specs
    for spec in specs:
        assert violations(spec) == []
        assert "1337" not in json.dumps(spec)  # Envoy's own user goes past its own interception


@by_case
def test_the_configuration_is_one_that_the_program_takes(case: str, tmp_path: Path) -> None:
    """At the place where the pod has it, with its prompts."""
    manifests = rendered(case)
    folder = tmp_path / "config"
    folder.mkdir()
    config = one(manifests, "ConfigMap", "llm-llm-extproc-config")["data"]["config.yaml"]
    (folder / "config.yaml").write_text(config)
    volumes = injected(manifests)["volumes"] if case == "sidecar" else next(pods(manifests))["volumes"]
    (projected,) = (each["projected"]["sources"] for each in volumes if each["name"] == "llm-extproc-config")
    for source in projected:
        for kind, files in source.items():
            data = one(manifests, "ConfigMap", files["name"])["data"] if kind == "configMap" else SECRETS
            for item in files["items"]:
                (folder / item["path"]).parent.mkdir(exist_ok=True)
                (folder / item["path"]).write_text(data[item["key"]])
    document = read_config(folder / "config.yaml").loaded.document
    assert document.server.metrics == "0.0.0.0:9464"


def test_files_of_the_chart_are_those_of_deploy() -> None:
    """Helm reads no file outside of its chart, so these are copies: copy them again."""
    files = CHART / "files"
    assert (files / "rules.yaml").read_bytes() == (ROOT / "deploy/prometheus/rules.yaml").read_bytes()
    dashboards = {one.name: one.read_bytes() for one in (ROOT / "deploy/grafana").glob("*.json")}
    assert {one.name: one.read_bytes() for one in (files / "dashboards").glob("*.json")} == dashboards
    assert yaml.safe_load(GATEWAY_PATCHES.read_text())["configPatches"] == gateway_patches()
    assert yaml.safe_load(GATEWAY_POLICIES.read_text()) == gateway_policies()
    patches = yaml.safe_load((files / "istio-inbound.yaml").read_text())["configPatches"]
    assert patches == one(written(ISTIO_SIDECAR), "EnvoyFilter")["spec"]["configPatches"]


def test_an_upgrade_of_a_dashboard_is_what_grafana_reads() -> None:
    """Each is whole JSON."""
    data = one(rendered("gateway"), "ConfigMap", "llm-llm-extproc-dashboards")["data"]
    assert len(data) == len(list((ROOT / "deploy/grafana").glob("*.json")))
    for name, text in data.items():
        assert json.loads(text) == json.loads((ROOT / "deploy/grafana" / name.removeprefix("llm-extproc-")).read_text())


# --- values --------------------------------------------------------------------------------------------------------


def test_helm_finds_no_fault() -> None:
    """Its own lint, with the warnings."""
    for case in CASES:
        done = helm("lint", str(CHART), "-f", str(Path(__file__).parent / "helm" / f"{case}.yaml"), "--strict")
        assert "0 chart(s) failed" in done.stdout, done.stdout


def test_every_value_has_a_description_and_a_default() -> None:
    """The schema and the defaults name the same values, but for entries of lists."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert not list(_undescribed(schema, "values"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    assert _names(schema) - {"global"} == _keys(defaults, schema)


def _undescribed(schema: dict[str, Any], place: str) -> Iterator[str]:
    if "description" not in schema:
        yield place
    for name, inner in schema.get("properties", {}).items():
        yield from _undescribed(inner, f"{place}.{name}")


def _names(schema: dict[str, Any], before: str = "") -> set[str]:
    found = set()
    for name, inner in schema.get("properties", {}).items():
        found |= {before + name} | _names(inner, f"{before}{name}.")
    return found


def _keys(values: dict[str, Any], schema: dict[str, Any], before: str = "") -> set[str]:
    found = set()
    for name, value in values.items():
        inner = schema.get("properties", {}).get(name, {})
        deeper = _keys(value, inner, f"{before}{name}.") if isinstance(value, dict) and "properties" in inner else set()
        found |= {before + name} | deeper
    return found


WRONG = [
    ("gateway", ["--set", "replicas=two"], "at '/replicas': got string, want integer"),
    ("gateway", ["--set", "mode=gatway"], "at '/mode': value must be one of 'gateway', 'shared', 'sidecar'"),
    ("gateway", ["--set", "replcas=2"], "additional properties 'replcas' not allowed"),
    ("gateway", ["--set", "image.repository="], "image.repository: the name of the image in your registry"),
    ("gateway", ["--set", "config=null"], "config: it is empty. Put llm-extproc's configuration there"),
    ("gateway", ["--set", "existingConfigMap=mine"], "config and existingConfigMap: both are set"),
    ("gateway", ["--set", "config.role=guard"], "config.role: it is guard, which is for mode sidecar"),
    ("sidecar", ["--set", "config.role=route"], "config.role: it is route, and mode sidecar needs guard"),
    ("gateway", ["--set", "config.server.listen=127.0.0.1:50051"], 'write "0.0.0.0:50051", the port of service.port'),
    ("gateway", ["--set", "service.port=50052"], 'write "0.0.0.0:50052", the port of service.port'),
    ("gateway", ["--set", "config.server.metrics=127.0.0.1:1"], 'Write "0.0.0.0:9464"'),
    ("gateway", ["--set", "config.ledger.spool=spool"], 'Write "/var/lib/llm-extproc/spool"'),
    ("gateway", ["--set", "config.ledger.url=sqlite:///x"], "each pod would have a SQLite database of its own"),
    (
        "gateway",
        ["--set", "config.ledger.url=sqlite:///x", "--set", "replicas=1", "--set", "persistence.enabled=false"],
        "a SQLite database would be lost with its pod. Set persistence.enabled",
    ),
    ("shared", ["--set", "tls.secretName="], "tls.secretName: mode shared is for Envoys of other pods"),
    ("gateway", ["--set", "networkPolicy.envoys=null"], "networkPolicy.envoys: it is empty"),
    (
        "sidecar",
        ["--set", "config.server.listen=0.0.0.0:50051"],
        'Write "127.0.0.1:50051" or "unix:/var/run/llm-extproc/',
    ),
    ("sidecar", ["--set", "config.server.listen=unix:/run/a"], 'or "unix:/var/run/llm-extproc/extproc.sock"'),
    ("sidecar", ["--set", "persistence.enabled=true"], "a sidecar has the volumes of its pod"),
    ("sidecar", ["--set", "envoy.selector=null"], "envoy.selector: it is empty"),
    ("envoy-gateway", ["--set", "envoy.gateway="], "integration: envoyGateway needs mode gateway, and envoy.gateway"),
    ("shared", ["--set", "integration=istio"], "Set mode gateway instead of shared"),
    ("istio-gateway", ["--set", "envoy.hosts=null"], "envoy.hosts: it is empty"),
    ("istio-gateway", ["--set", "envoy.hosts[0]=https://llm"], "at '/envoy/hosts/0': 'https://llm' does not match"),
    ("istio-gateway", ["--set", "envoy.selector=null"], "the gateway's pods, such as { istio: ingressgateway }"),
    ("istio-gateway", ["--set", "config.envoy=null"], 'Write "llm-llm-extproc.llm.svc.cluster.local:50051"'),
    ("istio-gateway", ["--set", "fullnameOverride=edge"], 'Write "edge.llm.svc.cluster.local:50051"'),
    ("istio-gateway", ["--set", "config.server.tls.key_file=x"], "config.server.tls: with integration istio"),
    ("istio-gateway", ["--set", "config.models.tiny-chat.fallback.to={v2}"], "config: fallback needs listeners"),
    ("istio-gateway", ["--set", "config.models.tiny-chat.versions.v1.provider=x"], "provider of a version cannot be"),
    ("istio-gateway", ["--set", "config.models.tiny-chat.versions.v1.pick=load"], "pick: load of a version cannot be"),
    (
        "istio-gateway",
        ["--set", "config.identity.sources[0].source=jwt"],
        "config.identity.sources: jwt is verified by",
    ),
    ("istio-gateway", ["--set", "config.identity.trusted_hops[0].hop=listener"], "Use `hop: signed`"),
    ("istio-gateway", ["--set", "config.limits.request_body_bytes_max=20000000"], "envoy.bufferBytes: it is 16842752"),
    (
        "gateway",
        ["--set", "config.rate_limits.limits[0].name=a"],
        "config.rate_limits: up to 3 pods count by themselves",
    ),
    ("shared", ["--set", "config.rate_limits.replicas=3"], "or rate_limits.replicas: 10"),
    ("gateway", ["--set", "test.doctor.files.configMap=envoy"], "test.doctor.files: it needs both"),
    (
        "gateway",
        ["--set", "test.doctor.admin=a:1,test.doctor.files.configMap=envoy,test.doctor.files.keys={a}"],
        "test.doctor: admin and files are both set",
    ),
    ("gateway", ["--set", "test.doctor.headers={a: b}"], "test.doctor.headers: they go with probes"),
    ("gateway", ["--set", "test.doctor.probe=gateway"], "at '/test/doctor/probe': 'gateway' does not match pattern"),
    ("gateway", ["--set", "initCheck.enabled=true"], "initCheck.enabled: it looks at the Envoy in the pod"),
    ("gateway", ["--set", "nameOverride=Edge"], "at '/nameOverride': 'Edge' does not match pattern"),
    ("gateway", ["--kube-version", "1.29.0"], "chart requires kubeVersion: >=1.30.0-0"),
]


@pytest.mark.parametrize(("case", "arguments", "said"), WRONG)
def test_wrong_values_are_refused_in_words(case: str, arguments: list[str], said: str) -> None:
    """What is wrong, where, and how to mend it."""
    done = template(case, *arguments)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("case", "product"), [("sidecar", "Istio"), ("istio-gateway", "Istio"), ("envoy-gateway", "Envoy Gateway")]
)
def test_a_cluster_without_the_kinds_of_the_integration(case: str, product: str) -> None:
    """Without the check, Helm would say that it has no match for a kind."""
    values = str(Path(__file__).parent / "helm" / f"{case}.yaml")
    done = helm("template", "llm", str(CHART), "--namespace", "llm", "-f", values)
    assert done.returncode != 0
    assert f"Install {product} first" in done.stderr


def test_each_mode_says_the_next_command(tmp_path: Path) -> None:
    """Helm renders notes only at an installation, so here they are a value of a copy of the chart."""
    chart = Path(shutil.copytree(CHART, tmp_path / "llm-extproc"))
    (chart / "templates" / "NOTES.txt").rename(chart / "files" / "notes.txt")
    (chart / "templates" / "notes.yaml").write_text('notes: {{ tpl (.Files.Get "files/notes.txt") . | quote }}\n')
    for case, said in (
        ("gateway", "helm -n llm test llm"),
        ("shared", "exec deploy/llm-llm-extproc -- /opt/llm-extproc/bin/extproc envoy-config -c"),
        ("sidecar", "helm -n istio-system upgrade istiod istio/istiod --reuse-values"),
        ("istio-gateway", "--for istio-gateway --without-filter --gateway NAMESPACE/NAME --host llm.example.com"),
        ("envoy-gateway", "curl -s http://GATEWAY/invocations"),
    ):
        done = template(case, "-s", "templates/notes.yaml", chart=chart)
        assert said in yaml.safe_load(done.stdout)["notes"], done.stderr
