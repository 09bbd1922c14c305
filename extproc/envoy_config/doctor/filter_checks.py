"""Checks of the processor's filter: that it is there, where it stands, and how it is set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.config.identity import JwtSection
from extproc.domain.contract import JWT_NAMESPACE, METADATA_NAMESPACE
from extproc.envoy_config.doctor.blocks import Block, blocks, mapping, seconds_of
from extproc.envoy_config.doctor.check import Examined, FoundPlace, error, quoted, warning
from extproc.envoy_config.doctor.model import EnvoyModel, HttpFilter
from extproc.envoy_config.names import CANONICAL_FILTER_NAME, FILTER_NAME

_HTTP: Final = "extensions.filters.http"
_AUTHORIZES: Final = tuple(
    f"{_HTTP}.{one}" for one in ("rbac.v3.RBAC", "jwt_authn.v3.JwtAuthentication", "ext_authz.v3.ExtAuthz")
) + tuple(f"{_HTTP}.{one}" for one in ("oauth2.v3.OAuth2", "basic_auth.v3.BasicAuth", "api_key_auth.v3.ApiKeyAuth"))
_ANSWERS: Final = (
    f"{_HTTP}.cache.v3.CacheConfig",
    f"{_HTTP}.cache_v2.v3.CacheV2Config",
    f"{_HTTP}.aws_lambda.v3.Config",
)
_CHANGES_BODIES: Final = tuple(
    f"{_HTTP}.{one}"
    for one in (
        *("lua.v3.Lua", "wasm.v3.Wasm", "dynamic_modules.v3.DynamicModuleFilter"),
        *("grpc_json_transcoder.v3.GrpcJsonTranscoder", "ai_protocol_manager.v3.AiProtocolManager"),
    )
)
_LEAVES_BODIES: Final = ("istio", "envoy.wasm.stats", "llm.")
"""Names of Istio's filters in WebAssembly, which count, and of those that `extproc envoy-config` writes."""
_TIMEOUT_S_MIN: Final = 0.05
"""The shortest that a configuration of llm-extproc can have, for one that is unknown."""
_ATTRIBUTES: Final = ("response.code_details", "upstream.address")
_DIRECTIONS: Final = ("request", "response")


@error("filter-absent", "No filter calls llm-extproc")
def filter_absent(examined: Examined) -> Iterator[FoundPlace]:
    """Requests reach the model servers unguarded. In Istio an `EnvoyFilter` that finds no place inserts nothing and
    says nothing: look at its `workloadSelector`, its `context`, the port, and the filter before which it inserts. With
    Envoy Gateway look at the status of the `EnvoyExtensionPolicy`.
    """
    chains = [chain for _, chain in examined.model.chains if chain.destinations]
    if chains and not any(True for _ in examined.model.ours):
        yield FoundPlace(
            chains[0].path,
            f"no HTTP filter calls llm-extproc, here or in {_others(len(chains) - 1)}.",
            f"Insert {FILTER_NAME} before envoy.filters.http.router.",
        )


def _others(count: int) -> str:
    return "one other chain" if count == 1 else f"{count} other chains"


@error("filter-never-enabled", "The filter is disabled, and no route enables it")
def filter_never_enabled(examined: Examined) -> Iterator[FoundPlace]:
    """A filter with `disabled: true` works only where `typed_per_filter_config` of a virtual host or a route has its
    name. Often the key there has another name, or the patch that should set it found no place.
    """
    for _, chain, one in examined.model.ours:
        ways = chain.destinations
        if one.is_disabled and ways and not any(way.has(one) for way in ways):
            yield FoundPlace(
                f"{one.path}.disabled",
                f"{quoted(one.name)} is disabled and no route enables it.",
                f"Set typed_per_filter_config with the key {quoted(one.name)} on the routes to model servers.",
            )


@warning("filter-before-authorization", "The filter stands before one that authenticates or authorizes")
def filter_before_authorization(examined: Examined) -> Iterator[FoundPlace]:
    """Requests that will be refused are read and counted, and the processor does not know what a later filter finds out
    of who asks. Insert the filter last before the router (Istio: `INSERT_BEFORE` `envoy.filters.http.router`;
    `INSERT_FIRST` stands before all).
    """
    for one, before, after in _placed(examined.model):
        later = [other for other in after if other.type.endswith(_AUTHORIZES)]
        if later and not any(other.is_ours for other in before):
            yield FoundPlace(
                one.path,
                f"{quoted(one.name)} stands before {quoted(later[0].name)}, which may refuse the request.",
                "Move it to the place before envoy.filters.http.router.",
            )


@error("filter-behind-answers", "A filter before ours may answer by itself")
def filter_behind_answers(examined: Examined) -> Iterator[FoundPlace]:
    """A cache, or a filter that calls a function, answers a request before the processor has seen it: the answer is
    unguarded and not counted. Put such a filter behind the processor's, or take it out of this chain.
    """
    for one, before, _ in _placed(examined.model):
        for other in before:
            if other.type.endswith(_ANSWERS):
                yield FoundPlace(
                    one.path,
                    f"{quoted(other.name)} stands before it, and answers without it.",
                    f"Put {quoted(other.name)} behind {quoted(one.name)}.",
                )


@error("picker-before-filter", "An endpoint picker stands before the filter")
def picker_before_filter(examined: Examined) -> Iterator[FoundPlace]:
    """The picker scores the prompt that the client sent and not the one that the model gets, and picks among the
    servers of the version that the client asked for. Put the processor's filter before it (Istio: `INSERT_BEFORE`
    `envoy.filters.http.ext_proc`). Where it must stand before, the configuration says so with `envoy.endpoint_picker`.
    """
    if examined.document is not None and examined.document.envoy.endpoint_picker:
        return
    for one, before, _ in _placed(examined.model):
        for other in before:
            if other.is_ext_proc and not other.is_ours and (other.name == CANONICAL_FILTER_NAME or _reads(other)):
                yield FoundPlace(
                    one.path,
                    f"{quoted(other.name)}, another external processor, stands before it.",
                    f"Put {quoted(one.name)} before {quoted(other.name)}.",
                )


def _reads(one: HttpFilter) -> bool:
    return bool(mapping(one.config.get("processing_mode")).get("request_body_mode", "NONE") != "NONE")


@warning("two-body-filters", "Another filter in the chain may change bodies")
def two_body_filters(examined: Examined) -> Iterator[FoundPlace]:
    """What another filter changes behind the processor is not what was guarded and counted; what it changes before is
    what the processor takes for the client's. Two filters that hold bodies also need the buffer twice. An external
    processor in full duplex behind ours, as an endpoint picker is, is fine.
    """
    for one, before, after in _placed(examined.model):
        for other in [*before, *after]:
            if (other in after and _holds_bodies(other)) or _changes_bodies(other):
                yield FoundPlace(
                    other.path,
                    f"{quoted(other.name)} may change bodies next to {quoted(one.name)}.",
                    "Take it out of this chain, or make sure that it leaves the bodies of model requests alone.",
                )


def _changes_bodies(one: HttpFilter) -> bool:
    return one.type.endswith(_CHANGES_BODIES) and not one.name.startswith(_LEAVES_BODIES)


def _holds_bodies(one: HttpFilter) -> bool:
    modes = mapping(one.config.get("processing_mode"))
    held = {modes.get(f"{direction}_body_mode", "NONE") for direction in _DIRECTIONS} - {"NONE", "FULL_DUPLEX_STREAMED"}
    return one.is_ext_proc and not one.is_ours and bool(held)


def _placed(model: EnvoyModel) -> Iterator[tuple[HttpFilter, list[HttpFilter], list[HttpFilter]]]:
    """Our filters with what stands before and behind each."""
    for _, chain, one in model.ours:
        index = chain.filters.index(one)
        yield one, list(chain.filters[:index]), list(chain.filters[index + 1 :])


# --- its settings --------------------------------------------------------------------------------------------------


@error("canonical-name", "The filter has the name by which others are set per route")
def canonical_name(examined: Examined) -> Iterator[FoundPlace]:
    """Istio gives the routes of an `InferencePool` settings under the name `envoy.filters.http.ext_proc`. They redirect
    a filter of that name to the endpoint picker, and nothing is guarded. Name it `llm.extproc`.
    """
    for _, _, one in examined.model.ours:
        if one.name == CANONICAL_FILTER_NAME:
            yield FoundPlace(
                f"{one.path.removesuffix('.typed_config.extension_config')}.name",
                f"per-route settings of Istio's InferencePool for {CANONICAL_FILTER_NAME!r} would hit this filter.",
                f"Name it {FILTER_NAME!r}.",
            )


@error("failure-mode-open", "Requests pass when the processor fails")
def failure_mode_open(examined: Examined) -> Iterator[FoundPlace]:
    """With `failure_mode_allow: true` everything passes unguarded while the processor is away, also through an override
    of one route. Set it to false; what a guard does when it fails itself is `on_error` in the configuration.
    """
    for path, block in _settings(examined.model):
        if block.get("failure_mode_allow"):
            yield FoundPlace(
                f"{path}.failure_mode_allow",
                "true lets requests pass unguarded when the processor fails.",
                "Set it to false.",
            )


@error("trailer-mode", "A body in full duplex without its trailers")
def trailer_mode(examined: Examined) -> Iterator[FoundPlace]:
    """Envoy refuses the mode `FULL_DUPLEX_STREAMED` without trailers, and the exchange fails. Set the trailer mode of
    that direction to `SEND`.
    """
    for path, block in _settings(examined.model):
        for direction in _DIRECTIONS:
            duplex = block.get(f"{direction}_body_mode") == "FULL_DUPLEX_STREAMED"
            if duplex and block.get(f"{direction}_trailer_mode") != "SEND":
                yield FoundPlace(
                    f"{path}.{direction}_trailer_mode",
                    "FULL_DUPLEX_STREAMED bodies need trailers.",
                    "Set it to SEND.",
                )


def _settings(model: EnvoyModel) -> Iterator[tuple[str, Block]]:
    """Blocks in which a setting of our filter may stand: in it, in its allowed modes, in overrides of routes."""
    foreign = frozenset(name for _, chain in model.chains for name in chain.foreign)
    foreign -= {one.name for _, _, one in model.ours}
    for one in model.listeners:
        yield from blocks(one.path, one.block, without=foreign)
    for path, block in model.route_configs:
        yield from blocks(path, block, without=foreign)


@error("mode-override", "Envoy ignores the modes that the processor chooses")
def mode_override(examined: Examined) -> Iterator[FoundPlace]:
    """The processor chooses by the headers of each response how it gets the body: held as a whole, as a stream, or not
    at all. Without `allow_mode_override: true` Envoy keeps the mode of the filter, and answers are refused or late.
    """
    for _, _, one in examined.model.ours:
        if not one.config.get("allow_mode_override"):
            yield FoundPlace(
                f"{one.path}.typed_config.allow_mode_override",
                "without it Envoy ignores the body mode that the processor chooses for an exchange.",
                "Set it to true.",
            )


@error("message-timeout", "Envoy waits for too short a time for the processor")
def message_timeout(examined: Examined) -> Iterator[FoundPlace]:
    """A large body takes longer to judge than Envoy's default of 200 ms; the client gets 504 then. Set
    `message_timeout` to what `envoy.message_timeout_ms` of the configuration says.
    """
    wanted = None if examined.document is None else examined.document.envoy.message_timeout_ms / 1_000
    for _, _, one in examined.model.ours:
        path, value = f"{one.path}.typed_config.message_timeout", one.config.get("message_timeout")
        limit_s = seconds_of(value)
        if value is None:
            yield FoundPlace(
                path,
                "Envoy waits 200 ms for a reply when it is not set, too short for a large body.",
                "Set it, for example to 2s.",
            )
        elif limit_s is not None and limit_s < (wanted or _TIMEOUT_S_MIN):
            yield FoundPlace(path, f"{limit_s:g} s are too short for a large body.", f"Set it to {wanted or 2:g}s.")


@warning("attribute-not-sent", "Envoy does not send the attributes that entries need")
def attribute_not_sent(examined: Examined) -> Iterator[FoundPlace]:
    """By `response.code_details` the processor tells an answer of a model server from an error of Envoy's, and by
    `upstream.address` an entry says which server answered, which the time of GPUs is shared by. Set both as
    `response_attributes`.
    """
    for _, _, one in examined.model.ours:
        listed = one.config.get("response_attributes")
        missing = [name for name in _ATTRIBUTES if name not in (listed if isinstance(listed, list) else ())]
        if one.sees_answers and missing:
            yield FoundPlace(
                f"{one.path}.typed_config.response_attributes",
                f"Envoy does not send {' and '.join(missing)}.",
                f"Set [{', '.join(_ATTRIBUTES)}].",
            )


@warning("metadata-not-received", "Envoy drops what the processor says for its access log")
def metadata_not_received(examined: Examined) -> Iterator[FoundPlace]:
    """The processor sets dynamic metadata in the namespace `llm_extproc`: team, model, version, tokens, findings. Envoy
    takes it only where `metadata_options.receiving_namespaces.untyped` lists the namespace (Envoy Gateway:
    `writableNamespaces`).
    """
    for _, _, one in examined.model.ours:
        if one.sees_answers and METADATA_NAMESPACE not in _namespaces(one, "receiving_namespaces"):
            yield FoundPlace(
                f"{one.path}.typed_config.metadata_options.receiving_namespaces.untyped",
                f"Envoy drops the metadata {METADATA_NAMESPACE!r} of the processor.",
                f"Set [{METADATA_NAMESPACE}].",
            )


@error("metadata-not-forwarded", "Envoy does not tell the processor whose token it verified")
def metadata_not_forwarded(examined: Examined) -> Iterator[FoundPlace]:
    """The configuration takes the identity from a token (`identity.sources` with `source: jwt`), which Envoy verifies.
    Without `metadata_options.forwarding_namespaces` the processor does not learn the claims, and nobody is known.
    """
    document = examined.document
    if document is None or not any(isinstance(one, JwtSection) for one in document.identity.sources):
        return
    for _, _, one in examined.model.ours:
        if one.sees_answers and JWT_NAMESPACE not in _namespaces(one, "forwarding_namespaces"):
            yield FoundPlace(
                f"{one.path}.typed_config.metadata_options.forwarding_namespaces.untyped",
                f"Envoy does not send {JWT_NAMESPACE!r}, which has the claims of tokens.",
                f"Set [{JWT_NAMESPACE}].",
            )


def _namespaces(one: HttpFilter, direction: str) -> list[str]:
    listed = mapping(mapping(one.config.get("metadata_options")).get(direction)).get("untyped")
    return listed if isinstance(listed, list) else []
