"""Pods are looked up once, in a thread of their own, and again while nothing certain is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from extproc.ledger.allocation.pods.look_ups import LOOK_UPS_MAX, LookedUp, PodGpus, PodLookUps
from extproc.ledger.allocation.pods.pod_gpus import ApiObject, LookUpFailed
from extproc.ledger.allocation.settings import PodSettings
from tests.hangs import HANG_S
from tests.unit.ledger.allocation.pods.samples import ADDRESS, GPU, H100, LABEL, SERVER, container, node, pod
from tests.unit.ledger.allocation.test_sampling import until

SETTINGS = PodSettings(("models", "batch"), GPU, LABEL)
FIRST, SECOND = (1_000, 0), (2_000, 0)


class Cluster:
    """An API server without HTTP.

    Attributes: asked: of each question, what it was for. failures: are raised by the next questions.
    """

    def __init__(self, *trees: dict[str, Any]) -> None:
        self.trees = list(trees)
        self.asked: list[str] = []
        self.failures: list[Exception] = []
        self.opened = 0

    def pods(self, namespace: str, selector: str) -> Sequence[ApiObject]:
        """By address or name."""
        self._ask(f"{namespace} {selector}")
        value = selector.partition("=")[2]
        return [
            tree
            for tree in self.trees
            if tree["kind"] == "Pod"
            and tree["metadata"]["namespace"] == namespace
            and value in (tree["status"]["podIP"], tree["metadata"]["name"])
        ]

    def node_labels(self, node: str) -> Mapping[str, str]:
        """Of the first node."""
        self._ask(node)
        labels: Mapping[str, str] = next(tree for tree in self.trees if tree["kind"] == "Node")["metadata"]["labels"]
        return labels

    def close(self) -> None:
        """It is opened again."""

    def open(self) -> Cluster:
        """For the thread."""
        self.opened += 1
        return self

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.failures:
            raise self.failures.pop(0)


def wanted(server: str = SERVER, process: tuple[int, int] = FIRST, gpus: bool = True, kind: bool = True) -> LookedUp:
    """All of it."""
    return LookedUp(server, process, gpus, kind)


Start = Callable[..., PodLookUps]


@pytest.fixture
def start() -> Iterator[Start]:
    """Makes one that runs."""
    made: list[PodLookUps] = []

    def started(cluster: Cluster, *, is_guard: bool = False, pauses_s: Sequence[float] = (0.001,)) -> PodLookUps:
        made.append(PodLookUps(SETTINGS, is_guard, cluster.open, pauses_s))
        made[-1].start()
        return made[-1]

    yield started
    for one in made:
        one.stop()
        one.join(HANG_S)
        assert not one.is_alive()


def test_each_process_is_looked_up_once(start: Start) -> None:
    """In each namespace; the next process again, as it may be in another pod."""
    cluster = Cluster(pod(), node())
    look_ups = start(cluster)
    assert look_ups.answer(wanted()) is None
    look_ups.want({wanted()})
    until(lambda: look_ups.answer(wanted()))
    assert look_ups.answer(wanted()) == PodGpus(2, H100, "models/vllm-0", "uid-models-vllm-0")
    once = [f"models status.podIP={ADDRESS}", f"batch status.podIP={ADDRESS}", "node-1"]
    assert cluster.asked == once
    cluster.trees[0] = pod(container(4))
    look_ups.want({wanted(), wanted(process=SECOND)})
    until(lambda: look_ups.answer(wanted(process=SECOND)))
    assert [look_ups.answer(wanted(process=one)).gpus for one in (FIRST, SECOND)] == [2, 4]  # type: ignore[union-attr]
    assert cluster.asked == once * 2


def test_only_what_the_configuration_does_not_have_is_asked(start: Start) -> None:
    """So no right to read nodes is needed where kinds are written."""
    cluster = Cluster(pod(container(8), annotations={"leaderworkerset.sigs.k8s.io/size": "2"}), node())
    look_ups = start(cluster)
    one = wanted(gpus=False)
    look_ups.want({one})
    until(lambda: look_ups.answer(one))
    assert look_ups.answer(one) == PodGpus(0, H100, "models/vllm-0", "uid-models-vllm-0")
    cluster.trees[:] = [pod(container(8))]
    other = wanted(kind=False)
    look_ups.want({other})
    until(lambda: look_ups.answer(other))
    assert look_ups.answer(other) == PodGpus(8, "", "models/vllm-0", "uid-models-vllm-0")


def test_in_role_guard_the_name_is_that_of_the_pod(start: Start) -> None:
    """Its address is the same in all pods."""
    cluster = Cluster(pod(), node())
    look_ups = start(cluster, is_guard=True)
    look_ups.want({wanted("vllm-0")})
    until(lambda: look_ups.answer(wanted("vllm-0")))
    assert cluster.asked[0] == "models metadata.name=vllm-0"


@pytest.mark.parametrize("kind", [None, "", "NVIDIA H100"])
def test_a_node_without_a_label(start: Start, kind: str | None) -> None:
    """Is not taken to have any kind; when it gets the label, that is found."""
    cluster = Cluster(pod(), node(kind))
    look_ups = start(cluster)
    look_ups.want({wanted()})
    until(lambda: look_ups.answer(wanted()))
    assert look_ups.answer(wanted()) == (
        f"the node node-1 of models/vllm-0 has no label {LABEL}, which GPU feature discovery writes. Correct "
        "`gpus.kubernetes.kind_label`, or write `kind` of the server"
    )
    cluster.trees[1] = node()
    until(lambda: isinstance(look_ups.answer(wanted()), PodGpus))


def test_an_api_server_that_does_not_say(start: Start) -> None:
    """Is asked again after pauses; nothing is known until it says. What is no failure of it ends no thread either."""
    cluster = Cluster(pod(), node())
    cluster.failures = [LookUpFailed("It hangs."), *(LookUpFailed("It hangs.") for _ in range(50)), KeyError("items")]
    look_ups = start(cluster)
    look_ups.want({wanted()})
    until(lambda: look_ups.failures() == ["It hangs."])
    assert look_ups.answer(wanted()) is None
    until(lambda: look_ups.answer(wanted()))
    assert look_ups.failures() == []
    assert cluster.opened == 53


def test_what_was_certain_of_a_pod_stays_while_the_api_server_hangs(start: Start) -> None:
    """And that it has no GPUs, too."""
    cluster = Cluster(pod(container()), node())
    look_ups = start(cluster)
    look_ups.want({wanted()})
    until(lambda: look_ups.answer(wanted()))
    cluster.failures = [LookUpFailed("It hangs.") for _ in range(10_000)]
    until(look_ups.failures)
    assert "requests no nvidia.com/gpu" in str(look_ups.answer(wanted()))


def test_an_outage_is_one_question_and_not_one_for_each_server(start: Start) -> None:
    """Those that wait are asked after it."""
    cluster = Cluster(pod(), node())
    cluster.failures = [LookUpFailed("It hangs.")]
    look_ups = start(cluster, pauses_s=(HANG_S * 2,))
    look_ups.want({wanted(f"10.0.0.{number}:8000") for number in range(50)})
    until(look_ups.failures)
    with look_ups._changed:
        assert look_ups._due() is None
    assert len(cluster.asked) == 1


def test_two_servers_in_one_pod_do_not_both_have_its_gpus(start: Start) -> None:
    """Nothing says whose they are; where the configuration does, they are known."""
    cluster = Cluster(pod(container(1, port=8000), container(1, port=8001)), node())
    look_ups = start(cluster)
    both = {wanted(), wanted(f"{ADDRESS}:8001")}
    look_ups.want(both)
    until(lambda: all(map(look_ups.answer, both)))
    assert look_ups.answer(wanted()) == (
        f"models/vllm-0 is the pod of {ADDRESS}:8001 too, so its GPUs would count twice. Write `gpus` of each server"
    )
    written = {one._replace(wants_gpus=False) for one in both}
    look_ups.want(written)
    until(lambda: all(map(look_ups.answer, written)))
    assert {look_ups.answer(one) for one in written} == {PodGpus(0, H100, "models/vllm-0", "uid-models-vllm-0")}


def test_what_is_not_wanted_any_more_is_forgotten(start: Start) -> None:
    """And there are no more than a bound."""
    look_ups = start(Cluster(node()))
    look_ups.want({wanted()})
    look_ups.want({wanted(f"10.0.{number // 250}.{number % 250}:8000") for number in range(LOOK_UPS_MAX + 10)})
    assert len(look_ups._states) == LOOK_UPS_MAX
    look_ups.want(set())
    assert look_ups._states == {}
