"""Settles who asks, once, with the headers of a request.

The sources of ``identity.sources`` are asked in order. The first for which the request has a credential decides; a
wrong one is refused, and no later source is asked: else a forged key would become another caller. What filters see of
the headers agrees with the result, so each reader of a header of ``identity`` reads what was settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from extproc.config.api_keys import known_api_keys
from extproc.config.identity import (
    ApiKeySection,
    CertificateSection,
    Identity,
    JwtSection,
    ListenerHop,
    SignedHop,
    credential_headers,
)
from extproc.domain.errors import ApiError, PayloadRefused
from extproc.domain.identity import ANONYMOUS, CallerIdentity
from extproc.exchange.api_key_source import ApiKeySource
from extproc.exchange.certificate_source import CertificateSource
from extproc.exchange.credentials import (
    NO_SOURCE,
    Caller,
    CallerRequest,
    CredentialRefused,
    IdentitySource,
)
from extproc.exchange.hop_source import HopSource, SigningKey
from extproc.exchange.jwt_source import JwtClaimsSource

_MISSING: Final = ApiError(
    401,
    "invalid_request_error",
    "missing_credentials",
    "The request has no credentials. Send an API key as `authorization: Bearer KEY`, or as `x-api-key`.",
)
_NOBODY: Final = Caller(CallerIdentity("", source=ANONYMOUS))


class SettledCaller(NamedTuple):
    """Who asks.

    Attributes:
        headers: of the request, without credentials, and with the identity that was settled.
        exceeded: parts of the identity of which a header claims more than it may.
    """

    identity: CallerIdentity
    headers: Mapping[str, str]
    exceeded: tuple[str, ...] = ()


class ClaimRefused(PayloadRefused):
    """A header claims more than the identity of its request may. Args: exceeded: which parts of the identity."""

    def __init__(self, identity: CallerIdentity, exceeded: tuple[str, ...], header: str) -> None:
        message = (
            f"The header {header} names what your credentials may not use. Leave it out, or send what they stand for."
        )
        super().__init__(ApiError(403, "permission_error", "identity_not_allowed", message))
        self.identity, self.exceeded = identity, exceeded


@dataclass(frozen=True, slots=True)
class CallerSources:
    """The sources of a configuration.

    Attributes:
        open_paths, open_methods: METHOD PATH that need no credential, and their methods.
        credential_headers: removed from each request, before filters and model servers see it.
        claim_headers, claimable: part of the identity and header, of what a client may claim; and these headers.
    """

    sources: tuple[IdentitySource, ...]
    required: bool
    replaces: bool
    open_paths: frozenset[str]
    open_methods: frozenset[str]
    credential_headers: tuple[str, ...]
    claim_headers: tuple[tuple[str, str], ...]
    claimable: frozenset[str]

    def settle(self, request: CallerRequest) -> SettledCaller:
        """Who asks. Raises: CredentialRefused; ClaimRefused for a claim beyond that."""
        headers = request.headers
        method = headers.get(":method", "")
        if method in self.open_methods and f"{method} {headers.get(':path', '').partition('?')[0]}" in self.open_paths:
            return SettledCaller(_NOBODY.identity, self.seen_headers(headers, _NOBODY.identity))
        caller = self._caller(request)
        identity = caller.identity
        if self.claimable.isdisjoint(headers):
            return SettledCaller(identity, self.seen_headers(headers, identity))
        chosen: dict[str, str] = {}
        exceeded: list[tuple[str, str]] = []
        for part, header in self.claim_headers:
            claimed = headers.get(header)
            if not claimed or claimed == getattr(identity, part):
                continue
            if caller.may(part, claimed):
                chosen[part] = claimed
            else:
                exceeded.append((part, header))
        if exceeded and not self.replaces:
            raise ClaimRefused(identity, tuple(part for part, _ in exceeded), exceeded[0][1])
        if chosen:
            identity = CallerIdentity(
                identity.team,
                chosen.get("project", identity.project),
                chosen.get("budget_code", identity.budget_code),
                identity.user,
                identity.tier,
                identity.key_id,
                identity.source,
            )
        return SettledCaller(
            identity,
            self.seen_headers(headers, identity),
            tuple(part for part, _ in exceeded),
        )

    def seen_headers(self, headers: Mapping[str, str], identity: CallerIdentity) -> dict[str, str]:
        """The headers of a request as filters see them."""
        seen = dict(headers)
        for header in self.credential_headers:
            seen.pop(header, None)
        values = identity.team, identity.project, identity.budget_code, identity.tier
        for (_, header), value in zip(self.claim_headers, values, strict=True):
            if value:
                seen[header] = value
            elif header in seen:
                del seen[header]
        return seen

    def _caller(self, request: CallerRequest) -> Caller:
        for source in self.sources:
            caller = source.identify(request)
            if caller is not None:
                return caller
        if self.required:
            raise CredentialRefused(NO_SOURCE, "missing", _MISSING)
        return _NOBODY


def compile_sources(section: Identity, files: Mapping[str, bytes]) -> CallerSources | None:
    """The sources of a validated section; None if it has none, and headers are believed.

    Args: files: content of each file that the section names, by its path in the document.
    """
    if not section.sources:
        return None
    compiled = [_compiled(number, section, files) for number in range(len(section.sources))]
    headers: dict[str, None] = {}
    for source in section.sources:
        headers |= dict.fromkeys(credential_headers(source, section))
    claims = (
        ("team", section.team_header),
        ("project", section.project_header),
        ("budget_code", section.budget_code_header),
        ("tier", section.tier_header),
    )
    return CallerSources(
        tuple(compiled),
        section.required,
        section.claims == "replace",
        frozenset(section.open_paths),
        frozenset(rule.partition(" ")[0] for rule in section.open_paths),
        tuple(headers),
        claims,
        frozenset(header for _, header in claims),
    )


def user_key_of(section: Identity, files: Mapping[str, bytes]) -> bytes:
    """The key of user hashes; empty if no user is taken."""
    return b"" if section.user_hash_key_file is None else files[section.user_hash_key_file]


def _compiled(number: int, section: Identity, files: Mapping[str, bytes]) -> IdentitySource:
    source, kinds = section.sources[number], [one.source for one in section.sources]
    user_key = user_key_of(section, files)
    if isinstance(source, ApiKeySection):
        keys = known_api_keys(files[source.file].decode())
        return ApiKeySource(keys, leaves_tokens="jwt" in kinds)
    if isinstance(source, JwtSection):
        is_last = "jwt" not in kinds[number + 1 :]
        return JwtClaimsSource(source, number, user_key, takes_others="api_key" not in kinds, is_last=is_last)
    if isinstance(source, CertificateSection):
        return CertificateSource(source.callers)
    hops = section.trusted_hops
    return HopSource(
        (section.team_header, section.project_header, section.budget_code_header, section.tier_header),
        [SigningKey(hop.header, files[hop.key_file], hop.age_s_max) for hop in hops if isinstance(hop, SignedHop)],
        frozenset(hop.listen for hop in hops if isinstance(hop, ListenerHop)),
        source.user_header or "",
        user_key,
    )
