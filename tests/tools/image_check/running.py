"""Runs the image's program as a container runtime does: its root read-only, its user, its environment and no other."""

from __future__ import annotations

import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from extproc.server.sockets.free_ports import free_ports
from tests.tools.image_check.dockerfile import Stage, made

WAIT_S_MAX: Final = 30.0
CONFIG_FOLDER: Final = "etc/llm-extproc"
CONFIG: Final = """\
server: {{ listen: 127.0.0.1:{grpc}, metrics: 127.0.0.1:{metrics} }}
models:
  llama:
    versions:
      v1:
        weight: 1
        endpoints: ["127.0.0.1:1"]
        price: {{ prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }}
filters: [{{ filter: version }}, {{ filter: guards }}, {{ filter: meter }}]
policies:
  - name: default
    guards: [{{ guard: injection, action: block }}, {{ guard: pii, on: both, action: mask }}]
"""


class Started(NamedTuple):
    """Attributes:
    ready_s: from the start to its readiness.
    memory_bytes: resident, at rest.
    """

    ready_s: float
    memory_bytes: int


class Finished(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    said: str


def command(stage: Stage, words: Sequence[str], with_tmp: bool = True) -> list[str]:
    """What runs the image's entry with arguments in a mount namespace of its own."""
    root = shlex.quote(str(stage.root))
    environment = shlex.join([f"{name}={value}" for name, value in stage.environment.items()])
    inside = shlex.join([*stage.entry, *words])
    tmp = f"mount -t tmpfs -o size=16m,mode=1777 tmpfs {root}/tmp && " if with_tmp else ""
    script = (
        f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount -t proc proc {root}/proc && "
        f"mount --rbind /dev {root}/dev && {tmp}"
        f'exec env -i HOME=/ {environment} "$(command -v chroot)" --userspec={stage.user} {root} {inside}'
    )
    return ["unshare", "-m", "sh", "-c", script]


def prepared(stage: Stage) -> str:
    """Write a configuration, and make what a runtime mounts on. Returns: the page that says whether it is ready."""
    grpc, metrics = free_ports(2)
    for name in ("proc", "dev"):
        made(stage.root / name)
    (made(stage.root / CONFIG_FOLDER) / "config.yaml").write_text(CONFIG.format(grpc=grpc, metrics=metrics))
    return f"http://127.0.0.1:{metrics}/readyz"


@contextmanager
def serving(stage: Stage, page: str, with_tmp: bool = True) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The processor, once it is ready, and how long that took. Raises: RuntimeError, if it does not become ready."""
    began_s = time.monotonic()
    whole = command(stage, stage.arguments, with_tmp)
    with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as one:
        try:
            _wait(one, page, began_s)
            yield one, time.monotonic() - began_s
        finally:
            one.terminate()
            one.communicate(timeout=WAIT_S_MAX)


def started(stage: Stage, page: str, with_tmp: bool = True) -> Started:
    """One start. Raises: RuntimeError, if it does not become ready, or runs as another user."""
    with serving(stage, page, with_tmp) as (one, ready_s):
        time.sleep(1.0)  # what it does once it is ready
        status = Path(f"/proc/{one.pid}/status").read_text()
        uid = stage.user.partition(":")[0]
        if f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" not in status:
            raise RuntimeError("it does not run as the user of the image")
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return Started(ready_s, int(resident.split()[1]) * 1_024)


def finished(stage: Stage, *words: str) -> Finished:
    """A command of the image that ends by itself."""
    done = subprocess.run(command(stage, words), capture_output=True, text=True, timeout=WAIT_S_MAX, check=False)
    return Finished(done.returncode, done.stdout + done.stderr)


def _wait(process: subprocess.Popen[bytes], page: str, began_s: float) -> None:
    while time.monotonic() - began_s < WAIT_S_MAX:
        if process.poll() is not None:
            said = process.stdout.read().decode(errors="replace") if process.stdout else ""
            raise RuntimeError(f"it ended with {process.returncode}: {said[-2_000:]}")
        try:
            with urllib.request.urlopen(page, timeout=1.0):
                return
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.01)
    raise RuntimeError("it did not become ready")
