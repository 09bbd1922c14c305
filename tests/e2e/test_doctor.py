"""The doctor beside a real Envoy: what is sound has no finding, and faults are found in what it reports."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from extproc.cli import _app as app
from extproc.envoy_config.envoy_process import EnvoyProcess
from extproc.envoy_config.istio.mesh import MeshPlace
from extproc.server.sockets.free_ports import free_ports
from tests.deploy.mesh_stack import MeshStack, server_host
from tests.deploy.test_live_mesh import of_the_chart
from tests.deploy.test_live_proxy import as_guard, in_the_mesh
from tests.e2e.conftest import MakeStack
from tests.e2e.harness import Stack, require_envoy, wait_until
from tests.e2e.test_mtls import Installed
from tests.unit.envoy_config.doctor import faults
from tests.unit.envoy_config.doctor.faults import CHANGES_OF_OURS, FAULTS, PER_ROUTE

Block = dict[str, Any]

pytestmark = pytest.mark.once

ACCEPTED = [
    *("grpc-cluster-unknown", "processor-without-endpoints", "processor-tls-unverified", "filter-absent"),
    *("filter-never-enabled", "filter-before-authorization", "picker-before-filter", "two-body-filters"),
    *("canonical-name", "failure-mode-open", "trailer-mode", "mode-override", "message-timeout", "attribute-not-sent"),
    *("metadata-not-received", "reachable-around", "route-disables-filter", "per-route-key", "client-header-kept"),
    *("buffer-limit", "route-timeout", "idle-timeout", "retry-billed-twice", "version-not-routed", "version-unknown"),
    *("version-differs", "routes-not-stated", "mark-removed", "mark-kept"),
]
"""Mistakes with which Envoy starts, and says nothing."""


def doctor(*arguments: str) -> tuple[int, list[str]]:
    """The exit code, and the codes of the findings."""
    ran = CliRunner().invoke(app, ["doctor", *arguments, "--json"])
    assert ran.stdout, ran.stderr
    print(ran.stdout)  # shown where a test fails
    return ran.exit_code, [one["code"] for one in json.loads(ran.stdout)["findings"]]


# --- what is sound -------------------------------------------------------------------------------------------------


def test_the_demo_is_sound(stack: Stack) -> None:
    """In all that its Envoy says, and by probes through it."""
    assert doctor(str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url) == (0, [])
    assert doctor(str(stack.config)) == (0, [])


def test_routes_and_a_fallback_are_sound(make_stack: MakeStack) -> None:
    """Internal listeners lead to model servers too, and are no way around."""
    stack = make_stack(as_shown=True)
    assert doctor(str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url) == (0, [])


def test_files_that_envoy_watches_are_sound(make_stack: MakeStack, tmp_path: Path) -> None:
    """Listeners, routes and clusters that came while Envoy ran are in force."""

    def watching(data: Block) -> None:
        data["envoy"]["folder"] = str(tmp_path / "envoy")

    stack = make_stack(change=watching)
    assert doctor(str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url) == (0, [])


def test_a_guard_in_the_mesh_is_sound(make_stack: MakeStack) -> None:
    """Istio's inbound listener with our EnvoyFilter. Its model server answers on the network of the pod, too."""
    stack = make_stack(change=as_guard, change_envoy=in_the_mesh)
    assert doctor(str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url) == (0, [])


@pytest.mark.parametrize(
    ("place", "down"),
    [(MeshPlace.GATEWAY, None), (MeshPlace.SIDECAR, None), (MeshPlace.WAYPOINT, None), (MeshPlace.GATEWAY, "v1")],
)
def test_a_place_in_the_mesh_is_sound(tmp_path: Path, place: MeshPlace, down: str | None) -> None:
    """What `envoy-config --for` prints, applied as Istio does; with a fallback too."""
    require_envoy()
    host = [] if place is MeshPlace.GATEWAY else ["--header", f"host: {server_host('v1')}:8000"]
    with MeshStack(tmp_path, place, down=down) as stack:
        arguments = (str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url, *host)
        assert doctor(*arguments) == (0, [])


def test_a_gateway_of_the_chart_is_sound(tmp_path: Path) -> None:
    """Its filter is on for whole hosts. That it states no routes is a warning."""
    require_envoy()
    with MeshStack(tmp_path, MeshPlace.GATEWAY, envoy_filter=of_the_chart()) as stack:
        arguments = (str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url)
        assert doctor(*arguments) == (0, ["routes-not-stated"])


def admin_of(stack: Stack) -> str:
    """The address of its Envoy's admin server."""
    return str(json.loads(stack.config.read_text())["envoy"]["admin"])


# --- faults in what Envoy says -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ACCEPTED)
def test_a_fault_of_a_running_envoy_is_found(tmp_path: Path, code: str) -> None:
    """Exactly it, with the exit code of its severity."""
    require_envoy()
    more = CHANGES_OF_OURS.get(code, {})
    (tmp_path / "hop.key").write_bytes(os.urandom(32))
    (tmp_path / "llm-extproc.json").write_text(faults.document(**more).model_dump_json(exclude_unset=True))
    configuration = on_loopback(faults.sound(**more))
    FAULTS[code](configuration)
    with EnvoyProcess(configuration, tmp_path):
        ended, found = doctor(str(tmp_path / "llm-extproc.json"), "--admin", loopback_admin(configuration))
    assert set(found) == {code}
    assert ended in (0, 1)


def on_loopback(configuration: Block) -> Block:
    """With addresses of this machine: no name to resolve, and free ports."""
    text = json.dumps(configuration).replace("vllm.example", "127.0.0.1").replace("vllm2.example", "127.0.0.2")
    local: Block = json.loads(text)
    (port,) = free_ports(1)
    local["admin"]["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
    faults.listener(local)["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
    return local


def loopback_admin(configuration: Block) -> str:
    """The address of its admin server."""
    return f"127.0.0.1:{configuration['admin']['address']['socket_address']['port_value']}"


@pytest.mark.parametrize(("days", "told"), [(0, "certificate-expired"), (3, "certificate-ends-soon"), (30, "")])
def test_a_certificate_that_ends_is_found(make_stack: MakeStack, tmp_path: Path, days: int, told: str) -> None:
    """Of those that Envoy has loaded: here its own, for the processor. A day that has begun counts as none."""
    installed = Installed(tmp_path)
    installed.clients.issue("envoy.example", hours_left=days * 24 + 1).write(tmp_path, "envoy")
    stack = make_stack(change=installed.change)
    ended, found = doctor(str(stack.config), "--admin", admin_of(stack))
    assert (ended, found) == (int(told == "certificate-expired"), [told] if told else [])


def test_a_processor_that_is_ejected_is_found(make_stack: MakeStack) -> None:
    """By what Envoy says of its health; requests fail meanwhile."""

    def checked(configuration: Block) -> None:
        check = {"timeout": "0.1s", "interval": "0.1s", "unhealthy_threshold": 1, "healthy_threshold": 1}
        faults.cluster(configuration, "llm_extproc")["health_checks"] = [{**check, "grpc_health_check": {}}]

    stack = make_stack(change_envoy=checked, with_processor=False)
    wait_until(lambda: "failed_active_hc" in stack.envoy.admin("/clusters"), "Envoy has looked")
    ended, found = doctor(str(stack.config))
    assert (ended, found) == (1, ["processor-unhealthy"])


# --- probes --------------------------------------------------------------------------------------------------------


def test_a_model_server_that_answers_is_found(stack: Stack) -> None:
    """Whoever reaches it gets around the guards. It gets no prompt from the doctor."""
    server = f"http://127.0.0.1:{stack.models['v1'].port}"
    assert doctor(str(stack.config), "--direct", server) == (1, ["probe-model-reachable"])
    (closed,) = free_ports(1)
    assert doctor(str(stack.config), "--direct", f"http://127.0.0.1:{closed}") == (0, [])


def without_filter(configuration: Block) -> None:
    """Nobody is guarded, and all goes to the first version."""
    configuration["static_resources"] = copy.deepcopy(configuration["static_resources"])
    faults.filters(configuration).pop(0)
    route = faults.routes(configuration)[0]
    route["match"] = {"prefix": "/"}


def disabled_on_routes(configuration: Block) -> None:
    """The filter is there, and every route leaves it out."""
    configuration["static_resources"] = copy.deepcopy(configuration["static_resources"])
    for route in faults.routes(configuration):
        route["typed_per_filter_config"] = {"llm.extproc": {**PER_ROUTE, "disabled": True}}
    without = faults.routes(configuration)[0]
    without["match"] = {"prefix": "/"}


@pytest.mark.parametrize(
    ("change", "told"),
    [(without_filter, "filter-absent"), (disabled_on_routes, "route-disables-filter")],
)
def test_an_unguarded_answer_is_seen(make_stack: MakeStack, change: Callable[[Block], None], told: str) -> None:
    """By a probe alone, and with its reason where Envoy is asked too."""
    stack = make_stack(change_envoy=change)
    assert doctor("--probe", stack.base_url) == (1, ["probe-unguarded"])
    ended, found = doctor(str(stack.config), "--admin", admin_of(stack), "--probe", stack.base_url)
    assert ended == 1
    assert {told, "probe-unguarded"} <= set(found)


def test_a_processor_that_is_away_fails_and_is_not_unguarded(make_stack: MakeStack) -> None:
    """Fail closed is no way around."""
    stack = make_stack(with_processor=False)
    ended, found = doctor("--probe", stack.base_url)
    assert (ended, set(found)) == (1, {"probe-failed"})
