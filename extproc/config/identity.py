"""Who asks: where an identity comes from, the headers that name a caller, and the values that are known.

Sources are tried in order. The first for which a request carries a credential decides; a wrong one is refused.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from extproc.config.section import EnvoysPath, FilePath, HeaderName, HostPort, Name, PathRule, Section

ANY: Final = "*"
AUTHORIZATION: Final = "authorization"
API_KEY_HEADER: Final = "x-api-key"
XFCC_HEADER: Final = "x-forwarded-client-cert"

IdentityText = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/@:+-]*$", max_length=100),
    Field(
        json_schema_extra={
            "patternErrorMessage": ("1 to 100 letters, digits, blanks or `._/@:+-`, the first a letter or digit")
        }
    ),
]
Claimable = Annotated[
    str,
    StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9 ._/@:+-]*)$", max_length=100),
    Field(json_schema_extra={"patternErrorMessage": "a name, or `*` for any"}),
]
ClaimName = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]+$", max_length=200),
    Field(json_schema_extra={"patternErrorMessage": "the name of a claim, such as `sub`"}),
]
SanPattern = Annotated[
    str,
    StringConstraints(pattern=r"^[!-)+-~]+\*?$", max_length=301),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a name of a certificate (URI or DNS), exact, or its beginning and `*`"
        }
    ),
]
JwksUri = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[a-zA-Z0-9._-]+(:[0-9]{1,5})?/[!-~]*$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "a URL such as `https://login.example.com/keys`",
            "environment": True,
        }
    ),
]


class MayClaim(Section):
    """What a caller may choose itself, with a header."""

    projects: tuple[Claimable, ...] = Field(default=(), description="projects besides its own; `*`: any")
    budget_codes: tuple[Claimable, ...] = Field(default=(), description="budget codes besides its own; `*`: any")


# --- sources -------------------------------------------------------------------------------------------------------


class ApiKeySection(Section):
    """An API key: `authorization: Bearer KEY`, or `x-api-key: KEY`."""

    source: Literal["api_key"]
    file: FilePath = Field(description="file of hashed keys, which `extproc keys` writes")


class JwtClaims(Section):
    """Which claim of a token is what; the value of a claim is a text, or a list with one."""

    team: ClaimName = Field(description="claim with the team")
    project: ClaimName | None = Field(default=None, description="claim with the project; default: none")
    budget_code: ClaimName | None = Field(default=None, description="claim with the budget code; default: none")
    tier: ClaimName | None = Field(default=None, description="claim with the tier; default: none")
    user: ClaimName | None = Field(default=None, description="claim with the user, such as `sub`; default: none")


class JwtSection(Section):
    """A JWT (`authorization: Bearer TOKEN`), which Envoy verifies. Files are paths on Envoy's machine."""

    source: Literal["jwt"]
    issuer: str = Field(min_length=1, max_length=500, description="`iss` of its tokens")
    audiences: tuple[Annotated[str, StringConstraints(min_length=1, max_length=500)], ...] = Field(
        min_length=1, description="values of which `aud` must have one"
    )
    jwks_file: EnvoysPath | None = Field(default=None, description="file with the issuer's public keys (JWKS)")
    jwks_uri: JwksUri | None = Field(default=None, description="in place of `jwks_file`: URL of these keys")
    ca_file: EnvoysPath = Field(
        default="/etc/ssl/certs/ca-certificates.crt",
        description="CAs in PEM of which one signed the certificate of that URL",
    )
    claims: JwtClaims = Field(description="which claim is what")
    may_claim: MayClaim = Field(default_factory=MayClaim, description="what its callers may choose by header")


class CertificateCaller(Section):
    """A client certificate, and whose it is."""

    san: SanPattern = Field(description="URI or DNS name of the certificate, exact or with `*` at its end")
    team: Name = Field(description="team")
    project: IdentityText | None = Field(default=None, description="project; default: none")
    budget_code: IdentityText | None = Field(default=None, description="budget code; default: none")
    tier: Name | None = Field(default=None, description="tier; default: none")
    may_claim: MayClaim = Field(default_factory=MayClaim, description="what it may choose by header")


class CertificateSection(Section):
    """The client certificate, as Envoy tells it in `x-forwarded-client-cert`."""

    source: Literal["client_certificate"]
    callers: tuple[CertificateCaller, ...] = Field(
        min_length=1, description="known certificates; the first that matches applies"
    )


class TrustedHopSection(Section):
    """The headers of `identity`, from a hop of `trusted_hops`."""

    source: Literal["trusted_hop"]
    user_header: HeaderName | None = Field(default=None, description="header with the user; default: none")


AnySourceSection = Annotated[
    ApiKeySection | JwtSection | CertificateSection | TrustedHopSection, Field(discriminator="source")
]


# --- trusted hops --------------------------------------------------------------------------------------------------


class SignedHop(Section):
    """A hop that signs the headers of `identity` with a key that both have."""

    hop: Literal["signed"]
    key_file: FilePath = Field(description="file with the key, 16 to 64 bytes")
    header: HeaderName = Field(default="x-identity-signature", description="header with the signature")
    age_s_max: int = Field(default=60, ge=1, le=3_600, description="largest age of a signature, either way")


class ListenerHop(Section):
    """A listener of Envoy of its own, which only a trusted hop can reach."""

    hop: Literal["listener"]
    listen: HostPort = Field(description="its address; keep clients away from it")


TrustedHop = Annotated[SignedHop | ListenerHop, Field(discriminator="hop")]


class Identity(Section):
    """Who asks. Without `sources` the headers are believed: set them at a trusted hop, and strip them from clients."""

    sources: tuple[AnySourceSection, ...] = Field(
        default=(),
        description="where an identity comes from; the first with a credential decides. Empty: headers are believed",
    )
    required: bool = Field(
        default=True, description="with `sources`: refuse requests without a credential; false: their team is unknown"
    )
    open_paths: tuple[PathRule, ...] = Field(
        default=("GET /health",), description="METHOD PATH that need no credential, of `requests.allow_paths`"
    )
    claims: Literal["refuse", "replace"] = Field(
        default="refuse",
        description="with `sources`: a header that claims more than the identity may: refuse, or replace and count it",
    )
    trusted_hops: tuple[TrustedHop, ...] = Field(default=(), description="hops whose headers `trusted_hop` takes")
    user_field: bool = Field(
        default=False,
        description="without another user, take that of the body: `user`, `safety_identifier` or `metadata.user_id`",
    )
    user_hash_key_file: FilePath | None = Field(
        default=None, description="file with the key of user hashes, 16 to 64 bytes; needed where a user is taken"
    )
    team_header: HeaderName = Field(default="x-team", description="header with the team")
    project_header: HeaderName = Field(default="x-project", description="header with the project")
    budget_code_header: HeaderName = Field(default="x-budget-code", description="header with the budget code")
    tier_header: HeaderName = Field(default="x-tier", description="header with the tier, for `routes`")
    tag_header: HeaderName = Field(default="x-use-case", description="header with the use case, for `routes`")
    teams: tuple[Name, ...] = Field(
        default=(), description="known teams; others count as `other`. Empty: all, up to a limit"
    )
    private_teams: tuple[Name, ...] = Field(
        default=(), description="teams whose exchanges never go to a provider, whatever their policy says"
    )
    tiers: tuple[Name, ...] = Field(default=(), description="known tiers; others count as `other`. Empty: all")
    tags: tuple[Name, ...] = Field(default=(), description="known use cases; others count as `other`. Empty: all")
    label_values_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description=(
            "maximum distinct values of one label; further values count as `other` until one has not been seen "
            "for an hour"
        ),
    )


def credential_headers(source: AnySourceSection, identity: Identity) -> tuple[str, ...]:
    """The headers in which a source looks for its credential. They never reach a model server."""
    if isinstance(source, ApiKeySection):
        return AUTHORIZATION, API_KEY_HEADER
    if isinstance(source, JwtSection):
        return (AUTHORIZATION,)
    if isinstance(source, CertificateSection):
        return (XFCC_HEADER,)
    signatures = tuple(hop.header for hop in identity.trusted_hops if isinstance(hop, SignedHop))
    return signatures if source.user_header is None else (*signatures, source.user_header)


def takes_users(identity: Identity) -> bool:
    """Whether users are told apart, so that a key of their hashes is needed."""
    return identity.user_field or any(
        (isinstance(one, JwtSection) and one.claims.user is not None)
        or (isinstance(one, TrustedHopSection) and one.user_header is not None)
        for one in identity.sources
    )


def identity_in_words(identity: Identity) -> str:
    """How sure it is who asks, for the log and the readiness page."""
    if not identity.sources:
        return "teams are only claimed"
    return f"settled by {', '.join(dict.fromkeys(one.source for one in identity.sources))}"
