"""Callers by the headers of a trusted hop: one that signs them, or one with a listener of its own.

A signature covers a time, the method, the path, and the headers by their names. Each part ends with a line end, which
none of them can hold, so no other request has the same text. It does not cover the body: who can read a signature on
its way can use it until it is too old.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from extproc.domain.errors import ApiError
from extproc.domain.identity import CallerIdentity, is_identity_value, user_hash
from extproc.exchange.credentials import Caller, CallerRequest, CredentialRefused

NAME: Final = "trusted_hop"
_FIELDS: Final = ("team", "project", "budget_code", "tier")
_WRONG: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The signature of the identity headers is wrong."
)
_STALE: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "The signature of the identity headers is too old, or from the future. Check the clocks.",
)
_VALUES: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "An identity header of the trusted hop is missing, or cannot be used.",
)


class SigningKey(NamedTuple):
    """How a hop signs. Attributes: age_s_max: the largest age of a signature. [s]"""

    header: str
    key: bytes
    age_s_max: int


class HopSource:
    """The headers of trusted hops.

    Args:
        headers: names of the headers with team, project, budget code and tier, in this order.
        listeners: names of the listeners that are trusted hops.
        user_header: header with the user; empty: none.
    """

    name = NAME

    def __init__(
        self,
        headers: Sequence[str],
        signing: Sequence[SigningKey],
        listeners: frozenset[str],
        user_header: str = "",
        user_key: bytes = b"",
    ) -> None:
        self._headers = tuple(headers)
        self._signing = tuple(signing)
        self._listeners = listeners
        self._user_header = user_header
        self._user_key = user_key
        self._signed_names = (*headers, user_header) if user_header else self._headers

    def identify(self, request: CallerRequest) -> Caller | None:
        """The caller that the hop names. Raises: CredentialRefused."""
        headers = request.headers
        if request.hop and request.hop in self._listeners:
            return Caller(self._identity(headers)) if any(headers.get(name) for name in self._signed_names) else None
        for hop in self._signing:
            signature = headers.get(hop.header)
            if signature is not None:
                self._check(signature, hop, request)
                return Caller(self._identity(headers))
        return None

    def _check(self, signature: str, hop: SigningKey, request: CallerRequest) -> None:
        time, _, given = signature.removeprefix("t=").partition(",v1=")
        if not (signature.startswith("t=") and time.isascii() and time.isdecimal() and len(time) <= 12):
            raise CredentialRefused(NAME, "malformed", _WRONG)
        expected = hmac.digest(hop.key, signed_text(int(time), request.headers, self._signed_names), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise CredentialRefused(NAME, "unverified", _WRONG)
        if abs(request.utc_s - int(time)) > hop.age_s_max:
            raise CredentialRefused(NAME, "expired", _STALE)

    def _identity(self, headers: Mapping[str, str]) -> CallerIdentity:
        values = [headers.get(name, "") for name in self._headers]
        if not values[0] or not all(is_identity_value(value) for value in values if value):
            raise CredentialRefused(NAME, "unusable_claim", _VALUES)
        team, project, budget_code, tier = values
        user = headers.get(self._user_header, "") if self._user_header else ""
        return CallerIdentity(
            team, project, budget_code, user_hash(user, self._user_key) if user else "", tier, source=NAME
        )


def signed_text(time_s: int, headers: Mapping[str, str], names: Sequence[str]) -> bytes:
    """What a hop signs: ``v1``, the time, method and path, and each header as ``NAME:VALUE``, a line each."""
    first = ("v1", str(time_s), headers.get(":method", ""), headers.get(":path", ""))
    lines = [*first, *(f"{name}:{headers.get(name, '')}" for name in names)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
