"""What the image leaves out is there to be left out, and nothing of ours misses it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.image.cuts import (
    CUTS,
    DISTRIBUTIONS,
    Cut,
    CutFoundNothing,
    cut,
    files_of,
    found_by,
    packages_of,
    with_debug_sections,
)
from extproc.ledger.rollouts.kubernetes.objects import KINDS
from tests.deploy.image.lock import carried
from tests.deploy.manifests import ROOT
from tests.unit.ledger.allocation.pods.samples import ADDRESS, pod
from tests.unit.ledger.rollouts.kubernetes.api_server import ApiServer, kubeconfig, serving
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES

PACKAGES = packages_of(Path(sys.prefix))
PYTHON = [sys.executable, "-c"]
ASKS = f"""
import tests.deploy.image.without_cuts
from extproc.ledger.allocation.pods.api import PodsApi
from extproc.ledger.rollouts.kubernetes.api import KubernetesApi
from extproc.ledger.rollouts.kubernetes.objects import TrafficFailed, applied, places_of, share_in
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
traffic = EXAMPLES["HTTPRoute"].traffic
objects = KubernetesApi()
after = objects.apply(applied(traffic, objects.read(places_of(traffic)), 0.25))
(found,) = PodsApi().pods("models", "status.podIP={ADDRESS}")
try:
    objects.read(places_of(EXAMPLES["VirtualService"].traffic))
except TrafficFailed as refused:
    assert "There is no VirtualService" in str(refused), refused
    print(round(share_in(traffic, after), 6), found["metadata"]["name"], "NotFound")
"""
"""Imports nothing of the client before what is cut is refused."""


@pytest.mark.parametrize("one", CUTS, ids=lambda one: one.pattern)
def test_each_cut_finds_something_in_the_locked_packages(one: Cut) -> None:
    """And what a cut keeps is there to be kept."""
    assert found_by(one, PACKAGES)
    folder = PACKAGES / Path(one.pattern).parent
    assert [name for name in one.keep if not (folder / name).exists()] == []


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_each_package_that_is_cut_is_locked(name: str) -> None:
    """A package that left the lock leaves the table too."""
    assert all(path.exists() for path in files_of(name, PACKAGES))
    assert re.search(rf"^{name}==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)


def test_only_kubernetes_names_a_package_that_is_cut() -> None:
    """It names aiohttp for its client of asyncio, which goes with it."""
    named = {
        (package, requirement.name)
        for package in carried()
        for text in requires(package) or ()
        if (requirement := Requirement(text)).name.lower() in DISTRIBUTIONS
        and (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
    }
    assert named == {("kubernetes", "aiohttp"), ("kubernetes", "aiohttp-retry")}


def test_nothing_that_is_imported_is_cut() -> None:
    """The probe of the image's build, without what is cut. It fails where one more module is cut."""
    program = "import tests.deploy.image.without_cuts, deploy.image.probe as probe; raise SystemExit(probe.main())"
    result = subprocess.run([*PYTHON, program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_probe_says_what_is_missing() -> None:
    """With the module that needs it."""
    program = (
        "import sys; sys.modules['redis'] = None\nimport deploy.image.probe as probe; raise SystemExit(probe.main())"
    )
    result = subprocess.run([*PYTHON, program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "The image lacks something: redis.asyncio" in result.stderr


def test_an_api_server_is_asked_without_what_is_cut(tmp_path: Path) -> None:
    """The one package that is cut inside: what is read, applied and refused."""
    example = EXAMPLES["HTTPRoute"]
    with serving(ApiServer()) as server:
        for tree in example.trees:
            server.create(KINDS["HTTPRoute"].plural, tree, "people", KINDS["HTTPRoute"].owns)
        server.put(pod())
        environment = os.environ | {"KUBECONFIG": str(kubeconfig(tmp_path, server.url))}
        result = subprocess.run([*PYTHON, ASKS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("0.25 vllm-0 NotFound\n", "")


def _environment(tmp_path: Path) -> Path:
    """A virtual environment that has all that is cut, as empty files."""
    packages = tmp_path / "lib" / "python3.13" / "site-packages"
    for name in DISTRIBUTIONS:
        for path in files_of(name, PACKAGES):
            (packages / path.name).mkdir(parents=True)
    for one in CUTS:
        target = packages / one.pattern.replace("**/", "some/").replace("*", "x")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    (packages / "left.py").touch()
    (tmp_path / "bin").mkdir()
    for name in ("extproc", "python", "python3.13", "activate", "f2py"):
        (tmp_path / "bin" / name).touch()
    return tmp_path


def test_what_is_cut_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    """Programs of packages too; the interpreter and ours stay."""
    environment = _environment(tmp_path)
    cut(environment)
    packages = packages_of(environment)
    assert [file.name for file in packages.rglob("*") if file.is_file()] == ["left.py"]
    assert sorted(file.name for file in (environment / "bin").iterdir()) == ["extproc", "python", "python3.13"]


def test_a_cut_that_finds_nothing_is_named(tmp_path: Path) -> None:
    """A package that was renamed, a part that its next release does not have, a folder that is no environment."""
    with pytest.raises(CutFoundNothing, match=r"Nothing is named gone/\*\.py \(why\)\. Take it out of CUTS"):
        found_by(Cut("gone/*.py", "why"), tmp_path)
    with pytest.raises(CutFoundNothing, match=r"aiohttp is to be cut, but aiohttp, aiohttp-\*\.dist-info is not"):
        files_of("aiohttp", tmp_path)
    with pytest.raises(CutFoundNothing, match="is no virtual environment: it has 0 folders site-packages"):
        cut(tmp_path)


def test_only_libraries_with_debug_sections_are_stripped(tmp_path: Path) -> None:
    """One that was patched after linking can break."""
    (tmp_path / "with.so").write_bytes(b"\x7fELF..\0.debug_info\0..")
    (tmp_path / "without.so").write_bytes(b"\x7fELF..\0.symtab\0..")
    assert [file.name for file in with_debug_sections(tmp_path)] == ["with.so"]
