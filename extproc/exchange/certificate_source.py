"""Callers by client certificate, as Envoy tells it in ``x-forwarded-client-cert``.

Envoy replaces what a client sends in that header (``SANITIZE_SET``). One element is one hop: several would leave open
whose certificate counts, and are refused.

Source: Envoy's documentation of the header: elements are separated by ``,``, pairs by ``;``, and a value that has one
of ``,;=`` is quoted, with ``\\"`` for a quotation mark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from extproc.config.identity import ANY, XFCC_HEADER, CertificateCaller
from extproc.domain.errors import ApiError
from extproc.domain.identity import CallerIdentity
from extproc.exchange.credentials import Caller, CallerRequest, CredentialRefused, caller_of

NAME: Final = "client_certificate"
_NAMES: Final = frozenset({"uri", "dns"})
_UNKNOWN: Final = ApiError(401, "invalid_request_error", "invalid_api_key", "The client certificate is not known here.")
_AMBIGUOUS: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "More than one client certificate was forwarded. One hop may forward one.",
)
_MALFORMED: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The forwarded client certificate cannot be read."
)


class CertificateSource:
    """Certificates by their names (SAN)."""

    name = NAME

    def __init__(self, callers: Iterable[CertificateCaller]) -> None:
        self._callers = [(one.san.removesuffix(ANY), one.san.endswith(ANY), _caller(one)) for one in callers]

    def identify(self, request: CallerRequest) -> Caller | None:
        """The first caller of whom the certificate has a name. Raises: CredentialRefused."""
        forwarded = request.headers.get(XFCC_HEADER)
        if not forwarded:
            return None
        try:
            elements = list(elements_of(forwarded))
        except ValueError:
            raise CredentialRefused(NAME, "malformed", _MALFORMED) from None
        if len(elements) != 1:
            raise CredentialRefused(NAME, "ambiguous", _AMBIGUOUS)
        names = [value for key, value in elements[0] if key in _NAMES]
        for san, is_beginning, caller in self._callers:
            if any(name.startswith(san) if is_beginning else name == san for name in names):
                return caller
        raise CredentialRefused(NAME, "unknown", _UNKNOWN)


def _caller(one: CertificateCaller) -> Caller:
    identity = CallerIdentity(one.team, one.project or "", one.budget_code or "", "", one.tier or "", source=NAME)
    return caller_of(identity, one.may_claim)


def elements_of(forwarded: str) -> Iterator[list[tuple[str, str]]]:
    """The elements of the header: keys in lower case, and values. Raises: ValueError."""
    pairs: list[tuple[str, str]] = []
    at = 0
    while True:
        equals = forwarded.find("=", at)
        if equals < 0:
            raise ValueError("a pair without `=`")
        key = forwarded[at:equals].strip().lower()
        value, at = _value(forwarded, equals + 1)
        pairs.append((key, value))
        if at == len(forwarded):
            yield pairs
            return
        if forwarded[at] == ",":
            yield pairs
            pairs = []
        at += 1


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins at ``at``, and the place of the sign that ends it."""
    if text[at : at + 1] != '"':
        ends = [end for end in (text.find(sign, at) for sign in ",;") if end >= 0]
        end = min(ends, default=len(text))
        return text[at:end].strip(), end
    value, at = "", at + 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\":
            at += 1
        value += text[at : at + 1]
        at += 1
    if at >= len(text) or text[at + 1 : at + 2] not in ("", ",", ";"):
        raise ValueError("a quoted value that does not end")
    return value, at + 1
