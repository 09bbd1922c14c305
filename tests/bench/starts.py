"""What it takes to start: CPU time of two commands, and the memory of ``extproc serve`` at rest."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from extproc.cli.init import starting_configuration
from extproc.demo.installation import LOOPBACK
from extproc.server.sockets.free_ports import free_ports
from tests.bench.processes import child, memory
from tests.bench.subjects import COMPILED_FOLDER, Places, importing_from

_RUNS = 7
_SETTLE_S = 1.0  # for what a process does after it listens
_METERED = "  - filter: guards             # runs the guards of the policy\n"


def measure_starts(places: Places) -> dict[str, float]:
    """The least of some runs of each command; memory with the guards of ``extproc init``, and without guards."""
    guarded, metered = (places.directory / name for name in ("guarded.yaml", "metered.yaml"))
    text = starting_configuration("llama", places.upstream)
    guarded.write_text(_with_free_ports(text))
    metered.write_text(_with_free_ports(without_guards(text)))
    found = {
        "start_help_s": min(cpu_of("--help") for _ in range(_RUNS)),
        "start_check_s": min(cpu_of("check", str(guarded)) for _ in range(_RUNS)),
    }
    started: dict[str, tuple[Path, dict[str, str]]] = {"start_serve": (guarded, {}), "start_metered": (metered, {})}
    if COMPILED_FOLDER.is_dir():
        started["compiled_start_serve"] = (guarded, importing_from(COMPILED_FOLDER))
    for name, (config, environment) in started.items():
        log = places.directory / f"{name}.log"
        command = [sys.executable, "-m", "extproc", "serve", "--config", str(config)]
        with child(command, _listen_of(config), log, environment) as pid:
            time.sleep(_SETTLE_S)
            found[f"{name}_mb"], found[f"{name}_pss_mb"] = memory(pid).rss_mb, memory(pid).pss_mb
    return found


def without_guards(text: str) -> str:
    """A configuration that only meters."""
    assert _METERED in text
    return text.replace(_METERED, "").partition("policies:")[0]


def cpu_of(*arguments: str) -> float:
    """CPU time of a command that ends with 0. [s] Raises: RuntimeError."""
    with Path(os.devnull).open("wb") as nothing:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "extproc", *arguments],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1), (os.POSIX_SPAWN_DUP2, nothing.fileno(), 2)],
        )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"extproc {' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def _with_free_ports(text: str) -> str:
    for usual, port in zip(("50051", "9090"), free_ports(2), strict=True):
        text = text.replace(f"{LOOPBACK}:{usual}", f"{LOOPBACK}:{port}")
    return text


def _listen_of(config: Path) -> str:
    (line,) = [line for line in config.read_text().splitlines() if line.startswith("  listen: ")][:1]
    return line.split()[1]
