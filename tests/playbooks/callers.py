"""Callers with credentials of each kind, and the files that know them."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from extproc.domain.api_keys import hash_of, key_of
from extproc.exchange.hop_source import signed_text

NOW_S = 1_796_040_000  # 2026-11-30 12:00
SEARCH, ATLAS, REVOKED, EXPIRED, ROTATED, BEFORE, LATE, STRANGER = (key_of(bytes([one]) * 32) for one in range(8))
KEYS = f"""\
keys:
  - {{ id: search-1, hash: "{hash_of(SEARCH)}", team: search, may_claim: {{ projects: [index], budget_codes: ["*"] }} }}
  - {{ id: atlas-1, hash: "{hash_of(ATLAS)}", team: atlas, project: maps, budget_code: b-7, tier: gold }}
  - {{ id: gone-1, hash: "{hash_of(REVOKED)}", team: search, revoked: "2026-01-01T00:00:00Z" }}
  - {{ id: old-1, hash: "{hash_of(EXPIRED)}", team: search, expires: "2026-11-30T12:00:00Z" }}
  - id: new-1
    hash: {hash_of(ROTATED)}
    team: search
    previous: {{ hash: "{hash_of(BEFORE)}", until: "2026-11-30T12:00:01Z" }}
  - id: new-2
    hash: sha256:{"0" * 64}
    team: search
    previous: {{ hash: "{hash_of(LATE)}", until: "2026-11-30T12:00:00Z" }}
"""
HOP_KEY, USER_KEY = b"the key of the hop", b"the key of the users"
FILES = {"keys.yaml": KEYS.encode(), "hop.key": HOP_KEY, "users.key": USER_KEY}

API_KEY: dict[str, Any] = {"source": "api_key", "file": "keys.yaml"}
JWT: dict[str, Any] = {
    "source": "jwt",
    "issuer": "https://login.example",
    "audiences": ["llm"],
    "jwks_file": "/etc/jwks.json",
    "claims": {"team": "team", "project": "project", "tier": "tier", "user": "sub"},
    "may_claim": {"projects": ["*"]},
}
CERTIFICATE: dict[str, Any] = {
    "source": "client_certificate",
    "callers": [
        {"san": "spiffe://example/ns/search/*", "team": "search", "may_claim": {"projects": ["index"]}},
        {"san": "atlas.example", "team": "atlas", "tier": "gold"},
    ],
}
HOP: dict[str, Any] = {"source": "trusted_hop", "user_header": "x-user"}
HOPS: list[dict[str, Any]] = [
    {"hop": "signed", "key_file": "hop.key"},
    {"hop": "listener", "listen": "127.0.0.1:10001"},
]
LISTENER = "127.0.0.1:10001"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln"
CLAIMS: dict[str, Any] = {"team": "search", "sub": "ann@example.org", "exp": 1.0, "project": ["index"]}


def verified(claims: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
    """What Envoy says of a token that it has verified."""
    return {f"llm_claims_{number}": dict(claims)}


def failed(message: str, number: int = 0) -> dict[str, Any]:
    """What it says of one that it has not."""
    return {f"llm_failure_{number}": {"code": 1.0, "message": message}}


def signature(headers: Mapping[str, str], time_s: int = NOW_S, key: bytes = HOP_KEY) -> str:
    """What the trusted hop sends with these headers."""
    names = ("x-team", "x-project", "x-budget-code", "x-tier", "x-user")
    return f"t={time_s},v1={hmac.digest(key, signed_text(time_s, headers, names), 'sha256').hex()}"
