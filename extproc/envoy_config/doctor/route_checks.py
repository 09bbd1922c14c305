"""Checks of routes and listeners: who gets around the filter, what is cut, billed twice, or chosen by a client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.domain.contract import INTERNAL_HEADER_PREFIX, VERSION_HEADER
from extproc.envoy_config.doctor.blocks import Block, blocks, mapping, mappings, named, seconds_of
from extproc.envoy_config.doctor.check import Examined, FoundPlace, error, quoted, warning
from extproc.envoy_config.doctor.model import Destination, EnvoyListener, EnvoyModel
from extproc.envoy_config.retries import UNREACHED

DEFAULT_BUFFER_BYTES: Final = 1_048_576
"""Envoy's default if the listener sets no limit."""
ANSWER_S_MIN: Final = 60.0
"""A model may take this long for one answer."""
_SILENCE_S_MIN: Final = 15.0
"""And this long for its first token, where the configuration of llm-extproc is unknown."""
_BUFFER_BYTES_MIN: Final = 65_536
"""The smallest that `extproc envoy-config` writes, where limits are unknown."""
_DEFAULT_TIMEOUT_S: Final = 15.0
_SENT_ALREADY: Final = frozenset(("5xx", "gateway-error", "reset", "retriable-4xx", "http3-post-connect-failure"))
"""Reasons to try again after a model server may have begun."""
_DIRECTIONS: Final = ("request", "response")


# --- who gets around the filter ------------------------------------------------------------------------------------


@error("reachable-around", "A model server can be reached without the filter")
def reachable_around(examined: Examined) -> Iterator[FoundPlace]:
    """Another listener, filter chain or route leads to a cluster that is guarded elsewhere, or to an address of such a
    cluster. Insert the filter there too, or remove the way. In a mesh an `AuthorizationPolicy` keeps others from the
    port; see what a request at the server's own address gets with `--probe` and `--direct`.
    """
    model = examined.model
    guarded = _guarded(model)
    places = frozenset(address for name in guarded for address in model.addresses(name))
    for listener in model.listeners:
        if listener.is_internal:
            continue
        for where, cluster in _ways_around(listener):
            shared = sorted(places & model.addresses(cluster))
            if cluster in guarded:
                what = f"leads to {quoted(cluster)} without the filter, which other ways there pass."
            elif shared:
                what = f"leads to {shared[0]}, which {quoted(_owner(model, guarded, shared[0]))} guards elsewhere."
            else:
                continue
            yield FoundPlace(where, what, "Insert the filter here too, or remove this way.")


def _guarded(model: EnvoyModel) -> set[str]:
    """Clusters to which some way passes the filter, with those that they stand for."""
    found = {way.cluster for _, chain in model.chains for way in chain.destinations if chain.guards(way)}
    waiting = list(found)
    while waiting:
        one = model.by_name.get(waiting.pop())
        new = set(one.parts) - found if one is not None else set()
        found |= new
        waiting += new
    return found


def _ways_around(listener: EnvoyListener) -> Iterator[tuple[str, str]]:
    """Where, and to which cluster, connections and requests go without the filter; what a route says is told apart."""
    yield from listener.streams
    for chain in listener.chains:
        for way in chain.destinations:
            if not chain.guards(way) and not any(way.disables(one) for one in chain.ours):
                yield way.path, way.cluster


def _owner(model: EnvoyModel, guarded: set[str], address: str) -> str:
    return next(name for name in sorted(guarded) if address in model.addresses(name))


@error("route-disables-filter", "A route leaves the filter out")
def route_disables_filter(examined: Examined) -> Iterator[FoundPlace]:
    """`typed_per_filter_config` of the route, its virtual host or its cluster disables the filter, so these requests
    are unguarded. Remove it, unless no model server is behind the route; then give that service a chain without the
    filter.
    """
    for _, chain in examined.model.chains:
        for way in chain.destinations:
            for one in chain.ours:
                if way.disables(one) and not one.is_disabled:
                    yield FoundPlace(
                        way.path,
                        f"requests to {quoted(way.cluster)} pass without {quoted(one.name)}.",
                        "Remove `disabled` from its typed_per_filter_config, and from that of its virtual host.",
                    )


@warning("per-route-key", "Settings of a route for a filter that is not there")
def per_route_key(examined: Examined) -> Iterator[FoundPlace]:
    """The key in `typed_per_filter_config` must be the name of a filter in the same chain, letter by letter; Envoy does
    not say that it has no effect. What it should enable stays disabled.
    """
    for _, chain in examined.model.chains:
        names = [one.name for one in chain.filters]
        for where, block in blocks(*chain.routes):
            for key in mapping(block.get("typed_per_filter_config")):
                if key not in names:
                    yield FoundPlace(
                        f"{where}.typed_per_filter_config",
                        f"no HTTP filter is called {quoted(key)}, so this has no effect.",
                        f"Filters: {', '.join(names)}.",
                    )


@error("client-header-kept", "A client's header can choose the version")
def client_header_kept(examined: Examined) -> Iterator[FoundPlace]:
    """Routes match on `x-llm-version`, and the connection manager does not remove what a client sends under that name
    before it looks for a route: on a path that the processor does not read, the client chooses. Remove all headers with
    the prefix `x-llm-` by `early_header_mutation_extensions`, as `extproc envoy-config` does.
    """
    for listener, chain in examined.model.chains:
        if listener.is_internal or not chain.ours or chain.removes(VERSION_HEADER):
            continue
        matching = [way for way in chain.destinations if _header_matches(way)]
        if matching:
            yield FoundPlace(
                f"{chain.path}.early_header_mutation_extensions",
                f"{VERSION_HEADER} of a client chooses a route here.",
                f"Remove all headers with the prefix {INTERNAL_HEADER_PREFIX} before routing.",
            )


def _header_matches(way: Destination) -> list[Block]:
    headers = mappings(mapping(way.route.get("match")).get("headers"))
    return [one for one in headers if named(one).lower() == VERSION_HEADER]


# --- what is cut, or billed twice ----------------------------------------------------------------------------------


@error("buffer-limit", "Envoy's buffer is smaller than a body that the processor reads")
def buffer_limit(examined: Examined) -> Iterator[FoundPlace]:
    """A body that is held and is larger than the listener's buffer gets 413 from Envoy, before the processor sees it.
    The default is 1 MiB in Envoy and 32 KiB in Envoy Gateway. Set `per_connection_buffer_limit_bytes` (Envoy Gateway:
    `ClientTrafficPolicy`, `connection.bufferLimit`) to a little more than `limits.request_body_bytes_max` and
    `limits.response_body_bytes_max`.
    """
    wanted = examined.body_bytes_max
    for listener, _, one in examined.model.ours:
        if not any(mode.get(f"{side}_body_mode") == "BUFFERED" for mode in one.modes for side in _DIRECTIONS):
            continue
        key = f"{listener.path}.per_connection_buffer_limit_bytes"
        limit = listener.block.get("per_connection_buffer_limit_bytes")
        if limit is None:
            yield FoundPlace(
                key,
                f"not set, so bodies above {DEFAULT_BUFFER_BYTES} bytes get 413 instead of being inspected.",
                f"Set it to {max(wanted, DEFAULT_BUFFER_BYTES)} or more.",
            )
        elif isinstance(limit, int) and limit < (wanted or _BUFFER_BYTES_MIN):
            least = wanted or DEFAULT_BUFFER_BYTES
            yield FoundPlace(
                key, f"{limit} is less than the {least} bytes of a body to be held.", "Set it to that or more."
            )


@error("route-timeout", "A route ends answers that take long")
def route_timeout(examined: Examined) -> Iterator[FoundPlace]:
    """The timeout of a route covers a whole answer, streams too; Envoy's default is 15 s. Set it to `0s`, and bound
    silences by `stream_idle_timeout` instead (Istio: `timeout: 0s` of the `VirtualService`).
    """
    for way in _to_models(examined.model):
        value = mapping(way.route.get("route")).get("timeout")
        limit_s = _DEFAULT_TIMEOUT_S if value is None else seconds_of(value)
        if limit_s is not None and 0 < limit_s < ANSWER_S_MIN:
            default = ", Envoy's default," if value is None else ""
            yield FoundPlace(
                f"{_action(way)}.timeout",
                f"an answer that takes longer than {limit_s:g} s{default} is cut off.",
                "Set it to 0s.",
            )


@error("idle-timeout", "Envoy ends exchanges in which a model is silent")
def idle_timeout(examined: Examined) -> Iterator[FoundPlace]:
    """A model is silent until its first token, and while it thinks. `stream_idle_timeout` of the connection manager, or
    `idle_timeout` of a route, ends the exchange then. Set it to what `envoy.stream_idle_ms` of the configuration says.
    """
    document = examined.document
    wanted_s = _SILENCE_S_MIN if document is None else document.envoy.stream_idle_ms / 1_000
    for listener, chain in examined.model.chains:
        ways = [way for way in chain.destinations if chain.guards(way)]
        limits = [(f"{_action(way)}.idle_timeout", mapping(way.route.get("route")).get("idle_timeout")) for way in ways]
        if ways and not listener.is_internal:
            limits.append((f"{chain.path}.stream_idle_timeout", chain.manager.get("stream_idle_timeout")))
        for where, value in limits:
            limit_s = seconds_of(value)
            if limit_s is not None and 0 < limit_s < wanted_s:
                yield FoundPlace(where, f"{limit_s:g} s of silence end an exchange.", f"Set it to {wanted_s:g}s.")


@warning("retry-billed-twice", "Envoy tries again where a model server may have begun")
def retry_billed_twice(examined: Examined) -> Iterator[FoundPlace]:
    """A retry after an error or a reset generates a second time: it costs twice, and a held body is sent twice. Retry
    only what cannot have reached the model: `connect-failure,refused-stream,reset-before-request`. In Istio set
    `retries.retryOn` of the `VirtualService`, or `attempts: 0`.
    """
    for way in _to_models(examined.model):
        where, policy = _retry_policy(way)
        reasons = {one.strip() for one in named(policy, "retry_on").split(",")} & _SENT_ALREADY
        if reasons and policy.get("num_retries") != 0:
            yield FoundPlace(
                f"{where}.retry_on",
                f"{', '.join(sorted(reasons))} may come after the model server has begun.",
                f"Set {UNREACHED}.",
            )


def _retry_policy(way: Destination) -> tuple[str, Block]:
    """That of the route, else of its virtual host."""
    own = mapping(mapping(way.route.get("route")).get("retry_policy"))
    if own:
        return f"{_action(way)}.retry_policy", own
    return f"{way.path.partition('.routes[')[0]}.retry_policy", mapping(way.host.get("retry_policy"))


def _action(way: Destination) -> str:
    return f"{way.path.partition('].route.')[0]}].route"


def _to_models(model: EnvoyModel) -> Iterator[Destination]:
    """The ways that pass the filter."""
    for _, chain in model.chains:
        for way in chain.destinations:
            if chain.guards(way):
                yield way
