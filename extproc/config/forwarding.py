"""Headers that Envoy does not forward to the processor, as it has no use for them. This keeps credentials away from it,
and saves parsing.
"""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.feedback import ORIGIN_HEADER
from extproc.config.identity import credential_headers

EXCLUDED_HEADERS = (
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
TRACE_HEADERS = ("traceparent", "tracestate")
"""Read if `otel` is configured."""
IDENTITY_HEADERS = ("team_header", "project_header", "budget_code_header", "tier_header", "tag_header")
"""The keys of ``identity`` that name a header."""
EXCLUDED_HEADER_PREFIXES = ("sec-", "x-envoy-", "x-stainless-")


def named_headers(document: Document) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Path and name of each request header that the configuration uses."""
    identity = document.identity
    for key in IDENTITY_HEADERS:
        yield ("identity", key), getattr(identity, key)
    for name, model in document.models.items():
        if model.sticky.header is not None:
            yield ("models", name, "sticky", "header"), model.sticky.header
        if model.pin_header is not None:
            yield ("models", name, "pin_header"), model.pin_header
    for number, route in enumerate(document.routes):
        for index, condition in enumerate(route.when):
            for header in condition.headers:
                yield ("routes", number, "when", index, "headers", header), header


def is_usually_excluded(header: str) -> bool:
    """Whether Envoy withholds a header from the processor unless the configuration names it."""
    return header in EXCLUDED_HEADERS or header.startswith(EXCLUDED_HEADER_PREFIXES)


def excluded_headers(document: Document) -> tuple[list[str], list[str]]:
    """Headers that Envoy withholds from the processor, and prefixes of such headers."""
    named = [header for _, header in named_headers(document)]
    if document.otel is not None:
        named += TRACE_HEADERS
    if document.feedback is not None and document.feedback.origins:
        named.append(ORIGIN_HEADER)
    for source in document.identity.sources:
        named += credential_headers(source, document.identity)
    return (
        [header for header in EXCLUDED_HEADERS if header not in named],
        [prefix for prefix in EXCLUDED_HEADER_PREFIXES if not any(header.startswith(prefix) for header in named)],
    )
