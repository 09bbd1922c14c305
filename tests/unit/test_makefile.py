"""The first minutes: what ``make`` installs with, and what it says where that cannot work. Without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hangs import HANG_S

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements/demo.txt", "requirements/dev.txt")
COPIED = ("Makefile", "pyproject.toml", "packages/models/pyproject.toml", *LOCKS)
LISTED = ("extproc", "tests/tools/models_wheel")
"""Folders that the Makefile looks into."""
PYTHON = """\
#!/bin/sh
# A stand-in for Python {version}: {lacks} is what it cannot import.
case "$*" in
  "-m venv --clear "*)
    for folder; do :; done
    rm -rf "$folder"; mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python"; cp {pip} "$folder/bin/pip"
    printf '#!/bin/sh\\necho "the demo runs: $*"\\n' > "$folder/bin/extproc"; chmod +x "$folder/bin/extproc" ;;
  *"print("*) echo {version} ;;
  *"{lacks}"*) exit 1 ;;
  *"sys.version_info < (3, 11)"*) exit {is_old} ;;
esac
"""
PIP = """\
#!/bin/sh
echo "pip $*" >> {log}
exit {code}
"""


class Checkout:
    """A fresh clone, in which pip is a stand-in."""

    def __init__(self, folder: Path, pip_code: int = 0) -> None:
        self.folder = folder
        self._log = folder / "pip.log"
        for name in COPIED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        for name in LISTED:
            (folder / name).mkdir(parents=True)
        self._pip = self._program("fake-pip", PIP.format(log=self._log, code=pip_code))

    def python(self, version: str, lacks: str = "nothing of it") -> Path:
        """A stand-in for an interpreter."""
        is_old = int(int(version.partition(".")[2]) < 11)
        text = PYTHON.format(version=version, lacks=lacks, is_old=is_old, pip=self._pip)
        return self._program(f"python{version}", text)

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run make here, as from a shell."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return subprocess.run(
            ["make", *arguments], cwd=self.folder, env=environ, capture_output=True, text=True, timeout=HANG_S
        )

    @property
    def installed(self) -> list[str]:
        """What pip was asked for."""
        return self._log.read_text().splitlines() if self._log.exists() else []

    def _program(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.write_text(text)
        file.chmod(0o755)
        return file


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """One whose pip succeeds."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    return Checkout(tmp_path)


def test_the_first_run_says_what_it_does(checkout: Checkout) -> None:
    """And how long it takes; the second installs nothing and says nothing."""
    good = checkout.python("3.12")
    first = checkout.make("demo", f"PYTHON={good}", "ARGS=--serve")
    assert first.returncode == 0, first.stderr
    making, installing, ours, ran = first.stdout.splitlines()
    assert making == "Making a virtual environment in .venv with Python 3.12"
    packages = re.findall(r"^[\w-]+(?:\[.*\])?==", (ROOT / "requirements" / "demo.txt").read_text(), re.MULTILINE)
    count = f"Installing {len(packages)} packages of requirements/demo.txt into .venv"
    assert installing == f"{count}, which takes about a minute"
    assert (ours, ran) == ("Installing llm-extproc itself", "the demo runs: demo --serve")
    assert len(checkout.installed) == 2
    assert checkout.make("demo").stdout == "the demo runs: demo\n"
    assert len(checkout.installed) == 2


@pytest.mark.parametrize(
    ("version", "lacks", "sentence"),
    [
        ("3.10", "nothing of it", "is Python 3.10; 3.11 or newer is needed. Name another: make PYTHON=/path/to/python"),
        ("3.13", "ensurepip", "cannot make a virtual environment. Install its venv (on Debian: python3-venv)."),
    ],
)
def test_a_python_that_will_not_do_is_refused(checkout: Checkout, version: str, lacks: str, sentence: str) -> None:
    """Before anything is made, so that a later run with another one works."""
    bad = checkout.python(version, lacks)
    ran = checkout.make("demo", f"PYTHON={bad}")
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"PYTHON={bad} {sentence}")
    assert not (checkout.folder / ".venv").exists()
    assert checkout.make("demo", f"PYTHON={checkout.python('3.11')}").returncode == 0


@pytest.mark.parametrize("program", ["/bin/false", "/bin/true", "no-such-python"])
def test_what_is_no_python_is_refused(checkout: Checkout, program: str) -> None:
    """With its name."""
    ran = checkout.make("demo", f"PYTHON={program}")
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"PYTHON={program} does not run as Python. Name another:")


def test_without_any_python_it_says_what_to_install(checkout: Checkout) -> None:
    """As none of the names runs."""
    ran = checkout.make("demo", "CANDIDATES=no-such-python other")
    assert ran.returncode == 2
    assert ran.stderr.startswith("No Python >= 3.11 with venv found among: no-such-python other. Install one")


@pytest.mark.parametrize("version", ["3.10", None])
def test_an_environment_that_is_too_old_or_broken_is_made_anew(checkout: Checkout, version: str | None) -> None:
    """Even if everything was installed into it: its Python has gone with an update of the system."""
    good = checkout.python("3.13")
    assert checkout.make("demo", f"PYTHON={good}").returncode == 0
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    if version is not None:
        shutil.copy(checkout.python(version), python)
    again = checkout.make("demo", f"PYTHON={good}")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("Making a virtual environment in .venv with Python 3.13\nInstalling ")
    assert len(checkout.installed) == 4


def test_where_nothing_can_be_fetched_it_asks_for_the_network(tmp_path: Path) -> None:
    """Pip's own words do not name it."""
    checkout = Checkout(tmp_path, pip_code=1)
    ran = checkout.make("demo", f"PYTHON={checkout.python('3.12')}")
    assert ran.returncode == 2
    assert ran.stderr.startswith("pip could not install requirements/demo.txt. Is a network there,")
    assert "the demo runs" not in ran.stdout
