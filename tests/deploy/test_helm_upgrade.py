"""Upgrades: what Kubernetes lets nobody change stays as it was, whatever the values; and what rolls pods is known.

`helm/first-release/` has what the first chart rendered for each case with pods, and with which values. It is never
written again: a chart that breaks it cannot be installed over that release.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.helm_chart import CASES, FIRST_VALUES, VALUES, objects_of, rendered, template, template_of
from tests.deploy.manifests import Manifest, one

WORKLOADS = ("Deployment", "StatefulSet")
FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Service": ("clusterIP",),
}
"""Fields of `spec` that the API server refuses to change."""
LABEL_CHARS_MAX = 63
CHANGES: dict[str, tuple[str, ...]] = {
    "an image": ("image.tag=9.9.9",),
    "labels and annotations": ("podLabels.team=x", "podAnnotations.team=x"),
    "more pods": ("autoscaling.enabled=true", "autoscaling.maxReplicas=20"),
    "resources": ("resources.limits.memory=2Gi", "terminationGracePeriodSeconds=90"),
    "a network policy": ("networkPolicy.enabled=true", "networkPolicy.envoys[0].podSelector.matchLabels.app=x"),
    "monitoring": ("monitoring.monitor.enabled=true", "monitoring.rules.enabled=true"),
    "an account": ("serviceAccount.create=false", "serviceAccount.name=mine"),
    "a token": ("apiToken=true",),
    "no tests": ("test.enabled=false",),
    "spreading": ("topologySpreadConstraints[0].maxSkew=2", "nodeSelector.pool=llm"),
}
"""Of values, which an upgrade may bring."""

by_case = pytest.mark.parametrize("case", CASES)
CASES_WITH_PODS = [case for case in CASES if case != "sidecar"]
with_pods = pytest.mark.parametrize("case", CASES_WITH_PODS)


def upgraded(case: str, *values: str) -> list[Manifest]:
    """What an upgrade with more values would apply."""
    more = [word for value in values for word in ("--set", value)]
    done = template(case, "--is-upgrade", *more)
    assert done.returncode == 0, done.stderr
    return objects_of(done.stdout)


def fixed(manifests: list[Manifest]) -> dict[tuple[str, str], Any]:
    """What must stay, by kind and name."""
    return {
        (each["kind"], each["metadata"]["name"]): {key: each["spec"].get(key) for key in FIXED[each["kind"]]}
        for each in manifests
        if each["kind"] in FIXED
    }


def pod_of(manifests: list[Manifest]) -> Manifest:
    """The template of the pods of the only workload."""
    (found,) = [each["spec"]["template"] for each in manifests if each["kind"] in WORKLOADS]
    template: Manifest = found
    return template


# --- what stays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["gateway", "shared"])  # a StatefulSet and a Deployment
@pytest.mark.parametrize("what", CHANGES)
def test_nothing_is_changed_that_cannot_be(case: str, what: str) -> None:
    """Selectors above all: they have the name and the release, and no version."""
    before, after = fixed(rendered(case)), fixed(upgraded(case, *CHANGES[what]))
    assert after == before
    for (kind, _), fields in before.items():
        if kind in WORKLOADS:
            assert set(fields["selector"]["matchLabels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/instance"}


@with_pods
def test_the_first_release_can_be_upgraded(case: str) -> None:
    """With its values as they were, today's chart renders objects that Kubernetes takes in place of those."""
    done = template_of(FIRST_VALUES / f"{case}.values.yaml", "--is-upgrade")
    assert done.returncode == 0, done.stderr
    before, after = fixed(list(_first_objects(case))), fixed(objects_of(done.stdout))
    assert before
    assert {key: after.get(key) for key in before} == before


def _first_objects(case: str) -> Iterator[Manifest]:
    yield from yaml.safe_load_all((FIRST_VALUES / f"{case}.objects.yaml").read_text())


@by_case
def test_an_upgrade_renders_what_an_installation_does(case: str) -> None:
    """Nothing is left out or added, nothing is drawn by lot."""
    assert upgraded(case) == rendered(case)


# --- what rolls pods -----------------------------------------------------------------------------------------------


def test_a_change_of_configuration_or_prompt_rolls_no_pod() -> None:
    """Running pods take it; the ConfigMap keeps its name, and no checksum of it is in the pods."""
    before, after = (
        rendered("gateway"),
        upgraded("gateway", "config.filters[0].filter=version", "prompts.support\\.md=New."),
    )
    name = "llm-llm-extproc-prompts"
    assert one(before, "ConfigMap", name)["data"] != one(after, "ConfigMap", name)["data"]
    assert pod_of(before) == pod_of(after)


@pytest.mark.parametrize("value", ["image.tag=9.9.9", "resources.limits.memory=2Gi", "prompts.new\\.md=x"])
def test_what_is_in_the_pods_rolls_them(value: str) -> None:
    """An image, resources, and a file more, since the list of files is in the pod."""
    assert pod_of(rendered("gateway")) != pod_of(upgraded("gateway", value))


def test_a_new_release_of_the_chart_changes_labels_and_no_selector() -> None:
    """Labels of versions are on the pods, which roll, and not in what selects them."""
    manifests = rendered("gateway")
    labels = pod_of(manifests)["metadata"]["labels"]
    selector = one(manifests, "StatefulSet")["spec"]["selector"]["matchLabels"]
    assert {"helm.sh/chart", "app.kubernetes.io/version"} <= set(labels) - set(selector)


# --- names ---------------------------------------------------------------------------------------------------------


def of_release(name: str, *values: str, case: str = "gateway") -> list[Manifest]:
    """The objects of a release of another name."""
    words = [word for value in values for word in ("--set", value)]
    done = template_of(VALUES / f"{case}.yaml", *words, release=name)
    assert done.returncode == 0, done.stderr
    return objects_of(done.stdout)


def references(manifests: list[Manifest]) -> set[str]:
    """Names of objects of the chart that pods, and what scales them, refer to."""
    spec = pod_of(manifests)["spec"]
    found = {spec["serviceAccountName"]}
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            if "configMap" in source and source["configMap"]["name"] != "kube-root-ca.crt":
                found.add(source["configMap"]["name"])
    return found


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("edge", (), "edge-llm-extproc"),
        ("my-llm-extproc", (), "my-llm-extproc"),
        ("a" * 53, (), "a" * 50),
        ("a" * 49, (), "a" * 49),
        ("edge", ("nameOverride=guard",), "edge-guard"),
        ("edge", ("fullnameOverride=guard",), "guard"),
    ],
)
def test_a_release_may_have_any_name(release: str, values: tuple[str, ...], name: str) -> None:
    """Names and labels stay within what Kubernetes allows, and objects find each other."""
    manifests = of_release(release, *values)
    assert one(manifests, "StatefulSet")["metadata"]["name"] == name
    names = {each["metadata"]["name"] for each in manifests}
    assert references(manifests) <= names
    for each in manifests:
        assert len(each["metadata"]["name"]) <= LABEL_CHARS_MAX
        assert not each["metadata"]["name"].endswith("-")
        labels = each["metadata"]["labels"]
        assert all(len(value) <= LABEL_CHARS_MAX for value in labels.values())
        assert labels["app.kubernetes.io/instance"] == release
    pod = pod_of(manifests)["metadata"]["labels"].items()
    assert one(manifests, "Service")["spec"]["selector"].items() <= pod
    assert one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= pod
    # a StatefulSet's pods have its name and a hash of ten letters as a label
    assert len(name) + len("-") + 10 <= LABEL_CHARS_MAX


def test_two_releases_share_nothing() -> None:
    """In one namespace: neither names nor pods."""
    first, second = of_release("one"), of_release("two")
    named = [{(each["kind"], each["metadata"]["name"]) for each in manifests} for manifests in (first, second)]
    assert not named[0] & named[1]
    selectors = [one(manifests, "Service")["spec"]["selector"] for manifests in (first, second)]
    assert selectors[0] != selectors[1]


def test_a_change_of_what_selects_is_found() -> None:
    """The comparison can fail: a label more in a selector is seen."""
    manifests = copy.deepcopy(rendered("gateway"))
    one(manifests, "StatefulSet")["spec"]["selector"]["matchLabels"]["more"] = "x"
    assert fixed(manifests) != fixed(rendered("gateway"))


def test_each_case_has_its_first_release() -> None:
    """A case of today is added with what it renders today, and then stays."""
    names = {each.name.partition(".")[0] for each in FIRST_VALUES.iterdir()}
    assert names == set(CASES_WITH_PODS)
