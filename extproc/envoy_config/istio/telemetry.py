"""A Telemetry object: spans of the proxies say which model and version was chosen.

There are no tags for Istio's metrics. Without an annotation on the proxies' pods, Istio would rename the mesh's own
metrics for a tag that it does not know, and ``llm_requests_total`` has model and version.

Source: Istio's API telemetry.istio.io/v1; https://github.com/istio/istio/issues/39772.
"""

from __future__ import annotations

from typing import Any

from extproc.domain.contract import MODEL_HEADER, VERSION_HEADER
from extproc.envoy_config.istio.mesh import Mesh
from extproc.envoy_config.istio.patches import target_refs


def telemetry_spec(mesh: Mesh) -> dict[str, Any]:
    """``spec`` of the Telemetry. Sampling, and where spans go, stay as the mesh has them."""
    tags = {"llm.model": MODEL_HEADER, "llm.version": VERSION_HEADER}
    tracing = {"customTags": {tag: {"header": {"name": header}} for tag, header in tags.items()}}
    proxies = target_refs(mesh) or {"selector": {"matchLabels": dict(mesh.labels)}}
    return {**proxies, "tracing": [tracing]}
