"""Envoy's own errors in a shape that client libraries can parse.

Envoy replies itself when a body is too large, no version is reachable or the processor is down. Clients of the OpenAI
or the Anthropic API expect that API's error object, so each kind of error is mapped to both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from extproc.domain.contract import ENDPOINT_PATHS, EXCHANGE_ID_HEADER, METADATA_NAMESPACE, REPLY_DETAILS_PREFIX

_TOO_MANY_HEADERS = "response.code == 431 || response.code_details == 'header_mutation_result_exceeds_limit'"
"""The processor's headers may exceed the limit only together with the client's: by itself a 500 or 503."""
_PROCESSOR_FAILED = "response.code_details.startsWith('ext_proc_error')"
"""The processor is gone, fails, or is late."""
_NO_ROUTE = "response.code_details in ['direct_response', 'cluster_not_found']"
"""The processor chose a version that this Envoy does not know: no other route replies 503."""

_NO_MODEL = "(response.code_details.startsWith('upstream_') || response.code_details == 'no_healthy_upstream')"
"""No server of the version answers."""

_EXCHANGE_IDS = ("%UNIQUE_ID%", f"%DYNAMIC_METADATA({METADATA_NAMESPACE}:exchange)%")
"""The processor's id if Envoy knows it, else one that only Envoy's access log has. Never the client's
``x-request-id``. A processor that sees the reply sets its own.
"""

_CEL_NAME = "envoy.access_loggers.extension_filters.cel"
_CEL = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"


@dataclass(frozen=True, slots=True)
class EnvoyError:
    """A class of Envoy replies: its condition in CEL, and its error in both APIs; ``status`` overrides Envoy's."""

    code: str
    condition: str
    message: str
    openai_type: str
    anthropic_type: str
    status: int | None = None


def local_reply_config(
    request_body_bytes_max: int, request_headers_max: int, processor_failed_status: int | None = None
) -> dict[str, Any]:
    """``LocalReplyConfig``: errors that do not come from the processor get the API's JSON shape and keep their status.

    Args:
        request_body_bytes_max: [bytes] quoted in the message of a 413.
        request_headers_max: quoted in the message of a 431.
        processor_failed_status: in place of 503 and 504 where the processor is the cause.
    Source: the error objects of the OpenAI and Anthropic APIs.
    """
    errors = [
        replace(error, status=processor_failed_status) if _PROCESSOR_FAILED in error.condition else error
        for error in envoy_errors(str(request_body_bytes_max), str(request_headers_max))
    ]
    return {"mappers": [_mapper(error, anthropic=anthropic) for error in errors for anthropic in (True, False)]}


def envoy_errors(request_body_bytes_max: str, request_headers_max: str) -> tuple[EnvoyError, ...]:
    """All errors of Envoy's own; the first whose condition holds is sent. Args: as above.

    They say what a client may know. Envoy's own messages are dropped: they contain server addresses.
    """
    too_large = f"The request body is larger than {request_body_bytes_max} bytes."
    unchecked = "The gateway could not check the request or its response. Please retry shortly."
    unchecked_in_time = "The gateway did not check the request or its response in time. Please retry shortly."
    unrouted = "The chosen model version is not available yet. Please retry shortly."
    unavailable = "The model service is not available. Please retry shortly."
    late = "The model service did not answer in time. Please retry shortly."
    headers = (
        f"The request has too many headers, or too large ones. Send fewer than {request_headers_max}, with those that"
        " proxies add, and less than 60 KiB."
    )
    malformed = "The gateway refused the request: its path, headers or framing are malformed."
    slow = "The request did not arrive in time. Send it again."
    return (
        _client_error("headers_too_large", _TOO_MANY_HEADERS, headers, status=431),
        _client_error("malformed_request", "response.code == 501", malformed),
        _timeout("checks_timeout", f"response.code == 504 && {_PROCESSOR_FAILED}", unchecked_in_time),
        _unavailable("checks_unavailable", f"response.code == 503 && {_PROCESSOR_FAILED}", unchecked),
        _unavailable("version_unavailable", f"response.code == 503 && {_NO_ROUTE}", unrouted),
        _unavailable("model_unavailable", f"response.code == 503 && {_NO_MODEL}", unavailable),
        _timeout("model_timeout", "response.code == 504", late),
        EnvoyError(
            "gateway_error",
            "response.code >= 500",
            "The gateway could not complete the request.",
            "server_error",
            "api_error",
        ),
        _client_error("request_too_large", "response.code == 413", too_large, "request_too_large"),
        _client_error("request_timeout", "response.code == 408", slow),
        _client_error("path_not_found", "response.code == 404", "Nothing is served at this path.", "not_found_error"),
        _client_error("malformed_request", "response.code >= 400", malformed),
    )


def _client_error(
    code: str, condition: str, message: str, anthropic_type: str = "invalid_request_error", status: int | None = None
) -> EnvoyError:
    return EnvoyError(code, condition, message, "invalid_request_error", anthropic_type, status)


def _unavailable(code: str, condition: str, message: str) -> EnvoyError:
    return EnvoyError(code, condition, message, "service_unavailable_error", "overloaded_error")


def _timeout(code: str, condition: str, message: str) -> EnvoyError:
    return EnvoyError(code, condition, message, "timeout_error", "timeout_error")


def _mapper(error: EnvoyError, *, anthropic: bool) -> dict[str, Any]:
    # an ImmediateResponse of the processor is a local reply too, and already has the right body
    condition = f"!response.code_details.startsWith('{REPLY_DETAILS_PREFIX}') && ({error.condition})"
    body: dict[str, Any]
    if anthropic:
        condition += f" && request.path.startsWith('{ENDPOINT_PATHS['messages']}')"
        body = {"type": "error", "error": {"type": error.anthropic_type, "message": error.message}}
    else:
        body = {"error": {"message": error.message, "type": error.openai_type, "param": None, "code": error.code}}
    status = {} if error.status is None else {"status_code": error.status}
    return {
        **status,
        "filter": {"extension_filter": {"name": _CEL_NAME, "typed_config": {"@type": _CEL, "expression": condition}}},
        "headers_to_add": [_exchange_id(value) for value in _EXCHANGE_IDS],
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _exchange_id(value: str) -> dict[str, Any]:
    header = {"key": EXCHANGE_ID_HEADER, "value": value}
    return {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
