"""``make image-check``: runs the steps of deploy/Dockerfile in folders, and the processor from what they make.

There is no Docker where this project is built. So the base image is imitated by Debian with its own Python
(debootstrap), each step runs in it by chroot, and the result is mounted read-only and run as the image's user. Needs
root, and Debian's ``debootstrap``. It says nothing of the real base image and its digest, nor of other architectures.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from extproc.server.sockets.free_ports import free_ports

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
SUITE: Final = "trixie"
PACKAGES: Final = "python3,python3-venv,python3-dev,python3-pip,python-is-python3,ca-certificates"
"""What the image of Python has too."""
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OF_MACHINE: Final = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""By which it reaches packages."""
READY_S_MAX: Final = 2.0
_WAIT_S_MAX: Final = 30.0
_MB: Final = 1_000_000
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


class Instruction(NamedTuple):
    """One line of a Dockerfile."""

    name: str
    words: str


def instructions(text: str) -> Iterator[Instruction]:
    """In order, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, words = line.partition(" ")
            yield Instruction(name, words.strip())


class Stage:
    """A folder that a stage is built in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment: dict[str, str] = {}
        self.folder = "/"
        self.user = "0:0"
        self.entry: list[str] = []
        self.arguments: list[str] = []

    def run(self, words: str) -> None:
        """A step, as root. Raises: CalledProcessError."""
        inside = f"cd {shlex.quote(self.folder)} && {words}"
        subprocess.run(
            ["chroot", str(self.root), "/bin/sh", "-c", inside],
            env={"PATH": PATH, "HOME": "/root", **_of_pip(), **self.environment},
            check=True,
        )

    def copy(self, words: str, stages: Mapping[str, Stage]) -> None:
        """From the project, or from another stage."""
        names = shlex.split(words)
        source = ROOT
        if names[0].startswith("--from="):
            source = stages[names.pop(0).removeprefix("--from=")].root
        *what, where = names
        target = self.root / str(Path(self.folder) / where).lstrip("/")
        for name in what:
            file = source / name.lstrip("/")
            if file.is_dir():
                subprocess.run(["cp", "-a", f"{file}/.", str(_made(target))], check=True)
            else:
                place = target / file.name if where.endswith("/") else target
                _made(place.parent)
                shutil.copyfile(file, place)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _of_pip() -> dict[str, str]:
    """How this machine reaches packages, but for folders of its own."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") and name != "PIP_FIND_LINKS"}


def make_base(folder: Path) -> None:
    """Debian with Python, as small as the image is."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(folder)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    for name in _OF_MACHINE:
        if Path(name).exists():
            shutil.copyfile(name, folder / name.lstrip("/"))


def built(folder: Path) -> Stage:
    """The last stage."""
    base = folder / "base"
    make_base(base)
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    for number, one in enumerate(instructions(DOCKERFILE.read_text())):
        print(f"  {one.name} {one.words[:100]}", flush=True)
        match one.name:
            case "FROM":
                stage = Stage(folder / f"stage-{number}")
                subprocess.run(["cp", "-a", str(base), str(stage.root)], check=True)
                stages[one.words.partition(" AS ")[2] or str(number)] = stage
            case "ENV":
                stage.environment |= dict(word.split("=", 1) for word in shlex.split(one.words))
            case "WORKDIR":
                stage.folder = one.words
                _made(stage.root / one.words.lstrip("/"))
            case "RUN":
                stage.run(one.words)
            case "COPY":
                stage.copy(one.words, stages)
            case "USER":
                stage.user = one.words
            case "ENTRYPOINT":
                stage.entry = json.loads(one.words)
            case "CMD":
                stage.arguments = json.loads(one.words)
            case _:
                raise ValueError(f"this check does not know {one.name}")
    return stage


class ImageFigures(NamedTuple):
    """Attributes:
    added_mb: what the image adds to its base.
    ready_s: from its start to its readiness, the least of several starts.
    memory_mb: resident, at rest.
    compiled: modules that are compiled.
    """

    added_mb: float
    ready_s: float
    memory_mb: float
    compiled: int


def measured(stage: Stage, starts: int = 3) -> ImageFigures:
    """Start it on a read-only mount as its user. Raises: RuntimeError, if it does not become ready."""
    grpc, metrics = free_ports(2)
    (_made(stage.root / "etc" / "llm-extproc") / "config.yaml").write_text(CONFIG.format(grpc=grpc, metrics=metrics))
    program = stage.root / "opt" / "llm-extproc"
    size = sum(file.lstat().st_size for file in program.rglob("*") if not file.is_symlink() and file.is_file())
    compiled = len(list(program.rglob("extproc/**/*.so")))
    times, memory = [], 0.0
    for _ in range(starts):
        ready_s, memory = _started(stage, f"http://127.0.0.1:{metrics}/readyz")
        times.append(ready_s)
    return ImageFigures(size / _MB, min(times), memory / _MB, compiled)


def _started(stage: Stage, page: str) -> tuple[float, float]:
    """How long it took, and its memory [bytes]."""
    uid, gid = stage.user.split(":")
    root = shlex.quote(str(stage.root))
    command = shlex.join([*stage.entry, *stage.arguments])
    environment = shlex.join([f"{name}={value}" for name, value in stage.environment.items()])
    script = (
        f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount -t proc proc {root}/proc && "
        f"mount -t tmpfs -o size=16m,mode=1777 tmpfs {root}/tmp && "
        f"exec chroot --userspec={uid}:{gid} {root} /usr/bin/env -i PATH=/usr/bin HOME=/ {environment} {command}"
    )
    began_s = time.monotonic()
    with subprocess.Popen(
        ["unshare", "-m", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as one:
        try:
            _wait(one, page, began_s)
            ready_s = time.monotonic() - began_s
            time.sleep(1.0)  # what it does once it is ready
            status = Path(f"/proc/{one.pid}/status").read_text()
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status, "it does not run as the user of the image"
            resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
            return ready_s, int(resident.split()[1]) * 1_024
        finally:
            one.terminate()
            one.communicate(timeout=_WAIT_S_MAX)


def _wait(process: subprocess.Popen[bytes], page: str, began_s: float) -> None:
    while time.monotonic() - began_s < _WAIT_S_MAX:
        if process.poll() is not None:
            said = process.stdout.read().decode(errors="replace") if process.stdout else ""
            raise RuntimeError(f"it ended with {process.returncode}: {said[-2_000:]}")
        try:
            with urllib.request.urlopen(page, timeout=1.0):
                return
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.01)
    raise RuntimeError("it did not become ready")


def main() -> int:
    """Print the figures. Returns 1 if it starts too slowly, or is not compiled."""
    parser = argparse.ArgumentParser(prog="make image-check", description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="build here and keep it; it must be empty")
    asked = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("image-check needs root and debootstrap (on Debian: apt-get install debootstrap)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        found = measured(built(asked.folder or Path(folder)))
    print(f"added to the base image   {found.added_mb:6.0f} MB")
    print(f"start to ready            {found.ready_s:6.2f} s (at most {READY_S_MAX:g})")
    print(f"memory at rest            {found.memory_mb:6.0f} MB")
    print(f"compiled modules          {found.compiled:6d}")
    return int(found.ready_s > READY_S_MAX or not found.compiled)


if __name__ == "__main__":
    sys.exit(main())
