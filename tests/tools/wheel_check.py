"""``make wheel-check``: the wheels, installed as users install them outside of the checkout, run their first commands.

A virtual environment of its own, with what requirements/demo.txt locks; an empty home; nothing of this checkout on the
path. Needs a package index for a minute.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from extproc.server.sockets.free_ports import free_ports
from tests.e2e.harness import wait_until

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "requirements" / "demo.txt"
PROJECTS: Final = {
    ROOT: ("extproc", "pyproject.toml", "setup.py", "README.md", "LICENSE"),
    ROOT / "packages" / "demo": ("extproc_demo", "pyproject.toml"),
}
"""What each wheel is built from."""
CONFIG: Final = "llm-extproc.yaml"
STOP_S_MAX: Final = 30.0


class CommandFailed(Exception):
    """The message has the command, how it ended, and what it said last."""


def build_wheel(project: Path, wheels: Path, scratch: Path, python: Path = Path(sys.executable)) -> Path:
    """Build one from a copy of its sources, since building leaves files beside them. Raises: CalledProcessError."""
    scratch.mkdir(exist_ok=True)
    for name in PROJECTS[project]:
        source = project / name
        if source.is_dir():
            shutil.copytree(source, scratch / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, scratch)
    before = set(wheels.glob("*.whl"))
    command = [str(python), "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels), "."]
    subprocess.run(command, cwd=scratch, check=True, capture_output=True)
    (built,) = set(wheels.glob("*.whl")) - before
    return built


class Installed:
    """An environment that has the wheels, and the folder in which commands run."""

    def __init__(self, folder: Path, python: str) -> None:
        self.environment = folder / "environment"
        self.bin = self.environment / "bin"
        self.work = folder / "work"
        self.python = python
        self._home = folder / "home"
        self.variables = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self._home), "LANG": "C.UTF-8"}

    def install(self, folder: Path, built: Path | None = None) -> None:
        """Make it. Args: built: a wheel of the program, instead of one built here. Raises: CalledProcessError."""
        subprocess.run([self.python, "-m", "venv", self.environment], check=True)
        for made in (self.work, self._home, folder / "wheels"):
            made.mkdir()
        pip = [str(self.bin / "pip"), "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
        for number, project in enumerate(PROJECTS):
            if built is not None and project == ROOT:
                wheel = built
            else:
                wheel = build_wheel(project, folder / "wheels", folder / f"sources-{number}", self.bin / "python")
            subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)

    def run(self, *words: str) -> str:
        """What a command prints. Raises: CommandFailed, unless it exits 0 and leaves the home empty."""
        result = subprocess.run(
            words,
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if result.returncode != 0:
            said = (result.stdout + result.stderr)[-2_000:]
            raise CommandFailed(f"{' '.join(words)} exits {result.returncode}: {said}")
        if left := sorted(path.name for path in self._home.iterdir()):
            raise CommandFailed(f"{' '.join(words)} leaves files in the home of its user: {', '.join(left)}")
        return result.stdout

    def serve(self) -> None:
        """Start a processor, ask whether it is ready, stop it. Raises: CommandFailed, TimeoutError."""
        grpc, metrics = free_ports(2)
        config = self.work / CONFIG
        places = {"127.0.0.1:50051": f"127.0.0.1:{grpc}", "127.0.0.1:9090": f"127.0.0.1:{metrics}"}
        for place, free in places.items():
            config.write_text(config.read_text().replace(f": {place}", f": {free}"))
        with subprocess.Popen(
            [self.bin / "extproc", "serve", "--config", CONFIG],
            cwd=self.work,
            env=self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as one:
            try:
                wait_until(lambda: self._is_ready() or one.poll() is not None, "a processor that is ready")
                self.run("extproc", "health", "--config", CONFIG)
            finally:
                one.terminate()
                if (code := one.wait(STOP_S_MAX)) != 0:
                    raise CommandFailed(f"extproc serve exits {code}")

    def _is_ready(self) -> bool:
        try:
            self.run("extproc", "health", "--config", CONFIG)
        except CommandFailed:
            return False
        return True


def is_compiled(wheel: Path) -> bool:
    """Whether a wheel is for one kind of machine: its name says so."""
    return not wheel.name.endswith("-none-any.whl")


def tried(installed: Installed, *, compiled: bool = False) -> Iterator[str]:
    """Each command that has worked. Args: compiled: that it runs as. Raises: CommandFailed."""
    place = installed.run("python", "-c", "import extproc; print(extproc.__file__)").strip()
    if not place.startswith(str(installed.environment)):
        raise CommandFailed(f"extproc is imported from {place}")
    version = installed.run("extproc", "--version").strip()
    if version.endswith("compiled") != compiled:
        kind = "compiled" if compiled else "not compiled"
        raise CommandFailed(f"extproc --version says {version}, of a wheel that is {kind}")
    yield f"extproc --version: {version}"
    for words in (("init", CONFIG), ("check", CONFIG)):
        installed.run("extproc", *words)
        yield f"extproc {' '.join(words)}"
    installed.serve()
    yield "extproc serve, extproc health"
    shown = json.loads(installed.run("extproc", "demo", "--no-rollouts", "--json"))
    yield f"extproc demo: {len(shown['stops'])} stops"


def main(arguments: Sequence[str] | None = None) -> int:
    """Install, try, and print what works. Returns: 1 if something does not."""
    parser = argparse.ArgumentParser(prog="make wheel-check", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="the interpreter to install for (3.11 or newer)")
    parser.add_argument("--wheel", type=Path, help="a wheel of llm-extproc, compiled or not (default: one built here)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="wheel-") as scratch:
        installed = Installed(Path(scratch), asked.python)
        installed.install(Path(scratch), asked.wheel)
        try:
            for works in tried(installed, compiled=asked.wheel is not None and is_compiled(asked.wheel)):
                print(f"works: {works}", flush=True)
        except CommandFailed as failed:
            print(f"wheel-check: {failed}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
