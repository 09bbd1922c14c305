"""Objects of Kubernetes with the reason for each, and as text for ``kubectl apply``, whatever applies them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from extproc.envoy_config.generate import dumped

_LABELS: Final = {"app.kubernetes.io/name": "llm-extproc", "app.kubernetes.io/part-of": "llm"}


class KubernetesObject(NamedTuple):
    """An object of Kubernetes, and why it is there."""

    manifest: dict[str, Any]
    why: str


def manifest_of(
    api: str, kind: str, name: str, namespace: str, spec: dict[str, Any], labels: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The object. Args: namespace: empty for that of the ``kubectl apply``. labels: besides the usual ones."""
    where = {"namespace": namespace} if namespace else {}
    metadata = {"name": name, **where, "labels": {**_LABELS, **(labels or {})}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def to_documents(objects: list[KubernetesObject], heading: str) -> str:
    """YAML for ``kubectl apply``, with the reason above each object."""
    return heading + "".join(f"---\n# {one.why}\n{dumped(one.manifest)}" for one in objects)


def to_list(objects: list[KubernetesObject]) -> dict[str, Any]:
    """The same as one object, for JSON."""
    return {"apiVersion": "v1", "kind": "List", "items": [one.manifest for one in objects]}
