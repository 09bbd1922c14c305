"""GPUs of pods in the store: from model servers and a stub of the API server to what time is allocated by."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from extproc.allocation.slices import GpuTerms
from extproc.config.gpus import GpuPrice, GpuServer, GpusSection, KubernetesGpus
from extproc.ledger.allocation.pods import look_ups
from extproc.ledger.allocation.sample_tables import GPU_SERVERS
from extproc.ledger.allocation.sampling import STORE_S
from extproc.ledger.allocation.server_lives import server_terms
from extproc.ledger.allocation.settings import ConfiguredServer, PodSettings
from extproc.ledger.store import LedgerStore
from tests.unit.ledger.allocation.model_pages import PageServer, vllm_page
from tests.unit.ledger.allocation.pods.samples import GPU, H100, LABEL, container, node, pod
from tests.unit.ledger.allocation.test_sampling import Process, until
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving

LOOK_UPS = "pods of servers"
"""Name of the thread."""
SETTINGS = PodSettings(("models",), GPU, LABEL, (H100,))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "PAUSES_S", (0.005,))


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(undo: ExitStack) -> PageServer:
    """A model server."""
    made = PageServer()
    undo.callback(made.close)
    return made


@pytest.fixture
def api(undo: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ApiServer:
    """An API server, for whom runs as that pod's service account."""
    running = undo.enter_context(serving(ApiServer()))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path, running.url)))
    return running


def pod_of(server: PageServer, gpus: int = 2, name: str = "vllm-0", **changed: Any) -> dict[str, Any]:
    """The pod behind a server's address."""
    port = int(server.endpoint.rpartition(":")[2])
    return pod(container(gpus or None, port=port), address="127.0.0.1", name=name, **changed)


@pytest.fixture
def process(store: LedgerStore, server: PageServer) -> Iterator[Process]:
    """What samples that server, of which the configuration has the address."""
    made = Process(store, ConfiguredServer(server.endpoint, 0, "", ""))
    made.sampling.settings = made.sampling.settings._replace(pods=SETTINGS)
    yield made
    made.look(last=True)


def stored(process: Process) -> list[tuple[int, str, str]]:
    """Which GPUs the server had, in the order of time: number, kind and price."""
    columns = GPU_SERVERS.c
    query = select(columns.gpus, columns.kind, columns.price).order_by(columns.since_us)
    with process.store.reading() as connection:
        return [tuple(row) for row in connection.execute(query)]


def until_stored(process: Process, condition: Callable[[list[tuple[int, str, str]]], bool]) -> None:
    """Minutes pass, until that is so."""

    def is_so() -> bool:
        process.look(STORE_S)
        return condition(stored(process))

    until(is_so)


def test_a_server_has_the_gpus_of_its_pod(api: ApiServer, server: PageServer, process: Process) -> None:
    """Its price is that of their kind, whatever it is when it is allocated."""
    api.put(pod_of(server))
    api.put(node())
    until_stored(process, lambda rows: rows == [(2, H100, "")])
    assert process.told == []
    section = GpusSection(
        kubernetes=KubernetesGpus(namespaces=("models",)),
        servers=(GpuServer(endpoint=server.endpoint),),
        prices=(GpuPrice(name="h100", kind=H100, per_gpu_hour="2.50"),),
    )
    with process.store.reading() as connection:
        (found,) = server_terms(connection, section).values()
    assert (found.kind, found.terms) == (H100, (GpuTerms(0, 2, 2_500_000_000, H100),))


def test_a_process_that_asks_no_servers_looks_up_no_pods(api: ApiServer, server: PageServer, process: Process) -> None:
    """Another one leads, or it ends: then its thread ends, whatever is still not known."""
    until_stored(process, lambda rows: rows == [(0, "", "")])
    assert any(one.name == LOOK_UPS for one in threading.enumerate())
    process.look(last=True)
    until(lambda: all(one.name != LOOK_UPS for one in threading.enumerate()))
    asked = len(api.asked)
    process.sampling._look_up(False)
    assert len(api.asked) == asked
    assert server.asked


@pytest.mark.usefixtures("api")
def test_an_answer_that_comes_last_keeps_no_thread(server: PageServer, process: Process) -> None:
    """One that arrived between the last write and the end once kept the look-ups alive, found by CI."""
    until_stored(process, lambda rows: rows == [(0, "", "")])
    entry = process.sampling._servers[server.endpoint]
    until(lambda: entry.waiting)
    process.sampling.stop()
    assert entry.waiting
    until(lambda: all(one.name != LOOK_UPS for one in threading.enumerate()))


def test_the_next_process_may_be_in_another_pod(api: ApiServer, server: PageServer, process: Process) -> None:
    """With the same address, and other GPUs from then on; what was before stays."""
    api.put(node())
    first = api.put(pod_of(server))
    until_stored(process, lambda rows: rows == [(2, H100, "")])
    del api.objects[first]
    api.put(pod_of(server, 4, "vllm-1"))
    server.says(vllm_page(start_s=2_000.0, ready_s=2_030.0))
    until_stored(process, lambda rows: rows == [(2, H100, ""), (4, H100, "")])


def test_a_pod_that_is_not_found_is_not_the_one_before(api: ApiServer, server: PageServer, process: Process) -> None:
    """The time of the next process is nobody's, until its pod is found: then all of it is that pod's."""
    api.put(node())
    first = api.put(pod_of(server))
    until_stored(process, lambda rows: rows == [(2, H100, "")])
    del api.objects[first]
    server.says(vllm_page(start_s=2_000.0, ready_s=2_030.0))
    until_stored(process, lambda rows: rows == [(2, H100, ""), (0, "", "")] and bool(process.told))
    assert process.told == [
        f"gpus: the GPUs of {server.endpoint} are not known, so its time is not shared: no pod of the namespace models "
        "has the address 127.0.0.1. Add the namespace of the server to `gpus.kubernetes`; if it is the address of a "
        "Service, make that headless (`clusterIP: None`)"
    ]
    api.put(pod_of(server, 4, "vllm-1"))
    until_stored(process, lambda rows: rows == [(2, H100, ""), (4, H100, "")] and len(process.told) > 1)
    assert process.told[1:] == [f"gpus: {server.endpoint} has 4 GPUs of the kind {H100}, as its pod says"]


def test_an_api_server_that_does_not_answer_delays_no_sample(
    api: ApiServer, server: PageServer, process: Process
) -> None:
    """The GPUs are not known meanwhile; afterwards they are, from the first sample on."""
    api.holds.clear()
    until_stored(process, lambda rows: rows == [(0, "", "")])
    asked = server.asked
    until(lambda: server.asked > asked + 3)
    assert len(process.stored(server.endpoint).at_us) > 0
    api.put(pod_of(server))
    api.put(node())
    api.holds.set()
    until_stored(process, lambda rows: rows == [(2, H100, "")])


def test_rights_that_are_missing_are_told_once(api: ApiServer, server: PageServer, process: Process) -> None:
    """For all servers; when they are given, they are used."""
    api.put(pod_of(server))
    api.put(node())
    api.allowed = {("list", "", "pods", "")}
    until_stored(process, lambda rows: rows == [(0, "", "")] and bool(process.told))
    asked = len(api.asked)
    until(lambda: len(api.asked) > asked + 5)
    process.look()
    assert process.told == [
        "gpus: GPUs of pods are not known, so time of their servers is not shared. This service account may not get "
        "the node node-1. Give it a Role with `list` of pods in each namespace, and a ClusterRole with `get` of nodes: "
        "deploy/kustomize/components/gpu-pods has such roles."
    ]
    api.allowed.add(("get", "", "nodes", ""))
    until_stored(process, lambda rows: rows == [(2, H100, "")])


def test_what_the_configuration_has_is_not_replaced(api: ApiServer, server: PageServer, process: Process) -> None:
    """Such as all GPUs of a server that runs in several pods; and a price of its own."""
    api.put(pod_of(server, 8, annotations={"leaderworkerset.sigs.k8s.io/size": "2"}))
    api.put(node())
    process.change(ConfiguredServer(server.endpoint, 16, "", "h100"))
    until_stored(process, lambda rows: rows == [(16, H100, "h100")])
    assert process.told == []


def test_a_kind_without_a_price_is_told(api: ApiServer, server: PageServer, process: Process) -> None:
    """Its time is shared, and has no cost."""
    api.put(pod_of(server))
    api.put(node("Tesla-T4-SHARED"))
    until_stored(process, lambda rows: rows == [(2, "Tesla-T4-SHARED", "")])
    process.look()
    assert process.told == [
        "gpus: no price has the kind Tesla-T4-SHARED, so the time of its servers has no cost. Add "
        "`kind: Tesla-T4-SHARED` to an entry of `gpus.prices`"
    ]


def test_from_the_configuration_to_pods_the_past_stays(api: ApiServer, server: PageServer, process: Process) -> None:
    """What was known of a process by the configuration holds until its pod says more."""
    api.put(pod_of(server, 4))
    api.put(node())
    process.change(ConfiguredServer(server.endpoint, 2, "H100", "h100"))
    until_stored(process, lambda rows: rows == [(2, "H100", "h100")])
    asked = server.asked
    until(lambda: server.asked > asked + 1)
    api.holds.clear()
    process.change(ConfiguredServer(server.endpoint, 0, "", ""))
    process.look(STORE_S)
    assert stored(process) == [(2, "H100", "h100")]
    api.holds.set()
    until_stored(process, lambda rows: rows == [(2, "H100", "h100"), (4, H100, "")])


def test_without_pods_nothing_of_it_is_imported() -> None:
    """It is an extra, and takes a second."""
    code = "import sys, extproc.ledger.allocation.sampling; print('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
