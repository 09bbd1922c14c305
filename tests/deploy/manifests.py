"""The manifests under deploy/, read as they are and as kustomize builds them."""

from __future__ import annotations

import functools
import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any, Never

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BASE = ROOT / "deploy" / "kustomize" / "base"
PROCESSOR = ROOT / "deploy" / "kustomize" / "processor"
OVERLAYS = ROOT / "deploy" / "kustomize" / "overlays"
ISTIO_SIDECAR = OVERLAYS / "istio-sidecar"

Manifest = dict[str, Any]


def written(folder: Path) -> list[Manifest]:
    """The objects in the files that a folder's kustomization and its components list, before kustomize changes them."""
    kustomization = kustomization_of(folder)
    names = [name for name in kustomization.get("resources", ()) if name.endswith(".yaml")]
    own = [each for name in names for each in yaml.safe_load_all((folder / name).read_text())]
    return own + [each for name in kustomization.get("components", ()) for each in written(folder / name)]


@functools.cache
def _build(folder: Path) -> str:
    commands = [each for each in (("kustomize", "build"), ("kubectl", "kustomize")) if shutil.which(each[0])]
    if not commands:
        _missing("neither kustomize nor kubectl is installed (on Debian: apt-get install kustomize)")
    return subprocess.run([*commands[0], str(folder)], check=True, capture_output=True, text=True).stdout


def built(folder: Path) -> list[Manifest]:
    """The objects that ``kubectl apply -k`` would send; skips where there is no kustomize, which CI has."""
    return [each for each in yaml.safe_load_all(_build(folder)) if each]


def one(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """The only object of a kind, or of a kind and name."""
    (found,) = [each for each in manifests if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def pod(manifests: list[Manifest]) -> Manifest:
    """The pod template of the only Deployment: metadata and spec."""
    template: Manifest = one(manifests, "Deployment")["spec"]["template"]
    return template


def container(template: Manifest, name: str) -> Manifest:
    """A container or init container of a pod template."""
    spec = template["spec"]
    found: Manifest
    (found,) = [each for each in [*spec.get("initContainers", ()), *spec["containers"]] if each["name"] == name]
    return found


def kustomization_of(folder: Path) -> Manifest:
    """The file ``kustomization.yaml`` of a folder."""
    document: Manifest = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return document


def require_module(name: str, package: str) -> ModuleType:
    """A module that only these tests need; skips where its package is not installed, which CI has."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        _missing(f"the Python package {package} is not installed (pip install 'llm-extproc[dev]')")


def _missing(reason: str) -> Never:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
