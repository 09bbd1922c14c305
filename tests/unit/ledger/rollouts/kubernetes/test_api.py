"""The official client against a stub of the API server: what it sends, and what its refusals mean to a person."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extproc.ledger.rollouts.kubernetes import api as api_module
from extproc.ledger.rollouts.kubernetes.api import KubernetesApi
from extproc.ledger.rollouts.kubernetes.objects import (
    KINDS,
    ReadObject,
    TrafficFailed,
    applied,
    is_same,
    places_of,
    share_in,
)
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES, Example

ROUTE = EXAMPLES["HTTPRoute"]
WHERE = "HTTPRoute llm/chat"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    """With one of each kind, whose weights nobody manages."""
    with serving(ApiServer()) as running:
        for kind, example in EXAMPLES.items():
            for tree in example.trees:
                running.create(KINDS[kind].plural, tree, "people", KINDS[kind].owns)
        yield running


@pytest.fixture
def api(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """By `KUBECONFIG`."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.url)))
    made = KubernetesApi()
    yield made
    made.close()


def read(api: KubernetesApi, example: Example = ROUTE) -> list[ReadObject]:
    """Its objects."""
    return api.read(places_of(example.traffic))


def path_of(server: ApiServer, plural: str = "httproutes") -> str:
    """Of the only object of a kind."""
    (path,) = [path for path in server.objects if f"/{plural}/" in path]
    return path


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_a_share_is_applied(server: ApiServer, api: KubernetesApi, example: Example) -> None:
    """Server-side, by our field manager, without force; what comes back has the share."""
    objects = read(api, example)
    after = api.apply(applied(example.traffic, objects, 0.25))
    assert is_same(share_in(example.traffic, after), 0.25)
    assert [one.content["spec"] for one in read(api, example)] == [one.content["spec"] for one in after]
    assert [method for method, _ in server.asked] == [way for way in ("GET", "PATCH", "GET") for _ in objects]


def test_a_conflict_names_who_manages_the_weights(server: ApiServer, api: KubernetesApi) -> None:
    """Nothing is written; it is only taken over where that was asked for."""
    server.owners[path_of(server)] = {"argocd-controller": {("spec", "rules")}, "helm": {("spec", "hostnames")}}
    objects = read(api)
    bodies = applied(ROUTE.traffic, objects, 0.25)
    with pytest.raises(TrafficFailed) as refused:
        api.apply(bodies)
    assert str(refused.value) == (
        f"argocd-controller manages spec.rules of {WHERE}, so it was not written. Have it leave that field alone, then "
        "set `traffic.take_over: true`."
    )
    assert (refused.value.moved, share_in(ROUTE.traffic, read(api))) == (False, 0.0)
    assert is_same(share_in(ROUTE.traffic, api.apply(bodies, take_over=True)), 0.25)
    assert api.apply(applied(ROUTE.traffic, read(api), 0.5))  # it is ours from then on


def test_what_was_changed_since_it_was_read_is_not_written_over(server: ApiServer, api: KubernetesApi) -> None:
    """Whatever was changed: the whole list is written."""
    bodies = applied(ROUTE.traffic, read(api), 0.25)
    server.edit(path_of(server), lambda tree: tree["spec"].update(hostnames=["other.example.org"]))
    with pytest.raises(TrafficFailed) as refused:
        api.apply(bodies)
    assert (str(refused.value), refused.value.moved) == (f"{WHERE} was changed since it was read.", True)


def test_fields_of_others_stay(server: ApiServer, api: KubernetesApi) -> None:
    """An apply has one field; those that it has not are not removed."""
    before = {key: value for key, value in ROUTE.trees[0]["spec"].items() if key != "rules"}
    server.owners[path_of(server)] = {"kubectl": {("spec", "hostnames"), ("spec", "parentRefs")}}
    (after,) = api.apply(applied(ROUTE.traffic, read(api), 0.25))
    assert {key: value for key, value in after.content["spec"].items() if key != "rules"} == before


def _forbid(*verbs: str) -> Callable[[ApiServer], None]:
    def change(server: ApiServer) -> None:
        group = KINDS["HTTPRoute"].group
        server.allowed = {(verb, group, "httproutes", "chat") for verb in ("get", "patch") if verb not in verbs}

    return change


ROLE = (
    "Give it a Role with `get` and `patch` of httproutes.gateway.networking.k8s.io, resourceNames [chat]: "
    "deploy/kustomize/components/rollout-weights has such a Role."
)
REFUSALS: dict[str, tuple[Callable[[ApiServer], Any], str]] = {
    "may not get": (_forbid("get"), f"This service account may not get {WHERE}. {ROLE}"),
    "may not patch": (_forbid("patch"), f"This service account may not patch {WHERE}. {ROLE}"),
    "not there": (
        lambda server: server.objects.clear(),
        f"There is no {WHERE} of gateway.networking.k8s.io/v1. Create it, or correct `traffic`.",
    ),
    "fails": (
        lambda server: server.failing.append(503),
        f"The API server refuses to get {WHERE}, with status 503. etcdserver: request timed out",
    ),
    "not valid": (
        lambda server: setattr(server, "after_apply", lambda tree: tree["spec"].update(hostnames=[7])),
        f"The API server refuses to patch {WHERE}, with status 422. httproutes is invalid: $.spec.hostnames[0]: 7 is "
        "not of type 'string'",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_what_to_do(server: ApiServer, api: KubernetesApi, what: str) -> None:
    """The object, the right that is missing, or what the API server says."""
    change, told = REFUSALS[what]
    change(server)
    with pytest.raises(TrafficFailed) as refused:
        api.apply(applied(ROUTE.traffic, read(api), 0.25))
    assert str(refused.value) == told


def test_a_token_that_is_not_accepted(server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another cluster's, or one that is over; it is in no message."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, server.url, "T0PSECRET")))
    with pytest.raises(TrafficFailed) as refused:
        read(KubernetesApi())
    assert str(refused.value) == f"The API server does not accept the token of this service account, for {WHERE}."


def test_a_server_that_does_not_answer(server: ApiServer, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after some seconds, and asked once: who calls tries again."""
    monkeypatch.setattr(api_module, "TIMEOUT_S", 0.2)
    server.holds.clear()
    with pytest.raises(TrafficFailed) as refused:
        read(api)
    assert str(refused.value) == f"The API server has not answered within 0.2 s, for {WHERE}."


def test_a_server_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing listens there."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}")))
        with pytest.raises(TrafficFailed) as refused:
            read(KubernetesApi())
    assert str(refused.value) == f"The API server cannot be reached (NewConnectionError), for {WHERE}."


@pytest.mark.parametrize("answer", [[], {}, {"spec": {}}, {"spec": {}, "metadata": {}}])
def test_what_answers_is_no_api_server(
    server: ApiServer, api: KubernetesApi, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's page is no object."""
    monkeypatch.setattr(server, "answer", lambda *_: (200, answer))
    with pytest.raises(TrafficFailed) as refused:
        read(api)
    assert str(refused.value) == f"What answers for {WHERE} is no API server: it sends no object."


def test_a_pod_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a service account nor a file."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(TrafficFailed) as refused:
        KubernetesApi()
    assert str(refused.value) == (
        "The API server cannot be reached: Service host/port is not set. Mount the token of a service account into the "
        "container, or set KUBECONFIG."
    )
