"""Which Gateway calls the processor, and what cannot be done there.

Source: Envoy Gateway 1.9, api/v1alpha1 and internal/gatewayapi.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from extproc.config.document import Document, Role
from extproc.config.fallback import chains_of
from extproc.config.identity import CertificateSection, JwtSection
from extproc.envoy_config.client_identity import trusted_listeners
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.services import KubernetesService, processor_service, version_services

_GATEWAY: Final = re.compile("[^/]+/[^/]+")
_SOCKET: Final = "unix:"


class GatewayOptions(NamedTuple):
    """What a configuration does not know of its gateway; empty: the default.

    Attributes:
        namespace: of the routes and their policies.
        gateway: NAMESPACE/NAME of the Gateway.
        hosts: for which requests are routed to the models; none: all of the Gateway.
    """

    namespace: str = ""
    gateway: str = ""
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayPlace:
    """One Gateway with all that its manifests need.

    Attributes:
        namespace: of the routes and their policies.
        gateway_namespace: of the Gateway.
        gateway_name: its name.
        hosts: as in ``GatewayOptions``.
        servers: the Services of all versions.
        processor: the Service of a shared processor; None: it is in Envoy's pod.
        sockets: paths of the processor's Unix sockets there, one for each worker; none with a Service.
    """

    namespace: str
    gateway_namespace: str
    gateway_name: str
    hosts: tuple[str, ...]
    servers: tuple[KubernetesService, ...]
    processor: KubernetesService | None
    sockets: tuple[str, ...]


def gateway_place(document: Document, options: GatewayOptions) -> GatewayPlace:
    """The place for a configuration. Raises: EnvoyConfigError for what contradicts, or cannot be done there."""
    for problem in (*_wrong_options(options), *_impossible(document)):
        raise EnvoyConfigError(problem)
    processor = processor_service(document)
    servers = tuple(dict.fromkeys(one for some in version_services(document).values() for one in some))
    gateway_namespace, _, gateway_name = options.gateway.partition("/")
    return GatewayPlace(
        namespace=options.namespace or _only_namespace(servers),
        gateway_namespace=gateway_namespace,
        gateway_name=gateway_name,
        hosts=options.hosts,
        servers=servers,
        processor=processor,
        sockets=() if processor is not None else _sockets(document),
    )


def _wrong_options(options: GatewayOptions) -> Iterator[str]:
    if not _GATEWAY.fullmatch(options.gateway):
        given = f", not {options.gateway!r}" if options.gateway else ""
        yield (
            f"--gateway: expected NAMESPACE/NAME of your Gateway{given}, for example `--gateway"
            " envoy-gateway-system/public`. `kubectl get gateways.gateway.networking.k8s.io -A` lists them"
        )


def _impossible(document: Document) -> Iterator[str]:
    if document.role is not Role.ROUTE:
        yield (
            "role: `--for envoy-gateway` is for `route`: it chooses the version of each request. Set `role: route`, or"
            " guard the pod of one version, with `--for istio-inbound`"
        )
    if document.server.tls is not None:
        yield (
            "server.tls: Envoy Gateway would need a BackendTLSPolicy and a certificate of its own for it. Remove the"
            " section, and run the processor in Envoy's pod, with `listen: unix:/PATH`, or keep others from its Service"
            " by a NetworkPolicy"
        )
    for source in document.identity.sources:
        if isinstance(source, (JwtSection, CertificateSection)):
            yield (
                f"identity.sources: `{source.source}` is verified by an Envoy that `extproc envoy-config` configures,"
                " and here Envoy Gateway does. Use API keys, or a trusted hop with a signature"
            )
    if trusted_listeners(document):
        yield "identity.trusted_hops: a Gateway has no listener for one hop. Use `hop: signed`"
    for model, entry in document.models.items():
        for name, version in entry.versions.items():
            if version.provider is not None:
                yield (
                    f"models.{model}.versions.{name}.provider: a client's headers must not leave, and no route of Envoy"
                    " Gateway keeps all of them back. Run an Envoy that `extproc envoy-config` configures without"
                    " `--for` as a Service"
                )
    if chains_of(document):
        yield (
            "fallback: the next version needs its own prompt, from a second call of the processor, and Envoy Gateway"
            " has no place for that. Remove `fallback`, or use an Envoy that `extproc envoy-config` configures"
        )


def _only_namespace(servers: tuple[KubernetesService, ...]) -> str:
    namespaces = {one.namespace for one in servers}
    if len(namespaces) != 1:
        listed = ", ".join(sorted(namespaces))
        raise EnvoyConfigError(f"models: the endpoints are in several namespaces ({listed}). Choose by `--namespace`")
    return namespaces.pop()


def _sockets(document: Document) -> tuple[str, ...]:
    """Of a processor in Envoy's pod, which no Service leads to."""
    if not document.server.listen.startswith(_SOCKET):
        raise EnvoyConfigError(
            "server.listen: Envoy Gateway lets nothing lead to the loopback of Envoy's pod. Use a Unix socket, `listen:"
            " unix:/var/run/llm-extproc/extproc.sock`, or name the Service of a shared processor by"
            " `envoy.processor.address`"
        )
    return tuple(address.removeprefix(_SOCKET) for address in document.server.addresses)
