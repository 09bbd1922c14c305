"""Checks of an Envoy's routes against the configuration of llm-extproc: do both know the same versions."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document, Role
from extproc.config.routed import parse_statement, unknown_to
from extproc.domain.contract import MODEL_HEADER, ROUTES_HEADER, VERSION_HEADER
from extproc.envoy_config.doctor.blocks import mapping, mappings, named
from extproc.envoy_config.doctor.check import Examined, FoundPlace, error, quoted, warning
from extproc.envoy_config.doctor.model import Destination, EnvoyModel
from extproc.envoy_config.stated_routes import statements, versions_as_routed

_AGAIN = "Generate Envoy's configuration again, with `extproc envoy-config`."


@error("version-not-routed", "A version of the configuration that Envoy does not route")
def version_not_routed(examined: Examined) -> Iterator[FoundPlace]:
    """Requests for this version are refused, or sent to another one, until Envoy has a route for it. It is looked for
    where a configuration is named, and the role is `route`.
    """
    routed, document = _routed(examined.model), _routing(examined)
    if document is None or not routed:
        return
    wanted = {f"{one.model}/{one.version}" for one in versions_as_routed(document)}
    for name in sorted(wanted - routed.keys()):
        yield FoundPlace(
            f"models.{'.versions.'.join(name.split('/', 1))}", f"Envoy has no route for {quoted(name)}.", _AGAIN
        )


@warning("version-unknown", "Envoy routes to a version that the configuration does not have")
def version_unknown(examined: Examined) -> Iterator[FoundPlace]:
    """No request gets there; the servers behind it are not used. Perhaps it is the route of an old configuration, or a
    version was renamed.
    """
    document = _routing(examined)
    if document is None:
        return
    known = {f"{one.model}/{one.version}" for one in versions_as_routed(document)}
    for name, where in _routed(examined.model).items():
        if name not in known:
            yield FoundPlace(where, f"the configuration has no version {quoted(name)}.", _AGAIN)


@warning("version-differs", "Envoy sends a version to other servers than the configuration says")
def version_differs(examined: Examined) -> Iterator[FoundPlace]:
    """Endpoints or fallback of a version changed in the configuration, and Envoy has not followed. With `envoy.folder`
    it does by itself.
    """
    document = _routing(examined)
    if document is None:
        return
    versions = versions_as_routed(document)
    stated = sorted({one for _, tree in examined.model.roots for one in statements(tree)})
    keys = {key for one in stated for key in unknown_to(one, versions).keys}
    for key in sorted(key for key in keys if key.endswith((".endpoints", ".fallback"))):
        yield FoundPlace(key, "Envoy has it differently.", _AGAIN)


@warning("routes-not-stated", "Envoy does not say which versions it routes")
def routes_not_stated(examined: Examined) -> Iterator[FoundPlace]:
    """With `x-llm-routes` in the metadata of its calls the processor chooses only versions that this Envoy has, also
    while one of both has a newer configuration. `extproc envoy-config` sets it. It is looked for where a configuration
    is named, and the role is `route`.
    """
    document = _routing(examined)
    if document is None or any(True for _, tree in examined.model.roots for _ in statements(tree)):
        return
    for _, _, one in examined.model.ours:
        if one.sees_answers:
            yield FoundPlace(
                f"{one.path}.typed_config.grpc_service.initial_metadata",
                f"Envoy does not state its versions ({ROUTES_HEADER}).",
                _AGAIN,
            )


def _routing(examined: Examined) -> Document | None:
    """The configuration, if versions are chosen by it."""
    document = examined.document
    return document if document is not None and document.role is Role.ROUTE else None


def _routed(model: EnvoyModel) -> dict[str, str]:
    """MODEL/VERSION of each version that Envoy routes, with the path of one of its routes."""
    found: dict[str, str] = {}
    for root, tree in model.roots:
        for one in statements(tree):
            found |= dict.fromkeys(parse_statement(one), root)
    for _, chain in model.chains:
        for way in chain.destinations:
            name = _matched(way)
            if name:
                found[name] = way.path
    return found


def _matched(way: Destination) -> str:
    """MODEL/VERSION that a route matches by the processor's headers; empty if it does not."""
    exact = {
        named(one).lower(): named(mapping(one.get("string_match")), "exact")
        for one in mappings(mapping(way.route.get("match")).get("headers"))
    }
    model, version = exact.get(MODEL_HEADER, ""), exact.get(VERSION_HEADER, "")
    return f"{model}/{version}" if model and version else ""
