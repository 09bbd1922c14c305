"""Callers by JWT. Envoy's filter ``jwt_authn`` has verified the token; here its claims are read, never the token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from extproc.config.identity import JwtSection
from extproc.domain.contract import JWT_CLAIMS, JWT_FAILURE
from extproc.domain.errors import ApiError
from extproc.domain.identity import CallerIdentity, is_identity_value, user_hash
from extproc.exchange.credentials import (
    Caller,
    CallerRequest,
    CredentialRefused,
    bearer_of,
    caller_of,
    is_jwt,
)

NAME: Final = "jwt"
_WRONG: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "The token is not valid here: it is malformed, or not signed by a known key.",
)
_EXPIRED: Final = ApiError(401, "invalid_request_error", "invalid_api_key", "The token has expired. Get a new one.")
_EARLY: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The token is not valid yet. Check the clock of its issuer."
)
_NOT_FOR_US: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The token is of another issuer, or for another audience."
)
_CLAIMS: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "A claim of the token that says who asks is missing, or cannot be used.",
)
_UNAVAILABLE: Final = ApiError(
    503, "server_error", "identity_unavailable", "The token could not be checked. Please retry shortly."
)
_OTHER_ISSUER: Final = "Jwt issuer is not configured"
_FAILURES: Final[Mapping[str, tuple[str, ApiError]]] = {
    "Jwt is expired": ("expired", _EXPIRED),
    "Jwt not yet valid": ("not_yet_valid", _EARLY),
    _OTHER_ISSUER: ("not_for_us", _NOT_FOR_US),
    "Audiences in Jwt are not allowed": ("not_for_us", _NOT_FOR_US),
    "Jwks remote fetch is failed": ("unavailable", _UNAVAILABLE),
}
"""Reason and error by what Envoy says. Source: jwt_verify_lib, ``getStatusString``."""


class JwtClaimsSource:
    """The tokens of one issuer.

    Args:
        number: of the source, in the names of Envoy's metadata.
        user_key: of user hashes.
        takes_others: whether a bearer token of any form is its credential, as no other source takes one.
        is_last: whether no other issuer follows.
    """

    name = NAME

    def __init__(
        self, section: JwtSection, number: int, user_key: bytes, *, takes_others: bool, is_last: bool = True
    ) -> None:
        self._section = section
        self._payload, self._failure = f"{JWT_CLAIMS}{number}", f"{JWT_FAILURE}{number}"
        self._user_key = user_key
        self._takes_others = takes_others
        self._is_last = is_last

    def identify(self, request: CallerRequest) -> Caller | None:
        """The caller that the claims name. Raises: CredentialRefused."""
        claims = request.verified.get(self._payload)
        if claims is not None:
            return caller_of(self._identity(claims), self._section.may_claim)
        if any(name.startswith(JWT_CLAIMS) for name in request.verified):
            return None  # another issuer's
        token = bearer_of(request.headers)
        if token is None or not (self._takes_others or is_jwt(token)):
            return None
        failure = request.verified.get(self._failure)
        said = failure.get("message", "") if isinstance(failure, Mapping) else ""
        if said == _OTHER_ISSUER and not self._is_last:
            return None
        reason, error = _FAILURES.get(said, ("unverified", _WRONG))
        raise CredentialRefused(NAME, reason, error)

    def _identity(self, claims: Mapping[str, Any]) -> CallerIdentity:
        names = self._section.claims
        user = "" if names.user is None else _text(claims.get(names.user))
        return CallerIdentity(
            _value(claims, names.team, is_needed=True),
            _value(claims, names.project),
            _value(claims, names.budget_code),
            user_hash(user, self._user_key) if user else "",
            _value(claims, names.tier),
            source=NAME,
        )


def _value(claims: Mapping[str, Any], name: str | None, *, is_needed: bool = False) -> str:
    """What a claim says; empty if there is none. Raises: CredentialRefused for what cannot be a name."""
    claim = None if name is None else claims.get(name)
    if claim is None and not is_needed:
        return ""
    text = _text(claim)
    if not is_identity_value(text):
        raise CredentialRefused(NAME, "unusable_claim", _CLAIMS)
    return text


def _text(claim: Any) -> str:
    if isinstance(claim, list) and len(claim) == 1:
        claim = claim[0]
    return claim if isinstance(claim, str) else ""
