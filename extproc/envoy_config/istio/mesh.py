"""Where in a mesh the processor is called, and what cannot be done there.

Source: Istio 1.28 to 1.31, pilot/pkg/networking/core.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from extproc.config.document import Document, Role
from extproc.config.endpoints import host_and_port
from extproc.config.fallback import chains_of
from extproc.config.identity import CertificateSection, JwtSection
from extproc.envoy_config.client_identity import trusted_listeners
from extproc.envoy_config.errors import EnvoyConfigError
from extproc.envoy_config.generate import versions_of
from extproc.envoy_config.services import KubernetesService, processor_service, version_services


class MeshPlace(StrEnum):
    """A proxy of the mesh: the argument of ``envoy-config --for``."""

    GATEWAY = "istio-gateway"
    SIDECAR = "istio-sidecar"
    INBOUND = "istio-inbound"
    WAYPOINT = "waypoint"


_LABELS: Final = {
    MeshPlace.GATEWAY: {"istio": "ingressgateway"},
    MeshPlace.SIDECAR: {"llm-extproc.dev/client": "true"},
    MeshPlace.INBOUND: {"llm-extproc.dev/sidecar": "true"},
}


_NO_PROVIDER: Final = {
    MeshPlace.SIDECAR: "its key would lie in the pod of every client",
    MeshPlace.WAYPOINT: "no patch reaches the routes of a waypoint, and nothing there adds an API key",
}
_GATEWAY: Final = re.compile("[^/]+/[^/]+")


class MeshOptions(NamedTuple):
    """What a configuration does not know of its mesh; empty: the default.

    Attributes:
        namespace: of the proxies.
        labels: of their pods.
        gateway: NAMESPACE/NAME of the Gateway; of a waypoint, its name.
        hosts: for which the gateway routes to the models.
        model_port: of the model servers in their pods.
        without_filter: somebody else has the EnvoyFilter of the gateway, such as the Helm chart.
        telemetry: with a Telemetry object.
    """

    namespace: str = ""
    labels: Mapping[str, str] = MappingProxyType({})
    gateway: str = ""
    hosts: tuple[str, ...] = ()
    model_port: int | None = None
    without_filter: bool = False
    telemetry: bool = False


@dataclass(frozen=True, slots=True)
class Mesh:
    """One place with all that its manifests need.

    Attributes:
        namespace: of the proxies and of most objects; empty: that of the ``kubectl apply``.
        labels: of the proxies' pods; none of a waypoint.
        gateway: the Gateway in a VirtualService (istio-gateway), or the name of a waypoint.
        hosts: for which requests are routed to the models; none in an inbound proxy.
        servers: the Services of all versions; none in an inbound proxy.
        processor: the Service of a shared processor.
        model_port: of the model servers in their pods; 0: there are none.
    """

    place: MeshPlace
    namespace: str
    labels: Mapping[str, str]
    gateway: str
    hosts: tuple[str, ...]
    servers: tuple[KubernetesService, ...]
    processor: KubernetesService | None
    model_port: int


def mesh_of(document: Document, place: MeshPlace, options: MeshOptions) -> Mesh:
    """The place for a configuration. Raises: EnvoyConfigError for what contradicts, or cannot be done there."""
    for problem in (
        *_wrong_role(document, place),
        *_wrong_options(place, options),
        *_impossible(document, place, options),
    ):
        raise EnvoyConfigError(problem)
    labels = options.labels or _LABELS.get(place, {})
    processor = processor_service(document)
    if place is MeshPlace.INBOUND:
        ((name, version),) = versions_of(document).items()
        port = options.model_port or _only_port(
            {host_and_port(endpoint)[1] for endpoint in version.endpoints}, f"models.{name[0]}.versions.{name[1]}"
        )
        return Mesh(place, options.namespace, labels, "", (), (), processor, port)
    services = version_services(document)
    servers = tuple(dict.fromkeys(one for some in services.values() for one in some))
    namespace = options.namespace or _namespace(place, options, servers)
    return Mesh(
        place=place,
        namespace=namespace,
        labels=labels,
        gateway=options.gateway or "waypoint",
        hosts=options.hosts or _hosts(place, servers),
        servers=servers,
        processor=processor,
        model_port=options.model_port or _model_port(servers),
    )


def _wrong_role(document: Document, place: MeshPlace) -> Iterator[str]:
    wanted = Role.GUARD if place is MeshPlace.INBOUND else Role.ROUTE
    if document.role is wanted:
        return
    if wanted is Role.GUARD:
        yield (
            "role: `--for istio-inbound` is for `guard`: a request has reached its pod there, and no version can be"
            " chosen any more. Set `role: guard` with `guard_version`, or choose versions in a gateway, with"
            " `--for istio-gateway`"
        )
    else:
        yield (
            f"role: `--for {place}` is for `route`: it chooses the version of each request. Set `role: route`, or guard"
            " the pod of one version, with `--for istio-inbound`"
        )


def _wrong_options(place: MeshPlace, options: MeshOptions) -> Iterator[str]:
    is_gateway = place is MeshPlace.GATEWAY
    if is_gateway and not _GATEWAY.fullmatch(options.gateway):
        given = f", not {options.gateway!r}" if options.gateway else ""
        yield (
            f"--gateway: expected NAMESPACE/NAME of your Gateway{given}, for example `--gateway istio-ingress/public`."
            " `kubectl get gateways.networking.istio.io -A` lists them"
        )
    if options.gateway and place in (MeshPlace.SIDECAR, MeshPlace.INBOUND):
        yield f"--gateway: `--for {place}` has none. Name the pods by `--selector`"
    if place is MeshPlace.WAYPOINT and "/" in options.gateway:
        yield f"--gateway: expected the name of a waypoint, not {options.gateway!r}; its namespace is for `--namespace`"
    if place is MeshPlace.WAYPOINT and options.labels:
        yield "--selector: a waypoint is found by its name. Use `--gateway NAME`; default: waypoint"
    if options.hosts and not is_gateway:
        yield f"--host: `--for {place}` takes the Services of the configuration's endpoints. Leave it out"
    if options.telemetry and place is MeshPlace.INBOUND:
        yield (
            "--telemetry: spans of a model server's pod name the pod, which has one version. Leave it out, or use it"
            " where versions are chosen"
        )
    if options.without_filter and not is_gateway:
        yield f"--without-filter: only the filter of a gateway can come from the Helm chart. Leave it out for {place}"


def _impossible(document: Document, place: MeshPlace, options: MeshOptions) -> Iterator[str]:
    server, identity = document.server, document.identity
    if server.tls is not None:
        yield "server.tls: in a mesh, its own mTLS protects the processor. Remove the section for this place"
    if place is MeshPlace.WAYPOINT and document.envoy.processor.address is None:
        yield (
            "envoy.processor.address: a waypoint's pod has no room for the processor. Run it as a Deployment, and name"
            " its Service, for example `address: llm-extproc.llm.svc.cluster.local:50051`"
        )
    sources = [source for source in identity.sources if isinstance(source, (JwtSection, CertificateSection))]
    for source in sources:
        yield (
            f"identity.sources: `{source.source}` is verified by an Envoy that `extproc envoy-config` configures, and"
            " here istiod does. Use API keys, or a trusted hop with a signature"
        )
    if trusted_listeners(document):
        yield "identity.trusted_hops: a mesh has no listener for one hop. Use `hop: signed`"
    if place is MeshPlace.INBOUND:
        return
    for model, entry in document.models.items():
        for name, version in entry.versions.items():
            key = f"models.{model}.versions.{name}"
            if version.provider is not None and place is not MeshPlace.GATEWAY:
                yield f"{key}.provider: {_NO_PROVIDER[place]}. Choose versions in a gateway, with `--for istio-gateway`"
            if version.pick == "load":
                yield f"{key}.pick: Istio lets no header choose the server. Use `pick: least_request`"
    if place in (MeshPlace.GATEWAY, MeshPlace.SIDECAR) and _is_for_other_pods(document):
        yield (
            f"envoy.processor.address: not set, so the proxy would call {server.listen} in its own pod. Name the"
            " Service of the processor, for example `address: llm-extproc.llm.svc.cluster.local:50051`. If it does run"
            " in that pod, set `server.listen: 127.0.0.1:50051`"
        )
    if options.without_filter and chains_of(document):
        yield (
            "fallback, providers: their listeners are in the EnvoyFilter, so `--without-filter` cannot be used. In the"
            " Helm chart set `integration: none`, and apply everything that this command prints"
        )
    if options.without_filter and document.envoy.processor.address is None:
        yield (
            "envoy.processor.address: the filter of the Helm chart calls a Service, which the other objects must name"
            " too. Set it, for example `address: llm-extproc.llm.svc.cluster.local:50051`"
        )
    if chains_of(document) and place is MeshPlace.WAYPOINT:
        yield (
            "fallback: no patch reaches the routes of a waypoint, and Istio's own cannot go on to another version."
            " Remove `fallback`, or choose versions in a gateway, with `--for istio-gateway`"
        )


def _is_for_other_pods(document: Document) -> bool:
    """Whether the processor listens on all addresses, and nobody says at which Service it is."""
    listen = document.server.listen
    is_open = not listen.startswith("unix:") and host_and_port(listen)[0] in ("0.0.0.0", "::")
    return is_open and document.envoy.processor.address is None


def _model_port(servers: tuple[KubernetesService, ...]) -> int:
    """0 where all versions are at providers."""
    return _only_port({one.port for one in servers}, "models") if servers else 0


def _only_port(ports: set[int], key: str) -> int:
    if len(ports) != 1:
        listed = ", ".join(map(str, sorted(ports)))
        raise EnvoyConfigError(
            f"{key}: the endpoints have several ports ({listed}). Let the model servers listen on one, or name their"
            " port by `--model-port`"
        )
    return ports.pop()


def _namespace(place: MeshPlace, options: MeshOptions, servers: tuple[KubernetesService, ...]) -> str:
    if place is MeshPlace.GATEWAY:
        return options.gateway.partition("/")[0]
    namespaces = {one.namespace for one in servers}
    if len(namespaces) != 1:
        listed = ", ".join(sorted(namespaces))
        raise EnvoyConfigError(f"models: the endpoints are in several namespaces ({listed}). Choose by `--namespace`")
    return namespaces.pop()


def _hosts(place: MeshPlace, servers: tuple[KubernetesService, ...]) -> tuple[str, ...]:
    """Every name by which a model server can be asked, so that none is a way around the routes."""
    return ("*",) if place is MeshPlace.GATEWAY else tuple(dict.fromkeys(one.host for one in servers))
