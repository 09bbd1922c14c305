"""Weights in objects of each kind: what is applied has the share, changes nothing else, and fits the real CRD."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.rollout_traffic import TrafficKindName
from extproc.ledger.rollouts.kubernetes.objects import (
    KINDS,
    ReadObject,
    WeightsUnusable,
    applied,
    is_same,
    others_who_manage,
    places_of,
    share_between,
    share_in,
)
from tests.deploy.custom_resources import schema_problems
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES, Example

CRDS = Path(__file__).parents[4] / "deploy" / "crds"
ATOMIC = {"HTTPRoute": "rules", "VirtualService": "http"}
PERCENTS = st.integers(0, 100)
Tree = dict[str, Any]

by_kind = pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))


def definition_of(kind: TrafficKindName) -> Path:
    """The real CRD."""
    return CRDS / f"{KINDS[kind].plural}.{KINDS[kind].group}.yaml"


def after(example: Example, objects: list[ReadObject], percent: int) -> list[ReadObject]:
    """The objects with what is applied laid over them, as the API server does where lists are atomic."""
    found = []
    for one, (place, body) in zip(objects, applied(example.traffic, objects, percent / 100), strict=True):
        assert place == one.place
        found.append(ReadObject(place, _laid_over(one.content, body)))
    return found


def _laid_over(tree: Tree, body: Tree) -> Tree:
    found = copy.deepcopy(tree)
    for key, value in body.items():
        found[key] = _laid_over(found[key], value) if isinstance(value, dict) and key in found else value
    return found


def _without_weights(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _without_weights(value) for key, value in tree.items() if key != "weight"}
    return [_without_weights(one) for one in tree] if isinstance(tree, list) else tree


def test_every_kind_has_an_example_and_its_definition() -> None:
    """What is added is held by the laws below."""
    assert set(KINDS) == set(EXAMPLES) == set(get_args(TrafficKindName))
    for kind, example in EXAMPLES.items():
        assert [problem for tree in example.trees for problem in schema_problems(definition_of(kind), tree)] == []


@by_kind
@given(first=PERCENTS, second=PERCENTS)
def test_what_is_applied_has_the_share_and_changes_only_weights(example: Example, first: int, second: int) -> None:
    """Whatever the share was before."""
    objects = example.read()
    before = after(example, objects, first)
    now = after(example, before, second)
    assert is_same(share_in(example.traffic, now), second / 100)
    assert [_without_weights(one.content) for one in now] == [_without_weights(one.content) for one in objects]
    kind = example.traffic.kind
    for one in now:
        whole = {**one.content, "metadata": {"name": one.place.name}}
        assert schema_problems(definition_of(kind), whole) == []


@by_kind
@given(percent=PERCENTS)
def test_an_apply_owns_one_field_and_has_a_precondition(example: Example, percent: int) -> None:
    """The version that was read; and nothing but the field that the kind names."""
    for place, body in applied(example.traffic, example.read(), percent / 100):
        assert body["metadata"] == {"name": place.name, "namespace": "llm", "resourceVersion": "7"}
        assert set(body) == {"apiVersion", "kind", "metadata", "spec"}
        path, tree = ["spec"], body["spec"]
        while isinstance(tree, dict):
            ((key, tree),) = tree.items()
            path.append(key)
        assert ".".join(path) == KINDS[example.traffic.kind].owns


@pytest.mark.parametrize(("kind", "field"), ATOMIC.items())
def test_the_lists_that_hold_weights_are_atomic(kind: TrafficKindName, field: str) -> None:
    """By their real CRDs: so an apply has to repeat them. A list type is `atomic` if it is not written."""
    spec = yaml.safe_load(definition_of(kind).read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rules = spec["properties"]["spec"]["properties"][field]
    assert rules.get("x-kubernetes-list-type", "atomic") == "atomic"


@by_kind
def test_what_was_written_by_people_has_a_share(example: Example) -> None:
    """All of it is on the stable backend; weights that are not written have the default of the kind."""
    assert share_in(example.traffic, example.read()) == 0.0


@given(PERCENTS, PERCENTS)
def test_the_share_between_two_writes_is_foreseen(before: int, percent: int) -> None:
    """While one of two objects is written and the other is not; it is no edit of somebody else."""
    example = EXAMPLES["LLMInferenceService"]
    objects = after(example, example.read(), before)
    mixed = [after(example, objects, percent)[0], objects[1]]
    assert is_same(share_in(example.traffic, mixed), share_between(example.traffic, before / 100, percent / 100))
    assert share_between(EXAMPLES["HTTPRoute"].traffic, 0.05, 0.25) is None


def _route(change: Callable[[list[Tree]], None]) -> list[ReadObject]:
    objects = EXAMPLES["HTTPRoute"].read()
    change(objects[0].content["spec"]["rules"])
    return objects


UNUSABLE: dict[str, tuple[Callable[[list[Tree]], None], str]] = {
    "no rule with both": (
        list.clear,
        "no rule has vllm-v1 and vllm-v2; add both to a rule, the canary with weight 0",
    ),
    "one alone": (
        lambda rules: rules.append({"backendRefs": [{"name": "vllm-v2"}]}),
        "spec.rules[1] has vllm-v2 alone, so its exchanges would be compared though no chance shared them; give it "
        "both backends, or remove it while the rollout runs",
    ),
    "a third": (
        lambda rules: rules[0]["backendRefs"].append({"name": "vllm-v3"}),
        "spec.rules[0] has other backends with traffic; leave vllm-v2 and vllm-v1 there alone",
    ),
    "one twice": (
        lambda rules: rules[0]["backendRefs"].append({"name": "vllm-v2", "port": 8001, "weight": 0}),
        "spec.rules[0] has other backends with traffic; leave vllm-v2 and vllm-v1 there alone",
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_route_in_which_no_share_can_be_kept(what: str) -> None:
    """It says what is there, and what to change; nothing is written."""
    change, told = UNUSABLE[what]
    traffic = EXAMPLES["HTTPRoute"].traffic
    for use in (lambda objects: share_in(traffic, objects), lambda objects: applied(traffic, objects, 0.05)):
        with pytest.raises(WeightsUnusable) as refused:
            use(_route(change))
        assert str(refused.value) == told


def test_a_backend_without_traffic_may_stay() -> None:
    """And a rule without either, such as a redirect."""
    traffic = EXAMPLES["HTTPRoute"].traffic
    objects = _route(lambda rules: rules[0]["backendRefs"].append({"name": "vllm-v3", "weight": 0}))
    objects[0].content["spec"]["rules"].append({"backendRefs": [{"name": "docs"}]})
    assert share_in(traffic, objects) == 0.0


@pytest.mark.parametrize(
    "change",
    [
        lambda rules: rules.append({"backendRefs": [{"name": "vllm-v1"}, {"name": "vllm-v2"}]}),
        lambda rules: rules[0]["backendRefs"][0].update(weight=0),
    ],
    ids=["rules differ", "both have 0"],
)
def test_weights_without_a_single_share(change: Callable[[list[Tree]], None]) -> None:
    """There is none to read, and one can be written."""
    example = EXAMPLES["HTTPRoute"]
    objects = _route(change)
    assert share_in(example.traffic, objects) is None
    assert is_same(share_in(example.traffic, after(example, objects, 25)), 0.25)


@pytest.mark.parametrize("group", ["other", None])
def test_services_of_two_groups(group: str | None) -> None:
    """KServe shares traffic within a group only."""
    example = EXAMPLES["LLMInferenceService"]
    objects = example.read()
    objects[0].content["spec"]["router"]["route"]["group"] = group
    with pytest.raises(WeightsUnusable) as refused:
        share_in(example.traffic, objects)
    assert str(refused.value) == (
        "chat-v1 and chat-v2 are not of one group; give both the same `spec.router.route.group`"
    )


def test_who_manages_the_weights() -> None:
    """By the API server's notes: those who have the whole list, and not who has something else."""
    example = EXAMPLES["HTTPRoute"]
    objects = example.read()
    objects[0].content["metadata"]["managedFields"] = [
        {"manager": "llm-extproc", "fieldsV1": {"f:spec": {"f:rules": {}}}},
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:rules": {}}}},
        {"manager": "helm", "fieldsV1": {"f:spec": {"f:hostnames": {}}}},
        {"manager": "gateway", "fieldsV1": {"f:status": {}}},
        {},
    ]
    assert others_who_manage(example.traffic, objects) == ["kubectl-edit"]


def test_an_object_is_told_by_kind_and_place() -> None:
    """And as a Role names its resource."""
    (place,) = places_of(EXAMPLES["VirtualService"].traffic)
    assert (str(place), place.resource) == ("VirtualService llm/chat", "virtualservices.networking.istio.io")


def test_what_was_applied_under_our_name_is_not_removed() -> None:
    """An apply removes what its manager had and does not repeat. So more than the weights is refused."""
    example = EXAMPLES["HTTPRoute"]
    objects = example.read()
    ours = {"manager": "llm-extproc", "operation": "Apply", "fieldsV1": {"f:spec": {"f:rules": {}}}}
    objects[0].content["metadata"]["managedFields"] = [ours]
    assert applied(example.traffic, objects, 0.05)
    ours["fieldsV1"] = {"f:metadata": {"f:labels": {".": {}, "f:team": {}}}, "f:spec": {"f:rules": {}}}
    with pytest.raises(WeightsUnusable) as refused:
        applied(example.traffic, objects, 0.05)
    assert str(refused.value) == (
        "llm-extproc has applied metadata.labels.team of HTTPRoute llm/chat too, which would be removed; apply the "
        "object under another field manager"
    )
