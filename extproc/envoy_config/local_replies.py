"""Envoy's own errors in a shape that client libraries can parse.

Envoy replies itself when a body is too large, no version is reachable or the processor is down. Clients of the OpenAI
or the Anthropic API expect that API's error object, so each kind of error is mapped to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extproc.domain.contract import ENDPOINT_PATHS, REPLY_DETAILS_PREFIX

_TOO_MANY_HEADERS = "header_mutation_result_exceeds_limit"
"""Envoy's details when the processor's headers exceed the limit together with the client's. By itself a 500 or 503."""

_CEL_NAME = "envoy.access_loggers.extension_filters.cel"
_CEL = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A class of Envoy replies: its condition in CEL, and its error in both APIs; ``status`` overrides Envoy's."""

    condition: str
    message: str
    openai_type: str
    anthropic_type: str
    status: int | None = None


def local_reply_config(request_body_bytes_max: int, request_headers_max: int) -> dict[str, Any]:
    """``LocalReplyConfig``: errors that do not come from the processor get the API's JSON shape and keep their status.

    Args:
        request_body_bytes_max: [bytes] quoted in the message of a 413.
        request_headers_max: quoted in the message of a 431.
    Source: the error objects of the OpenAI and Anthropic APIs.
    """
    kinds = _kinds(request_body_bytes_max, request_headers_max)
    return {"mappers": [_mapper(kind, anthropic=anthropic) for kind in kinds for anthropic in (True, False)]}


def _kinds(request_body_bytes_max: int, request_headers_max: int) -> tuple[_Kind, ...]:
    """First match wins. Envoy's own messages are dropped: they contain server addresses."""
    too_large = f"The request body is larger than {request_body_bytes_max} bytes."
    unavailable = "The model service is not available. Please retry shortly."
    late = "The model service did not answer in time. Please retry shortly."
    failed = "The gateway could not complete the request."
    headers = (
        f"The request has too many headers, or too large ones. Send fewer than {request_headers_max}, with those that"
        " proxies add, and less than 60 KiB."
    )
    malformed = "The gateway refused the request: its path, headers or framing are malformed."
    too_many = f"response.code == 431 || response.code_details == '{_TOO_MANY_HEADERS}'"
    return (
        _Kind(too_many, headers, "invalid_request_error", "invalid_request_error", status=431),
        _Kind("response.code == 501", malformed, "invalid_request_error", "invalid_request_error"),
        _Kind("response.code == 503", unavailable, "service_unavailable_error", "overloaded_error"),
        _Kind("response.code == 504", late, "timeout_error", "timeout_error"),
        _Kind("response.code >= 500", failed, "server_error", "api_error"),
        _Kind("response.code == 413", too_large, "invalid_request_error", "request_too_large"),
        _Kind("response.code == 404", "Nothing is served at this path.", "invalid_request_error", "not_found_error"),
        _Kind("response.code >= 400", malformed, "invalid_request_error", "invalid_request_error"),
    )


def _mapper(kind: _Kind, *, anthropic: bool) -> dict[str, Any]:
    # an ImmediateResponse of the processor is a local reply too, and already has the right body
    condition = f"!response.code_details.startsWith('{REPLY_DETAILS_PREFIX}') && ({kind.condition})"
    body: dict[str, Any]
    if anthropic:
        condition += f" && request.path.startsWith('{ENDPOINT_PATHS['messages']}')"
        body = {"type": "error", "error": {"type": kind.anthropic_type, "message": kind.message}}
    else:
        body = {"error": {"message": kind.message, "type": kind.openai_type, "param": None, "code": "%RESPONSE_CODE%"}}
    status = {} if kind.status is None else {"status_code": kind.status}
    return {
        **status,
        "filter": {"extension_filter": {"name": _CEL_NAME, "typed_config": {"@type": _CEL, "expression": condition}}},
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }
