"""What is measured: each subject is one whole installation behind an Envoy of its own, idle until its turn.

All of them have the Envoy configuration that we generate, with one worker, but that its circuit breakers let more
streams through; what is not our full processor gets one route to the model server in place of the routes by version,
and "Envoy alone" has no ext_proc filter.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from extproc.demo.installation import Change, Installation
from extproc.envoy_config.names import FILTER_NAME
from tests.bench import peers
from tests.bench.processes import child, cpu_seconds

ENVOY = "envoy_alone"
GO_NOOP = "grpc_go_noop"
LITELLM = peers.PLAIN
LITELLM_GUARDED = (peers.CONTENT_FILTER, peers.PRESIDIO)
CHAT = "/v1/chat/completions"
PASSED = "/bench/passed"  # a path that our full processor passes on unread
METERED = "ours_fast_metered"
LIGHT = "ours_fast_light"
UNREMEMBERED = "ours_fast_unremembered"
COMPILED, COMPILED_METERED = "ours_fast_compiled", "ours_fast_compiled_metered"
COMMIT_NOOP, COMMIT_METERED, COMMIT_FULL = "commit_noop", "commit_metered", "commit_full"
COMPILED_FOLDER = Path(__file__).parents[2] / ".compiled"  # what `make compiled` makes
CONCURRENCY_MAX = 100_000  # of Envoy's circuit breakers here
TRANSPORTS = ("grpc", "fast")  # ours; the last is the one that is judged
OF_COMMIT = {COMMIT_NOOP: "ours_fast_noop", COMMIT_METERED: METERED, COMMIT_FULL: "ours_fast_full"}
"""What another commit is measured by (``--against``), and the subjects that it is compared with."""
KEY = f"sk-{secrets.token_hex(16)}"  # LiteLLM does not run without one; sent to all, so that all get the same


@dataclass(frozen=True, slots=True)
class Subject:
    """One that runs.

    Args:
        pid: the process whose CPU time is counted.
        messages: of ext_proc, that Envoy has sent to it so far.
        log: what the process has written.
        helpers: processes that work for it, whose CPU time counts too.
    """

    name: str
    title: str
    base_url: str
    pid: int
    envoy_pid: int
    messages: Callable[[], int]
    log: Path
    helpers: tuple[int, ...] = ()

    def cpu_seconds(self) -> float:
        """CPU time so far. [s] Raises: RuntimeError, when a process has ended."""
        return sum(cpu_seconds(pid) for pid in (self.pid, *self.helpers))


@dataclass(frozen=True, slots=True)
class Places:
    """Where a subject finds what it needs."""

    upstream: str  # HOST:PORT of the model server
    directory: Path  # for logs and configurations
    programs: dict[str, Path]  # built ones, by name: `noop`, `litellm`
    say: Callable[[str], None]  # takes a remark for whoever waits for the figures
    commit: Path | None = None  # sources of another commit, to compare with


Open = Callable[[Places], contextlib.AbstractContextManager[Subject]]


def ours_full(transport: str) -> str:
    """Name of the subject: our processor with the demo's configuration."""
    return f"ours_{transport}_full"


def ours_noop(transport: str) -> str:
    """Name of the subject: our transport alone."""
    return f"ours_{transport}_noop"


def subjects(programs: dict[str, Path], commit: Path | None = None) -> dict[str, Open]:
    """How to start each subject that can run here, by name, in the order of the table.

    Args: commit: sources of another commit, to compare with.
    """
    found: dict[str, Open] = {ENVOY: _envoy_alone}
    if "noop" in programs:
        found[GO_NOOP] = _go_noop
    for transport in TRANSPORTS:
        found[ours_noop(transport)] = partial(_ours_noop, transport=transport)
        found[ours_full(transport)] = partial(_ours_full, transport=transport)
    found[METERED] = _ours_metered
    if COMPILED_FOLDER.is_dir():
        found[COMPILED] = partial(_ours_compiled, name=COMPILED, change=None)
        found[COMPILED_METERED] = partial(_ours_compiled, name=COMPILED_METERED, change=only_meter)
    if commit is not None:
        found[COMMIT_NOOP] = partial(_commit_noop, sources=commit)
        found[COMMIT_METERED] = partial(_commit_full, name=COMMIT_METERED, sources=commit, change=only_meter)
        found[COMMIT_FULL] = partial(_commit_full, name=COMMIT_FULL, sources=commit, change=None)
    if "litellm" in programs:
        found |= {name: partial(_litellm, name=name) for name in peers.TITLES}
    return found


@contextlib.contextmanager
def _envoy_alone(places: Places) -> Iterator[Subject]:
    with _without_processor(places, ENVOY, places.upstream) as installation:
        pid = installation.envoy.pid or 0
        yield subject_of(installation, ENVOY, "Envoy alone (its own CPU)", pid, installation.envoy.log)


@contextlib.contextmanager
def _go_noop(places: Places) -> Iterator[Subject]:
    with _with_stub(places, GO_NOOP) as installation:
        command = [str(places.programs["noop"]), "-socket", str(installation.socket)]
        with child(command, f"unix:{installation.socket}", _log(installation)) as pid:
            yield subject_of(installation, GO_NOOP, "grpc-go, no-op", pid)


@contextlib.contextmanager
def _ours_noop(places: Places, transport: str) -> Iterator[Subject]:
    name = ours_noop(transport)
    with _with_stub(places, name) as installation:
        address = f"unix:{installation.socket}"
        command = [sys.executable, "-m", "tests.bench.noop_processor", transport, address]
        with child(command, address, _log(installation)) as pid:
            yield subject_of(installation, name, f"ours, {transport}, no-op", pid)


@contextlib.contextmanager
def _ours_full(places: Places, transport: str) -> Iterator[Subject]:
    name = ours_full(transport)
    with full_installation(places, name, transport) as installation:
        yield subject_of(installation, name, f"ours, {transport}, full", installation.processor.pid)


@contextlib.contextmanager
def _ours_metered(places: Places) -> Iterator[Subject]:
    with full_installation(places, METERED, "fast", only_meter) as installation:
        yield subject_of(installation, METERED, "ours, fast, only metered", installation.processor.pid)


@contextlib.contextmanager
def ours_unremembered(places: Places, name: str) -> Iterator[Subject]:
    """Our processor in full, or with light guards, judging each text as if it were new."""
    change = forget_texts if name == UNREMEMBERED else only_light_guards
    with full_installation(places, name, "fast", change) as installation:
        yield subject_of(installation, name, f"ours, fast, {name}", installation.processor.pid)


def forget_texts(data: dict[str, Any]) -> None:
    """Remember no text as clean: the clients of a benchmark always send the same one."""
    data["limits"] = {"clean_texts_max": 0}


def only_light_guards(data: dict[str, Any]) -> None:
    """Leave one policy, of the guards that have no model of a text."""
    only_meter(data)
    forget_texts(data)
    guards = [{"guard": "pii", "on": "both", "action": "mask"}, {"guard": "refusal"}]
    data["filters"] = [{"filter": "guards"}, {"filter": "meter"}]
    data["policies"] = [{"name": "default", "guards": guards}]


def only_meter(data: dict[str, Any]) -> None:
    """Leave nothing of the demo's configuration that judges or chooses."""
    data["filters"] = [{"filter": "meter"}]
    for section in ("policies", "routes", "route_tests"):
        del data[section]


@contextlib.contextmanager
def _ours_compiled(places: Places, name: str, change: Change | None) -> Iterator[Subject]:
    with _served_from(COMPILED_FOLDER, places, name, change) as (installation, pid):
        title = f"ours, fast, {'full' if change is None else 'only metered'}, compiled"
        yield subject_of(installation, name, title, pid)


@contextlib.contextmanager
def _commit_full(places: Places, name: str, sources: Path, change: Change | None) -> Iterator[Subject]:
    with _served_from(sources, places, name, change) as (installation, pid):
        yield subject_of(installation, name, f"the commit, {name.rpartition('_')[2]}", pid)


@contextlib.contextmanager
def _commit_noop(places: Places, sources: Path) -> Iterator[Subject]:
    with _with_stub(places, COMMIT_NOOP) as installation:
        address = f"unix:{installation.socket}"
        command = [sys.executable, "-m", "tests.bench.noop_processor", TRANSPORTS[-1], address]
        with child(command, address, _log(installation), importing_from(sources)) as pid:
            yield subject_of(installation, COMMIT_NOOP, "the commit, no-op", pid)


@contextlib.contextmanager
def _served_from(folder: Path, places: Places, name: str, change: Change | None) -> Iterator[tuple[Installation, int]]:
    """An installation whose processor is imported from a folder, and its process."""
    with full_installation(places, name, "fast", change, with_processor=False) as installation:
        command = [sys.executable, "-m", "extproc", "serve", "--config", str(installation.config)]
        with child(command, f"unix:{installation.socket}", _log(installation), importing_from(folder)) as pid:
            yield installation, pid


def importing_from(*folders: Path) -> dict[str, str]:
    """The environment of a Python that imports this project from folders, in this order."""
    # Without the second, the sources of the current folder would come first.
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONSAFEPATH": "1"}


def full_installation(
    places: Places, name: str, transport: str, change: Change | None = None, *, with_processor: bool = True
) -> Installation:
    """Envoy and our processor with the demo's configuration, or as ``change`` leaves it."""

    def change_all(data: dict[str, Any]) -> None:
        _point_at(data, places.upstream)
        data["server"]["transport"] = transport
        data["requests"] = {"allow_paths": [f"POST {PASSED}"]}
        if change is not None:
            change(data)

    return Installation(
        _folder(places, name), {}, change=change_all, change_envoy=_lift_limits, with_processor=with_processor
    )


@contextlib.contextmanager
def _litellm(places: Places, name: str) -> Iterator[Subject]:
    folder = _folder(places, f"{name}_proxy")
    with (
        peers.litellm(name, places.programs["litellm"], places.upstream, folder, KEY) as proxy,
        _without_processor(places, name, proxy.address) as installation,
    ):
        subject = subject_of(installation, name, peers.TITLES[name], proxy.pid, folder / "litellm.log")
        yield replace(subject, helpers=proxy.helpers)


def _with_stub(places: Places, name: str) -> Installation:
    """Envoy with the filter, and a free socket for a processor that changes nothing."""
    return Installation(
        _folder(places, name),
        {},
        change=lambda data: _point_at(data, places.upstream),
        change_envoy=_one_route,
        with_processor=False,
    )


def _without_processor(places: Places, name: str, upstream: str) -> Installation:
    def change_envoy(configuration: dict[str, Any]) -> None:
        _one_route(configuration)
        manager = _connection_manager(configuration)
        manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] != FILTER_NAME]

    return Installation(
        _folder(places, name),
        {},
        change=lambda data: _point_at(data, upstream),
        change_envoy=change_envoy,
        with_processor=False,
    )


def subject_of(installation: Installation, name: str, title: str, pid: int, log: Path | None = None) -> Subject:
    """What runs in an installation, of which the process ``pid`` is measured."""

    def messages() -> int:
        lines = installation.envoy.admin("/stats?filter=ext_proc.*stream_msgs_sent$").split("\n")
        return sum(int(line.rpartition(":")[2]) for line in lines if ":" in line)

    return Subject(
        name, title, installation.base_url, pid, installation.envoy.pid or 0, messages, log or _log(installation)
    )


def _log(installation: Installation) -> Path:
    return installation.directory / "processor.log"


def _folder(places: Places, name: str) -> Path:
    folder = places.directory / name
    folder.mkdir()
    return folder


def _point_at(data: dict[str, Any], upstream: str) -> None:
    """To one server, so that no version can answer in place of another."""
    model = data["models"]["tiny-chat"]
    del model["fallback"]
    for version in model["versions"].values():
        version["endpoints"] = [upstream]


def _one_route(configuration: dict[str, Any]) -> None:
    """Everything to the first version: nobody chooses one."""
    _lift_limits(configuration)
    cluster = configuration["static_resources"]["clusters"][0]["name"]
    (host,) = _connection_manager(configuration)["route_config"]["virtual_hosts"]
    host["routes"] = [{"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}]


def _lift_limits(configuration: dict[str, Any]) -> None:
    """More streams at a time than the breakers of a gateway would let through."""
    limits = ("max_connections", "max_pending_requests", "max_requests")
    for cluster in configuration["static_resources"]["clusters"]:
        cluster["circuit_breakers"] = {"thresholds": [dict.fromkeys(limits, CONCURRENCY_MAX)]}


def _connection_manager(configuration: dict[str, Any]) -> dict[str, Any]:
    (chain,) = configuration["static_resources"]["listeners"][0]["filter_chains"]
    manager: dict[str, Any] = chain["filters"][0]["typed_config"]
    return manager
