"""The Dockerfile, as far as it can be tested without building it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import BASE, ROOT, built, container, pod

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
    """Every installation is of hashed wheels, or of nothing but the project itself: no package runs its setup."""
    steps = [step for each in _instructions("RUN") for step in each.split("&&")]
    installs = [each for each in steps if "install -" in each or "pip wheel" in each]
    installs = [each for each in installs if "apt-get" not in each]
    assert len(installs) == 5
    built = ("--no-deps --no-build-isolation", "--no-deps --no-index --find-links /dist llm-extproc")
    locked = "--only-binary :all: --require-hashes"
    assert all(locked in each or any(words in each for words in built) for each in installs)


def test_a_machine_without_wheels_is_told_so() -> None:
    """Not by the errors of a compiler that has no sources. Here pip fails, whatever it is asked."""
    (step,) = [each for each in _instructions("RUN") if "--only-binary" in each]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    result = subprocess.run(
        ["sh", "-c", step.replace("/opt/compile/bin/pip", "false")],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Wheels are there for Linux with glibc on x86_64 and aarch64" in result.stderr
    assert f"This is {platform.machine()} with Python 3." in result.stderr


def test_the_base_is_one_argument() -> None:
    """A release names it by digest; the last stage has no base."""
    (argument,) = _instructions("ARG")
    name, _, base = argument.partition("=")
    assert re.fullmatch(r"python:3\.13-slim-[a-z]+", base)
    assert _instructions("FROM") == [f"${{{name}}} AS build", "scratch"]


def test_what_compiles_does_not_come_along() -> None:
    """The last stage has one folder of the first."""
    last = DOCKERFILE.read_text().split("\nFROM ")[-1]
    assert [line for line in last.splitlines() if line.startswith(("COPY", "RUN"))] == ["COPY --from=build /image/ /"]


def test_what_is_gathered_is_tried_before_it_is_an_image() -> None:
    """The probe runs last, in the files that are copied, as the image's user."""
    (step,) = [each for each in _instructions("RUN") if "root_files.py" in each]
    (user,) = _instructions("USER")
    assert step.endswith(f"chroot --userspec={user} /image /opt/llm-extproc/bin/python - <image/probe.py")


def test_the_image_is_not_root_and_knows_its_command() -> None:
    """The user is numeric, and the pod's; the image's own arguments are those that the pod gives."""
    template = pod(built(BASE))
    security = template["spec"]["securityContext"]
    (command,) = _instructions("CMD")
    assert _instructions("USER") == [f"{security['runAsUser']}:{security['runAsGroup']}"]
    assert yaml.safe_load(command) == container(template, "llm-extproc")["args"]
