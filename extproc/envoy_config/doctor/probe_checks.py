"""Checks of what probes got: whether requests through this Envoy are guarded, and those around it answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from extproc.config.document import Role
from extproc.domain.contract import EXCHANGE_ID_HEADER, VERSION_HEADER
from extproc.envoy_config.doctor.check import Examined, FoundPlace, Probe, ProbeKind, error

_REFUSED_CODE: Final = "model_not_found"
_REFUSED_BEFORE: Final = (401, 403, 407, 429)
"""By who asks, and not by what is asked."""
_FAILED_MIN: Final = 500


@error("probe-unanswered", "No answer to a probe")
def probe_unanswered(examined: Examined) -> Iterator[FoundPlace]:
    """Nothing answers at the address of `--probe`, or another server does that speaks no HTTP. Is it the address of the
    listener, and not that of the admin server? Does this machine reach it, and trust its certificate?
    """
    for one in examined.probes:
        if one.problem and one.kind is not ProbeKind.DIRECT:
            yield FoundPlace(
                one.where, f"no answer: {one.problem}.", "Give --probe the address at which clients reach Envoy."
            )


@error("probe-refused", "A probe was refused before it reached the filter")
def probe_refused(examined: Examined) -> Iterator[FoundPlace]:
    """Something before the processor wants a credential, or takes no more requests. What is behind it was not seen.
    Give the probe a credential with `--header 'authorization: Bearer ...'`.
    """
    for one in _through(examined):
        if not one.is_ours and one.status in _REFUSED_BEFORE:
            yield FoundPlace(one.where, f"status {one.status}, and not by llm-extproc.", "Give --header a credential.")


@error("probe-failed", "A request through Envoy fails")
def probe_failed(examined: Examined) -> Iterator[FoundPlace]:
    """The answer has a status of 500 or more. That is what Envoy sends when the processor does not answer (fail
    closed), or when the route has no server: no request is answered, and none is unguarded. Ask the processor with
    `extproc status`.
    """
    for one in _through(examined):
        if one.kind is ProbeKind.UNKNOWN_MODEL and one.status >= _FAILED_MIN:
            yield FoundPlace(
                one.where, f"status {one.status}{f' ({one.code})' if one.code else ''}.", "Look at `extproc status`."
            )


@error("probe-unguarded", "A request through Envoy is not guarded")
def probe_unguarded(examined: Examined) -> Iterator[FoundPlace]:
    """A request for a model that does not exist was answered without llm-extproc: by a model server, or by Envoy. Every
    answer of a guarded exchange has its id in the header `x-llm-exchange-id` (an answer of Envoy alone has a UUID
    there, or nothing). Other findings may say why; else look whether the request took the listener that you mean.
    """
    for one in _through(examined):
        is_known = one.status in _REFUSED_BEFORE or one.status >= _FAILED_MIN
        if one.kind is ProbeKind.UNKNOWN_MODEL and not one.is_ours and not is_known:
            yield FoundPlace(
                one.where,
                f"status {one.status} without an {EXCHANGE_ID_HEADER} of llm-extproc.",
                "Put llm.extproc into the chain of this listener.",
            )


@error("probe-not-refused", "A request for a model that does not exist is not refused")
def probe_not_refused(examined: Examined) -> Iterator[FoundPlace]:
    """The exchange was guarded, and yet llm-extproc did not refuse the unknown model. It is looked for where a
    configuration is named, and the role is `route`. Does the processor behind this Envoy have the configuration that
    you mean (`extproc status`)?
    """
    if examined.document is None or examined.document.role is not Role.ROUTE:
        return
    for one in _through(examined):
        is_refused = one.code == _REFUSED_CODE or one.status in _REFUSED_BEFORE or one.status >= _FAILED_MIN
        if one.kind is ProbeKind.UNKNOWN_MODEL and one.is_ours and not is_refused:
            yield FoundPlace(
                one.where,
                f"status {one.status} where {_REFUSED_CODE} was expected.",
                "Look at `extproc status`, and at the log of llm-extproc.",
            )


@error("probe-version-chosen", "A client can choose the version by a forged header")
def probe_version_chosen(examined: Examined) -> Iterator[FoundPlace]:
    """The same request with `x-llm-version` got another answer than without. A client's headers with this prefix must
    be gone before Envoy looks for a route, see `client-header-kept`.
    """
    plain = next((one for one in _through(examined) if one.kind is ProbeKind.UNKNOWN_MODEL), None)
    for one in _through(examined):
        if one.kind is ProbeKind.FORGED_VERSION and plain is not None and one.answer != plain.answer:
            yield FoundPlace(
                one.where,
                f"status {one.status} with a forged {VERSION_HEADER}, {plain.status} without.",
                "Remove headers with the prefix x-llm- before routing.",
            )


@error("probe-model-reachable", "A model server answers anybody who asks it directly")
def probe_model_reachable(examined: Examined) -> Iterator[FoundPlace]:
    """Who reaches the address of `--direct` gets around guards, limits and budgets. Let the server listen on loopback
    only (`--host 127.0.0.1`, in a pod with a sidecar), or close the port with a `NetworkPolicy` or an
    `AuthorizationPolicy`; an API key of vLLM alone (`--api-key`) covers its paths below `/v1` only.
    """
    for one in examined.probes:
        if one.kind is ProbeKind.DIRECT and not one.problem and not one.is_ours and one.status not in _REFUSED_BEFORE:
            yield FoundPlace(
                one.where, f"status {one.status} without a guard.", "Close this port to everybody but Envoy."
            )


def _through(examined: Examined) -> Iterator[Probe]:
    """Probes through Envoy that were answered."""
    return (one for one in examined.probes if one.kind is not ProbeKind.DIRECT and not one.problem)
