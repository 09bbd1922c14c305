"""Callers by API key: one hash and one look-up a request."""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from extproc.config.api_keys import ApiKey
from extproc.config.identity import API_KEY_HEADER
from extproc.config.routes import seconds_of
from extproc.domain.api_keys import HASH_PREFIX, digest_of, is_mistyped
from extproc.domain.errors import ApiError
from extproc.domain.identity import CallerIdentity
from extproc.exchange.credentials import (
    Caller,
    CallerRequest,
    CredentialRefused,
    bearer_of,
    caller_of,
    is_jwt,
)

NAME: Final = "api_key"
_EMPTY: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "The API key is empty. Send it as `authorization: Bearer KEY`, or as `x-api-key: KEY`.",
)
_AMBIGUOUS: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The request has two API keys that differ. Send one of them."
)
_MISTYPED: Final = ApiError(
    401,
    "invalid_request_error",
    "invalid_api_key",
    "The API key is mistyped: its last characters do not fit the others. Copy it again, whole.",
)
_UNKNOWN: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The API key is not known here. Check it, or ask for another one."
)
_REVOKED: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The API key was revoked. Ask for another one."
)
_EXPIRED: Final = ApiError(
    401, "invalid_request_error", "invalid_api_key", "The API key has expired. Ask for another one."
)


class _Known(NamedTuple):
    """A key that is known.

    Attributes:
        until_s: when it expires, since 1970. [s]
        revoked: whether it is refused already.
    """

    digest: bytes
    caller: Caller
    until_s: float
    revoked: bool


class ApiKeySource:
    """The keys of one file.

    Args: leaves_tokens: whether a token with the form of a JWT is for another source.
    """

    name = NAME

    def __init__(self, keys: Iterable[ApiKey], *, leaves_tokens: bool) -> None:
        self._known = {known.digest: known for key in keys for known in _hashes(key)}
        self._leaves_tokens = leaves_tokens

    def identify(self, request: CallerRequest) -> Caller | None:
        """The owner of the key. Raises: CredentialRefused."""
        key = self._presented(request)
        if key is None:
            return None
        digest = digest_of(key)
        known = self._known.get(digest)
        if known is None or not hmac.compare_digest(known.digest, digest):
            mistyped = is_mistyped(key)
            raise CredentialRefused(NAME, "malformed" if mistyped else "unknown", _MISTYPED if mistyped else _UNKNOWN)
        if known.revoked:
            raise CredentialRefused(NAME, "revoked", _REVOKED, known.caller.identity.key_id)
        if request.utc_s >= known.until_s:
            raise CredentialRefused(NAME, "expired", _EXPIRED, known.caller.identity.key_id)
        return known.caller

    def _presented(self, request: CallerRequest) -> str | None:
        key, token = request.headers.get(API_KEY_HEADER), bearer_of(request.headers)
        if token is not None and self._leaves_tokens and is_jwt(token):
            token = None
        if key is None:
            key = token
        elif token is not None and token != key.strip():
            raise CredentialRefused(NAME, "ambiguous", _AMBIGUOUS)
        if key is None:
            return None
        key = key.strip()
        if not key:
            raise CredentialRefused(NAME, "empty", _EMPTY)
        return key


def _hashes(key: ApiKey) -> Iterator[_Known]:
    """The hashes of a key: its own, and the one before it, which ends with its grace."""
    identity = CallerIdentity(
        key.team, key.project or "", key.budget_code or "", "", key.tier or "", key_id=key.id, source=NAME
    )
    caller, revoked = caller_of(identity, key.may_claim), key.revoked is not None
    until_s = math.inf if key.expires is None else seconds_of(key.expires)
    yield _Known(_digest(key.hash), caller, until_s, revoked)
    if key.previous is not None:
        yield _Known(_digest(key.previous.hash), caller, min(until_s, seconds_of(key.previous.until)), revoked)


def _digest(key_hash: str) -> bytes:
    return bytes.fromhex(key_hash.removeprefix(HASH_PREFIX))
