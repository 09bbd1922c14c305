"""ResourceQuotas, as `kubectl get resourcequota -A -o json` prints them."""

from __future__ import annotations

import json
from typing import Any

GPU = "requests.nvidia.com/gpu"


def resource_quota(namespace: str, gpus: object = "4", *, name: str = "gpus", key: str = GPU, **spec: Any) -> Any:
    """One, with what Kubernetes adds."""
    hard = {"pods": "100", "requests.memory": "512Gi", "requests.cpu": "1500m", key: gpus}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": namespace, "uid": "0b1c", "resourceVersion": "1"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": {key: "0"}},
    }


def printed(*items: Any, kind: str = "List") -> bytes:
    """What `kubectl` prints."""
    whole = {"apiVersion": "v1", "items": items, "kind": kind, "metadata": {"resourceVersion": ""}}
    return json.dumps(whole, indent=4).encode()
