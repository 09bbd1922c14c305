"""For each code of the doctor the mistake that gives exactly it, made in a sound configuration."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from extproc.config.document import Document
from extproc.envoy_config.doctor.check import CertificateAge, ClusterHealth, Examined, Probe, ProbeKind
from extproc.envoy_config.doctor.reading import model_from
from extproc.envoy_config.generate import bootstrap
from tests.unit.envoy_config.conftest import document_data

Block = dict[str, Any]
Fault = Callable[[Block], object]

TYPES: Final = "type.googleapis.com/envoy.extensions"
PER_ROUTE: Final = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig"}
GUARDED: Final = "chat__v1"
ISSUER: Final = {"issuer": "https://issuer.example", "audiences": ["llm"], "jwks_file": "/keys.json"}
JWT: Final = {"sources": [{"source": "jwt", **ISSUER, "claims": {"team": "team"}}]}


def document(**changes: Any) -> Document:
    """A configuration with two versions."""
    return Document.model_validate(document_data(**changes), strict=False)


def sound(**changes: Any) -> Block:
    """Envoy's configuration for it, with nothing shared between its parts."""
    return copy.deepcopy(bootstrap(document(**changes)))


def listener(configuration: Block) -> Block:
    """That for clients."""
    found: Block = configuration["static_resources"]["listeners"][0]
    return found


def manager(configuration: Block) -> Block:
    """Its connection manager."""
    found: Block = listener(configuration)["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def filters(configuration: Block) -> list[Block]:
    """Its HTTP filters: ours, and the router."""
    found: list[Block] = manager(configuration)["http_filters"]
    return found


def ours(configuration: Block) -> Block:
    """The configuration of our filter."""
    one = next(one for one in filters(configuration) if one["name"] == "llm.extproc")
    found: Block = one["typed_config"]["extension_config"]["typed_config"]
    return found


def routes(configuration: Block) -> list[Block]:
    """Its routes."""
    found: list[Block] = manager(configuration)["route_config"]["virtual_hosts"][0]["routes"]
    return found


def cluster(configuration: Block, name: str) -> Block:
    """A cluster by name."""
    found: Block = next(one for one in configuration["static_resources"]["clusters"] if one["name"] == name)
    return found


def http_filter(name: str, kind: str, **fields: Any) -> Block:
    """An HTTP filter of a kind such as ``rbac.v3.RBAC``."""
    return {"name": name, "typed_config": {"@type": f"{TYPES}.filters.http.{kind}", **fields}}


PICKER: Final = http_filter(
    "envoy.filters.http.ext_proc",
    "ext_proc.v3.ExternalProcessor",
    grpc_service={"envoy_grpc": {"cluster_name": GUARDED}},
    processing_mode={"request_body_mode": "FULL_DUPLEX_STREAMED", "request_trailer_mode": "SEND"},
    failure_mode_allow=True,
)
"""An endpoint picker. That it lets requests pass when it fails is its own matter."""


def another_listener(configuration: Block, cluster_name: str) -> None:
    """A listener without the filter that leads to a cluster."""
    other = copy.deepcopy(listener(configuration))
    other["name"] = "side_door"
    other["address"]["socket_address"]["port_value"] = 0  # any
    config = other["filter_chains"][0]["filters"][0]["typed_config"]
    config["http_filters"] = config["http_filters"][1:]
    route = {"match": {"prefix": "/"}, "route": {"cluster": cluster_name, "timeout": "0s"}}
    config["route_config"]["virtual_hosts"][0]["routes"] = [route]
    configuration["static_resources"]["listeners"].append(other)


def tls_without(configuration: Block, missing: str) -> None:
    """TLS to the processor without a part."""
    common: Block = {"alpn_protocols": ["h2"], "validation_context": {"trusted_ca": {"filename": "/ca.pem"}}}
    del common[missing]
    cluster(configuration, "llm_extproc")["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": common,
        },
    }


def internal_listener(configuration: Block) -> None:
    """An internal listener, and the part of the bootstrap that it needs."""
    configuration["static_resources"]["listeners"].append({"name": "inside", "internal_listener": {}})
    extension = {"@type": f"{TYPES}.bootstrap.internal_listener.v3.InternalListener"}
    configuration["bootstrap_extensions"] = [{"name": "internal", "typed_config": extension}]


def leads_inside(configuration: Block) -> None:
    """A cluster leads to an internal listener of another name."""
    internal_listener(configuration)
    address = {"envoy_internal_address": {"server_listener_name": "elsewhere"}}
    endpoints = cluster(configuration, GUARDED)["load_assignment"]["endpoints"]
    endpoints[0]["lb_endpoints"][0]["endpoint"]["address"] = address


def without_extension(configuration: Block) -> None:
    """The internal listener, without that part."""
    internal_listener(configuration)
    del configuration["bootstrap_extensions"]


def disabled_everywhere(configuration: Block) -> None:
    """Disabled by default, and no route enables it."""
    filters(configuration)[0]["disabled"] = True


def renamed_version(configuration: Block) -> None:
    """Envoy has an older configuration, with a version of another name."""
    host = manager(configuration)["route_config"]["virtual_hosts"][0]
    metadata = host["metadata"]["filter_metadata"]["llm.extproc"]
    metadata["routes"] += ",chat/v0=0"


def lost_version(configuration: Block) -> None:
    """Envoy has an older configuration, without the second version."""
    host = manager(configuration)["route_config"]["virtual_hosts"][0]
    metadata = host["metadata"]["filter_metadata"]["llm.extproc"]
    metadata["routes"] = metadata["routes"].split(",")[0]
    host["routes"] = [one for one in host["routes"] if one["name"] != "chat/v2"]


def moved_version(configuration: Block) -> None:
    """Envoy has other servers of a version."""
    metadata = manager(configuration)["route_config"]["virtual_hosts"][0]["metadata"]["filter_metadata"]["llm.extproc"]
    name, _, rest = metadata["routes"].partition("=")
    metadata["routes"] = f"{name}=0{rest}"


def unstated(configuration: Block) -> None:
    """The routes state nothing."""
    del manager(configuration)["route_config"]["virtual_hosts"][0]["metadata"]


def marks_removed(configuration: Block) -> None:
    """Generated before the sidecar had `hops`."""
    (early,) = manager(configuration)["early_header_mutation_extensions"]
    early["typed_config"]["mutations"].append({"remove_on_match": {"key_matcher": {"prefix": "x-llm-"}}})


def marks_kept(configuration: Block) -> None:
    """A gateway whose routes look at no header, so that no client can choose by one."""
    del manager(configuration)["early_header_mutation_extensions"]
    for one in routes(configuration):
        one["match"].pop("headers", None)


def set_of_ours(key: str, value: Any) -> Fault:
    """A setting of our filter; None: without it."""

    def change(configuration: Block) -> None:
        if value is None:
            del ours(configuration)[key]
        else:
            ours(configuration)[key] = value

    return change


def inserted(place: int, one: Block) -> Fault:
    """Another filter at a place of the chain: 0 before ours, 1 behind it."""
    return lambda configuration: filters(configuration).insert(place, one)


FAULTS: Final[dict[str, Fault]] = {
    "malformed": lambda configuration: configuration["static_resources"].update(clusters={}, listeners=[]),
    "cluster-unknown": lambda configuration: routes(configuration)[0]["route"].update(cluster="gone"),
    "grpc-cluster-unknown": set_of_ours("grpc_service", {"envoy_grpc": {"cluster_name": "gone"}}),
    "processor-without-endpoints": lambda c: cluster(c, "llm_extproc")["load_assignment"].update(endpoints=[]),
    "processor-tls-alpn": lambda configuration: tls_without(configuration, "alpn_protocols"),
    "processor-tls-unverified": lambda configuration: tls_without(configuration, "validation_context"),
    "internal-listener-unknown": leads_inside,
    "internal-listeners-off": without_extension,
    "filter-absent": lambda configuration: filters(configuration).pop(0),
    "filter-never-enabled": disabled_everywhere,
    "filter-before-authorization": inserted(1, http_filter("envoy.filters.http.rbac", "rbac.v3.RBAC")),
    "filter-behind-answers": inserted(0, http_filter("envoy.filters.http.cache", "cache.v3.CacheConfig")),
    "picker-before-filter": inserted(0, PICKER),
    "two-body-filters": inserted(1, http_filter("envoy.filters.http.lua", "lua.v3.Lua")),
    "canonical-name": lambda configuration: filters(configuration)[0].update(name="envoy.filters.http.ext_proc"),
    "failure-mode-open": set_of_ours("failure_mode_allow", True),
    "trailer-mode": set_of_ours("allowed_override_modes", [{"response_body_mode": "FULL_DUPLEX_STREAMED"}]),
    "mode-override": set_of_ours("allow_mode_override", None),
    "message-timeout": set_of_ours("message_timeout", "0.1s"),
    "attribute-not-sent": set_of_ours("response_attributes", ["response.code_details"]),
    "call-not-repeated": lambda c: ours(c)["grpc_service"].pop("retry_policy"),
    "retries-limited": lambda c: cluster(c, "llm_extproc")["circuit_breakers"]["thresholds"][0].pop("retry_budget"),
    "metadata-not-received": set_of_ours("metadata_options", {}),
    "metadata-not-forwarded": set_of_ours("metadata_options", {"receiving_namespaces": {"untyped": ["llm_extproc"]}}),
    "reachable-around": lambda configuration: another_listener(configuration, GUARDED),
    "route-disables-filter": lambda c: routes(c)[0].update(
        typed_per_filter_config={"llm.extproc": {**PER_ROUTE, "disabled": True}}
    ),
    "per-route-key": lambda c: routes(c)[0].update(
        typed_per_filter_config={"llm.extprog": {**PER_ROUTE, "config": {}}}
    ),
    "client-header-kept": lambda configuration: manager(configuration).pop("early_header_mutation_extensions"),
    "buffer-limit": lambda configuration: listener(configuration).update(per_connection_buffer_limit_bytes=32_768),
    "route-timeout": lambda configuration: routes(configuration)[0]["route"].pop("timeout"),
    "idle-timeout": lambda configuration: manager(configuration).update(stream_idle_timeout="5s"),
    "retry-billed-twice": lambda c: routes(c)[0]["route"].update(retry_policy={"retry_on": "connect-failure,5xx"}),
    "version-not-routed": lost_version,
    "version-unknown": renamed_version,
    "version-differs": moved_version,
    "routes-not-stated": unstated,
    "mark-removed": marks_removed,
    "mark-kept": marks_kept,
}
"""By code: what is changed in a sound configuration."""

HOPS: Final = {"hops": {"key_files": ["hop.key"]}}
CHANGES_OF_OURS: Final[dict[str, dict[str, Any]]] = {
    "metadata-not-forwarded": {"identity": JWT},
    "mark-removed": {**HOPS, "role": "guard", "guard_version": "chat/v1", "filters": [{"filter": "meter"}]},
    "mark-kept": HOPS,
}
"""What the configuration of llm-extproc has besides, by code."""
WITHOUT_OURS: Final = {"malformed"}
"""Nothing of the configuration is compared: there is no listener."""

THROUGH: Final = Probe(ProbeKind.UNKNOWN_MODEL, "http://envoy/v1/chat/completions", "", 404, "model_not_found", True)
"""What a probe of a sound installation gets."""
AT_THE_SERVER: Final = Probe(ProbeKind.DIRECT, "http://vllm/v1/models", "connection refused")


def probed(kind: ProbeKind = ProbeKind.UNKNOWN_MODEL, **fields: Any) -> dict[str, Any]:
    """A probe that got something else than ``THROUGH``."""
    return {"probes": (Probe(kind, THROUGH.where, **fields),)}


TOLD: Final[dict[str, dict[str, Any]]] = {
    "processor-unhealthy": {"health": {"llm_extproc": ClusterHealth(2, 0)}},
    "certificate-expired": {"certificates": (CertificateAge("/run/tls.crt", 0),)},
    "certificate-ends-soon": {"certificates": (CertificateAge("/run/tls.crt", 3),)},
    "probe-unanswered": probed(problem="connection refused"),
    "probe-refused": probed(status=401),
    "probe-failed": probed(status=503),
    "probe-unguarded": probed(status=404, code="model_not_found"),
    "probe-not-refused": probed(status=200, is_ours=True),
    "probe-version-chosen": {
        "probes": (THROUGH, Probe(ProbeKind.FORGED_VERSION, THROUGH.where, "", 200, "", True)),
    },
    "probe-model-reachable": probed(ProbeKind.DIRECT, status=200),
}
"""By code: what an Envoy or a probe has told, about a sound configuration."""


def examined(code: str = "", **told: Any) -> Examined:
    """What is looked into: a sound configuration with the fault of a code; empty: without any."""
    more = CHANGES_OF_OURS.get(code, {})
    configuration = sound(**more)
    if code in FAULTS:
        FAULTS[code](configuration)
    made = document(**more)
    limits = made.limits
    return Examined(
        model_from([configuration]),
        None if code in WITHOUT_OURS else made,
        max(limits.request_body_bytes_max, limits.response_body_bytes_max),
        **{**TOLD.get(code, {}), **told},
    )
