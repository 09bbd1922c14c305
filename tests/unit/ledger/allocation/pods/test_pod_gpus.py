"""How many GPUs a pod holds, by Kubernetes' rules; and which pod an address is, or why that is not certain."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.ledger.allocation.pods.pod_gpus import GpusNotSaid, SoughtPod, gpus_requested
from tests.unit.ledger.allocation.pods.samples import ADDRESS, GPU, container, pod

SOUGHT: Final = SoughtPod(ADDRESS, "", 8000)
AMOUNTS: Final = st.integers(0, 8)


def found(*pods: dict[str, Any], sought: SoughtPod = SOUGHT) -> str:
    """The name of the pod that is taken."""
    name: str = sought.among(pods, ["models"])["metadata"]["name"]
    return name


# --- how many ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "gpus"),
    [
        (pod(container(2)), 2),
        (pod(container(2), container(1, port=None), container()), 3),
        (pod(container(limit=4)), 4),  # the API server would add the request
        (pod(container(2), starting=(container(8, port=None),)), 8),
        (pod(container(2), starting=(container(1, port=None), container(1, port=None))), 2),
        (pod(container(2), starting=(container(1, port=None, restarts="Always"),)), 3),
        (pod(container(1), starting=(container(1, None, restarts="Always"), container(4, port=None))), 5),
        (pod(container(1), starting=(container(4, port=None), container(1, None, restarts="Always"))), 4),
    ],
)
def test_what_a_pod_holds(tree: dict[str, Any], gpus: int) -> None:
    """Containers add up; those that run before them do not, unless they go on."""
    assert gpus_requested(tree, GPU) == gpus


@given(st.lists(AMOUNTS, min_size=1, max_size=4), st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=4))
def test_a_pod_holds_the_most_that_it_needs_at_any_time(running: list[int], starting: list[tuple[int, bool]]) -> None:
    """Step by step: what runs while each init container does, and at last while all containers do."""
    tree = pod(
        *(container(gpus) for gpus in running),
        starting=tuple(container(gpus, None, restarts="Always" if stays else None) for gpus, stays in starting),
    )
    steps, stay = [], 0
    for gpus, stays in starting:
        steps.append(stay + gpus)
        stay += gpus if stays else 0
    most = max([*steps, stay + sum(running)])
    if most:
        assert gpus_requested(tree, GPU) == most
    else:
        with pytest.raises(GpusNotSaid, match="requests no"):
            gpus_requested(tree, GPU)


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        (
            pod(container()),
            "models/vllm-0 requests no nvidia.com/gpu. Correct `gpus.kubernetes.resource`, or write `gpus` and `kind` "
            "of the server",
        ),
        (
            pod(container(8), annotations={"leaderworkerset.sigs.k8s.io/size": "2"}),
            "models/vllm-0 is one of several pods in which the server runs. Write `gpus` of the server",
        ),
        (
            pod(container(8), labels={"ray.io/cluster": "llama"}),
            "models/vllm-0 is one of several pods in which the server runs. Write `gpus` of the server",
        ),
    ],
)
def test_gpus_that_are_not_all_of_a_server(tree: dict[str, Any], told: str) -> None:
    """Are not taken to be."""
    with pytest.raises(GpusNotSaid) as refused:
        gpus_requested(tree, GPU)
    assert str(refused.value) == told


def test_a_group_of_one_pod_is_a_pod() -> None:
    """Its GPUs are all there are."""
    assert gpus_requested(pod(container(8), annotations={"leaderworkerset.sigs.k8s.io/size": "1"}), GPU) == 8


def test_devices_by_a_claim_are_no_number() -> None:
    """They may be parts of one, or several."""
    tree = pod(container())
    tree["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}]
    with pytest.raises(GpusNotSaid, match=r"^models/vllm-0 has its devices by a ResourceClaim"):
        gpus_requested(tree, GPU)


@pytest.mark.parametrize("quantity", ["1k", "0.5", "-1", "²"])
def test_a_quantity_that_is_no_whole_number(quantity: str) -> None:
    """Is refused; devices are counted."""
    tree = pod(container(2))
    tree["spec"]["containers"][0]["resources"]["requests"][GPU] = quantity
    with pytest.raises(GpusNotSaid, match="in no whole number"):
        gpus_requested(tree, GPU)


# --- which pod -----------------------------------------------------------------------------------------------------


def test_one_that_has_ended_keeps_its_address() -> None:
    """Another one may have it since."""
    ended = [pod(name=f"job-{phase}", phase=phase) for phase in ("Succeeded", "Failed")]
    assert found(*ended, pod(name="vllm-1")) == "vllm-1"


def test_one_that_is_being_deleted_serves_until_its_end() -> None:
    """But where there is another one, that has the address."""
    ends = pod(name="old", deletion_timestamp="2026-11-30T00:00:00Z")
    assert found(ends) == "old"
    assert found(ends, pod(name="new")) == "new"


def test_in_the_network_of_the_host_the_port_decides() -> None:
    """It is the node's address."""
    here, other = (pod(container(2, port=port), name=f"at-{port}", host_network=True) for port in (8000, 8001))
    agent = pod(container(port=None), name="agent", host_network=True)
    assert found(agent, other, here) == "at-8000"


@pytest.mark.parametrize(
    ("ports", "how_many"), [((None,), "none"), ((None, 9400), "none"), ((8000, 8000, 9400), "more than one")]
)
def test_where_no_port_decides_no_pod_is_taken(ports: tuple[int | None, ...], how_many: str) -> None:
    """A server without a pod of its own might be another process of the node."""
    pods = [pod(container(2, port=port), name=f"p{place}", host_network=True) for place, port in enumerate(ports)]
    names = ", ".join(f"models/p{place}" for place in range(len(ports)))
    with pytest.raises(GpusNotSaid) as refused:
        found(*pods)
    assert str(refused.value) == (
        f"10.0.0.7 is the address of {names}, in the host's network, and {how_many} has the `containerPort` 8000. Add "
        "that to the container of the server, or write `gpus` and `kind` of the server"
    )


def test_many_pods_of_a_node_are_not_all_named() -> None:
    """A sentence stays one."""
    with pytest.raises(GpusNotSaid, match=r"models/p00, models/p01, models/p02, models/p03 and 36 more, in the host's"):
        found(*(pod(container(2, port=1), name=f"p{place:02}", host_network=True) for place in range(40)))


def test_an_address_without_a_pod() -> None:
    """What to do depends on how a server is known."""
    with pytest.raises(GpusNotSaid) as refused:
        SOUGHT.among([pod(phase="Failed")], ["models", "batch"])
    assert str(refused.value) == (
        "no pod of the namespaces models, batch has the address 10.0.0.7. Add the namespace of the server to "
        "`gpus.kubernetes`; if it is the address of a Service, make that headless (`clusterIP: None`)"
    )
    by_name = SoughtPod("", "vllm-0", 0)
    assert found(pod(host_network=True), sought=by_name) == "vllm-0"
    with pytest.raises(GpusNotSaid, match="no pod of the namespace models has the name vllm-0"):
        found(sought=by_name)
    with pytest.raises(GpusNotSaid, match=r"several namespaces have the name vllm-0 \(batch/vllm-0, models/vllm-0\)"):
        found(pod(), pod(namespace="batch"), sought=by_name)
