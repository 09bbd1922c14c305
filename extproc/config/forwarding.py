"""Headers that Envoy does not forward to the processor, as it has no use for them. This keeps credentials away from it,
and saves parsing.
"""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document

KEPT_BACK = (
    ":authority",
    ":scheme",
    "accept",
    "accept-language",
    "api-key",
    "authorization",
    "connection",
    "cookie",
    "date",
    "origin",
    "proxy-authorization",
    "referer",
    "server",
    "set-cookie",
    "traceparent",
    "tracestate",
    "user-agent",
    "via",
    "x-api-key",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
)
KEPT_BACK_PREFIXES = ("sec-", "x-envoy-", "x-stainless-")


def named_headers(document: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and name of each request header that the configuration uses."""
    identity = document.identity
    for key in ("team_header", "project_header", "budget_code_header"):
        yield ("identity", key), getattr(identity, key)
    for name, model in document.models.items():
        if model.sticky.header is not None:
            yield ("models", name, "sticky", "header"), model.sticky.header
        if model.pin_header is not None:
            yield ("models", name, "pin_header"), model.pin_header


def usually_kept_back(header: str) -> bool:
    """Whether Envoy withholds a header from the processor unless the configuration names it."""
    return header in KEPT_BACK or header.startswith(KEPT_BACK_PREFIXES)


def kept_back(document: Document) -> tuple[list[str], list[str]]:
    """Headers that Envoy withholds from the processor, and prefixes of such headers."""
    named = [header for _, header in named_headers(document)]
    return (
        [header for header in KEPT_BACK if header not in named],
        [prefix for prefix in KEPT_BACK_PREFIXES if not any(header.startswith(prefix) for header in named)],
    )
