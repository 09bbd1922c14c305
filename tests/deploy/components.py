"""Components of kustomize, and what their roles allow."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from tests.deploy.manifests import BASE, Manifest, built

COMPONENTS = BASE.parent / "components"
TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where the client looks."""


def built_with(folder: Path, *components: Path) -> list[Manifest]:
    """The base with components."""
    tree = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "llm",
        "resources": [os.path.relpath(BASE, folder)],
        "components": [os.path.relpath(each, folder) for each in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(tree))
    return built(folder)


def allowed_by(*roles: Manifest) -> set[tuple[str, str, str, str]]:
    """Verb, group, resource and name of what roles allow; without a name: of each object."""
    return {
        (verb, group, resource, name)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }
