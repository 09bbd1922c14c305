"""The restricted Pod Security Standard, as far as pods on Linux go, and two rules of our own.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUME_KINDS = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def violations(spec: dict[str, Any]) -> list[str]:
    """What the namespace's admission would refuse in a pod's spec, as ``PATH: what``."""
    return [*_of_pod(spec), *(found for each in _containers(spec) for found in _of_container(spec, each))]


def _containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", ()), *spec["containers"]]


def _of_pod(spec: dict[str, Any]) -> Iterator[str]:
    for key in _HOST:
        if spec.get(key):
            yield f"{key}: shares what is the node's"
    for volume in spec.get("volumes", ()):
        if not set(volume) - {"name"} <= VOLUME_KINDS:
            yield f"volumes.{volume['name']}: a kind of volume that is not allowed"
    if spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken: nothing here asks the API server, so no token"
    if spec.get("securityContext", {}).get("sysctls"):
        yield "securityContext.sysctls: changes the kernel's settings"


def _of_container(spec: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    context = {**spec.get("securityContext", {}), **own}  # a container's word counts more than the pod's
    name = container["name"]
    if context.get("runAsNonRoot") is not True:
        yield f"{name}.runAsNonRoot: must be true"
    if context.get("runAsUser", 1) == 0:
        yield f"{name}.runAsUser: is root"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{name}.seccompProfile: must be RuntimeDefault or Localhost"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}.allowPrivilegeEscalation: must be false"
    if own.get("privileged"):
        yield f"{name}.privileged: must not be true"
    if own.get("procMount", "Default") != "Default":
        yield f"{name}.procMount: must be Default"
    if "ALL" not in own.get("capabilities", {}).get("drop", ()):
        yield f"{name}.capabilities.drop: must hold ALL"
    if set(own.get("capabilities", {}).get("add", ())) - {"NET_BIND_SERVICE"}:
        yield f"{name}.capabilities.add: only NET_BIND_SERVICE may be added"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{name}.readOnlyRootFilesystem: must be true"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield f"{name}.hostPort: must not be set"
    yield from _hosts_of_handlers(container)


def _hosts_of_handlers(container: dict[str, Any]) -> Iterator[str]:
    handlers = {key: container.get(key, {}) for key in _PROBES} | container.get("lifecycle", {})
    for key, handler in handlers.items():
        if any(handler.get(action, {}).get("host") for action in ("httpGet", "tcpSocket")):
            yield f"{container['name']}.{key}: asks another host"
