"""What a request brings to say who asks, and how a wrong credential is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from extproc.config.identity import ANY, AUTHORIZATION, MayClaim
from extproc.domain.errors import ApiError
from extproc.domain.identity import CallerIdentity, is_identity_value

NO_SOURCE: Final = "none"
"""Source of a refusal for want of any credential."""


class CallerRequest(NamedTuple):
    """The parts of a request that may say who asks.

    Attributes:
        verified: what Envoy's JWT filter says of a token, by the names in its configuration.
        hop: the trusted listener through which it came; empty: the one for clients.
        utc_s: the time now, since 1970. [s]
    """

    headers: Mapping[str, str]
    verified: Mapping[str, Any]
    hop: str
    utc_s: float


class Caller(NamedTuple):
    """An identity, and what its caller may choose by header; ``ANY`` stands for all."""

    identity: CallerIdentity
    projects: frozenset[str] = frozenset()
    budget_codes: frozenset[str] = frozenset()

    def may(self, field: str, claimed: str) -> bool:
        """Whether it may claim a project or a budget code that is not its own."""
        allowed = self.projects if field == "project" else self.budget_codes if field == "budget_code" else ()
        return claimed in allowed or (ANY in allowed and is_identity_value(claimed))


def caller_of(identity: CallerIdentity, may_claim: MayClaim) -> Caller:
    """A caller with what its section allows."""
    return Caller(identity, frozenset(may_claim.projects), frozenset(may_claim.budget_codes))


class CredentialRefused(Exception):
    """A credential is wrong.

    Args:
        reason: in one word, for metrics and log.
        key_id: of the key, if it is known.
    """

    def __init__(self, source: str, reason: str, error: ApiError, key_id: str = "") -> None:
        super().__init__(reason)
        self.source, self.reason, self.error, self.key_id = source, reason, error, key_id


class IdentitySource(Protocol):
    """One source of identities."""

    name: str

    def identify(self, request: CallerRequest) -> Caller | None:
        """The caller; None if the request has no credential of this kind. Raises: CredentialRefused."""
        ...


def bearer_of(headers: Mapping[str, str]) -> str | None:
    """The token of ``authorization: Bearer TOKEN``, whatever the case of the word; None without the header.

    Of another scheme it is empty, which is no token either.
    """
    value = headers.get(AUTHORIZATION)
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_jwt(token: str) -> bool:
    """Whether a token has the form of a JWT, which no API key has that we make. Envoy's rule for it is the same."""
    return token.count(".") == 2
