"""Which pod is behind an address, and how many GPUs it holds: from what the API server says of pods.

An address says less than it seems to. Pods that have ended keep theirs, and another pod may have it since. Pods in the
host's network share one. The pods of an engine that spans nodes have an address each, and one of them answers. Where
the answer is not certain there is none: GPUs that are taken to be a server's would be on somebody's bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

ApiObject = Mapping[str, Any]
"""A pod, or a part of one, as JSON has it."""
_ENDED: Final = ("Succeeded", "Failed")
_GROUP_SIZE: Final = "leaderworkerset.sigs.k8s.io/size"
_RAY_CLUSTER: Final = "ray.io/cluster"
_SHOWN_MAX: Final = 4
"""Names of pods in a sentence."""
_INSTEAD: Final = "write `gpus` and `kind` of the server"


class GpusNotSaid(Exception):
    """It is not certain which GPUs a server has. The message says why, and what to do."""


class LookUpFailed(Exception):
    """The API server does not say. The message says why, and what to do; it is alike for all servers."""


class SoughtPod(NamedTuple):
    """The pod of a server.

    Attributes:
        address: of the pod, without the port; empty: it is known by its name.
        name: of the pod, in role guard.
        port: of the server; 0: not known, as is the address.
    """

    address: str
    name: str
    port: int

    @property
    def selector(self) -> str:
        """For the API server. It compares addresses with the first one that a pod has."""
        return f"status.podIP={self.address}" if self.address else f"metadata.name={self.name}"

    def among(self, pods: Sequence[ApiObject], namespaces: Sequence[str]) -> ApiObject:
        """The only pod that it can be. Raises: GpusNotSaid."""
        running = [one for one in pods if _of(one, "status").get("phase") not in _ENDED]
        running = [one for one in running if not _of(one, "metadata").get("deletionTimestamp")] or running
        if not running:
            raise GpusNotSaid(self._nobody(namespaces))
        if not self.address or (len(running) == 1 and not _of(running[0], "spec").get("hostNetwork")):
            return self._only(running)
        return self._only([one for one in running if self.port in _ports(one)], running)

    def _only(self, pods: Sequence[ApiObject], all_pods: Sequence[ApiObject] = ()) -> ApiObject:
        if len(pods) == 1:
            return pods[0]
        if not self.address:
            raise GpusNotSaid(f"pods of several namespaces have the name {self.name} ({_names(pods)}); {_INSTEAD}")
        how_many = "none" if not pods else "more than one"
        raise GpusNotSaid(
            f"{self.address} is the address of {_names(all_pods)}, in the host's network, and {how_many} has the "
            f"`containerPort` {self.port}. Add that to the container of the server, or {_INSTEAD}"
        )

    def _nobody(self, namespaces: Sequence[str]) -> str:
        where = f"{'namespace' if len(namespaces) == 1 else 'namespaces'} {', '.join(namespaces)}"
        if not self.address:
            return (
                f"no pod of the {where} has the name {self.name}. Correct `gpus.server` or `gpus.kubernetes.namespaces`"
            )
        return (
            f"no pod of the {where} has the address {self.address}. Add the namespace of the server to "
            f"`gpus.kubernetes`; if it is the address of a Service, make that headless (`clusterIP: None`)"
        )


def gpus_requested(pod: ApiObject, resource: str) -> int:
    """How many a pod holds: what the scheduler reserves for it. Raises: GpusNotSaid: none, or not all of a server's.

    Source: kubernetes.io, "Effective Pod requests and limits".
    """
    name, metadata = pod_name(pod), _of(pod, "metadata")
    size = str(_of(metadata, "annotations").get(_GROUP_SIZE, "1"))
    if size != "1" or _RAY_CLUSTER in _of(metadata, "labels"):
        raise GpusNotSaid(f"{name} is one of several pods in which the server runs. Write `gpus` of the server")
    sidecars = starting = 0
    for one in _list(pod, "initContainers"):
        requested = _requested(one, resource, name)
        if one.get("restartPolicy") == "Always":
            sidecars += requested
            starting = max(starting, sidecars)
        else:
            starting = max(starting, sidecars + requested)
    running = sidecars + sum(_requested(one, resource, name) for one in _list(pod, "containers"))
    found = max(starting, running)
    if not found and _of(pod, "spec").get("resourceClaims"):
        raise GpusNotSaid(f"{name} has its devices by a ResourceClaim, which says no number of GPUs; {_INSTEAD}")
    if not found:
        raise GpusNotSaid(f"{name} requests no {resource}. Correct `gpus.kubernetes.resource`, or {_INSTEAD}")
    return found


def pod_name(pod: ApiObject) -> str:
    """NAMESPACE/NAME."""
    metadata = _of(pod, "metadata")
    return f"{metadata.get('namespace')}/{metadata.get('name')}"


def _requested(container: ApiObject, resource: str, pod: str) -> int:
    """Of a container. A device may stand in its limits alone: then it is requested too."""
    resources = _of(container, "resources")
    quantity = _of(resources, "requests").get(resource, _of(resources, "limits").get(resource, "0"))
    if not (str(quantity).isascii() and str(quantity).isdigit()):
        raise GpusNotSaid(f"{pod} requests {resource} in no whole number; {_INSTEAD}")
    return int(quantity)


def _ports(pod: ApiObject) -> Iterator[int]:
    for container in (*_list(pod, "containers"), *_list(pod, "initContainers")):
        for port in container.get("ports") or ():
            yield port.get("containerPort")


def _names(pods: Sequence[ApiObject]) -> str:
    names = sorted(map(pod_name, pods))
    more = f" and {len(names) - _SHOWN_MAX} more" if len(names) > _SHOWN_MAX else ""
    return f"{', '.join(names[:_SHOWN_MAX])}{more}"


def _of(tree: ApiObject, key: str) -> ApiObject:
    found: ApiObject = tree.get(key) or {}
    return found


def _list(pod: ApiObject, key: str) -> Sequence[ApiObject]:
    found: Sequence[ApiObject] = _of(pod, "spec").get(key) or ()
    return found
