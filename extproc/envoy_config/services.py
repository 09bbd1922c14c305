"""Endpoints of a configuration as Services of Kubernetes, which is how meshes and gateways know them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from extproc.config.document import Document
from extproc.config.endpoints import host_and_port, is_name
from extproc.config.fallback import VersionKey
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import versions_of

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_HOST: Final = re.compile(rf"(?P<name>{_LABEL})\.(?P<namespace>{_LABEL})\.svc(\.{_LABEL})+")


class KubernetesService(NamedTuple):
    """A port of a Service. ``host``: NAME.NAMESPACE.svc.DOMAIN."""

    host: str
    port: int
    name: str
    namespace: str

    @property
    def outbound_cluster(self) -> str:
        """Name of the cluster that Istio makes for it in gateways and for what leaves a pod."""
        return f"outbound|{self.port}||{self.host}"


def service_at(address: str, key: str) -> KubernetesService:
    """The Service at an address, HOST:PORT. Args: key: its configuration key, for the message.

    Raises: EnvoyConfigError for what is not the full name of a Service: Istio would take a shorter one for a name in
        the namespace of whatever object it stands in.
    """
    host, port = host_and_port(address)
    found = _HOST.fullmatch(host)
    if found is None:
        raise EnvoyConfigError(
            f"{key}: {host!r} is {'not the full name of a Service' if is_name(address) else 'an IP address'}, and"
            f" manifests route to Services. Write NAME.NAMESPACE.svc.cluster.local:{port}; a server outside the cluster"
            " needs a provider, or a Service with an EndpointSlice"
        )
    return KubernetesService(host, port, found["name"], found["namespace"])


def version_services(document: Document) -> dict[VersionKey, tuple[KubernetesService, ...]]:
    """The Services of each version that is routed, by (model, version). Raises: EnvoyConfigError."""
    return {
        (model, name): tuple(
            service_at(endpoint, f"models.{model}.versions.{name}.endpoints") for endpoint in version.endpoints
        )
        for (model, name), version in versions_of(document).items()
    }


def processor_service(document: Document) -> KubernetesService | None:
    """The Service of a shared processor; None: it runs in the pod of the proxy. Raises: EnvoyConfigError."""
    address = document.envoy.processor.address
    return None if address is None else service_at(address, "envoy.processor.address")
