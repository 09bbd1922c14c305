"""Pods and nodes, as the models of the official client send them."""

from __future__ import annotations

from typing import Any

from kubernetes.client import (
    ApiClient,
    V1Container,
    V1ContainerPort,
    V1Node,
    V1ObjectMeta,
    V1Pod,
    V1PodSpec,
    V1PodStatus,
    V1ResourceRequirements,
)

GPU = "nvidia.com/gpu"
LABEL = "nvidia.com/gpu.product"
H100 = "NVIDIA-H100-80GB-HBM3"
ADDRESS = "10.0.0.7"
SERVER = f"{ADDRESS}:8000"


def container(
    gpus: int | None = None, port: int | None = 8000, limit: int | None = None, restarts: str | None = None
) -> V1Container:
    """Args: gpus: that it requests. limit: in its limits. restarts: `Always` makes an init container a sidecar."""
    return V1Container(
        name="vllm",
        restart_policy=restarts,
        ports=None if port is None else [V1ContainerPort(container_port=port)],
        resources=V1ResourceRequirements(
            requests={"cpu": "4"} if gpus is None else {"cpu": "4", GPU: str(gpus)},
            limits=None if limit is None else {GPU: str(limit)},
        ),
    )


def pod(
    *containers: V1Container,
    name: str = "vllm-0",
    address: str = ADDRESS,
    phase: str = "Running",
    starting: tuple[V1Container, ...] = (),
    **changed: Any,
) -> dict[str, Any]:
    """Args: starting: its init containers. changed: of metadata or spec."""
    metadata = {key: changed.pop(key) for key in ("labels", "annotations", "deletion_timestamp") if key in changed}
    namespace = changed.pop("namespace", "models")
    made = V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=V1ObjectMeta(name=name, namespace=namespace, uid=f"uid-{namespace}-{name}", **metadata),
        spec=V1PodSpec(
            containers=list(containers) or [container(2)],
            init_containers=list(starting) or None,
            node_name="node-1",
            **changed,
        ),
        status=V1PodStatus(phase=phase, pod_ip=address, host_ip="192.0.2.1"),
    )
    tree: dict[str, Any] = ApiClient().sanitize_for_serialization(made)
    return tree


def node(kind: str | None = H100, name: str = "node-1") -> dict[str, Any]:
    """Args: kind: of its label."""
    labels = {"kubernetes.io/arch": "amd64"} | ({} if kind is None else {LABEL: kind})
    made = V1Node(api_version="v1", kind="Node", metadata=V1ObjectMeta(name=name, labels=labels))
    tree: dict[str, Any] = ApiClient().sanitize_for_serialization(made)
    return tree
