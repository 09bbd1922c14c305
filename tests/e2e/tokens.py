"""An issuer of tokens (JWT, ES256) for tests."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ISSUER, AUDIENCE = "https://login.example", "llm"
HOUR_S = 3_600
_NUMBER_BYTES = 32


class Issuer:
    """One signing key, with its public half as Envoy reads it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> str:
        """The public key, as a JWKS."""
        numbers = self._key.public_key().public_numbers()
        x, y = (_encoded(number.to_bytes(_NUMBER_BYTES, "big")) for number in (numbers.x, numbers.y))
        key = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1", "x": x, "y": y}
        return json.dumps({"keys": [key]})

    def token(self, *, begins_s: float = 0, lasts_s: float = HOUR_S, **claims: Any) -> str:
        """A token of these claims, without those that are None. Args: begins_s, lasts_s: from now on."""
        now_s = int(time.time())
        times = {"iat": now_s, "nbf": int(now_s + begins_s), "exp": int(now_s + lasts_s)}
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann@example.org", **times, **claims}
        said = {name: value for name, value in said.items() if value is not None}
        head = {"alg": "ES256", "typ": "JWT", "kid": "k1"}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, said))
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")
        return f"{signed}.{_encoded(signature)}"


def unsigned(token: str) -> str:
    """The same claims under the algorithm ``none``."""
    head = _encoded(json.dumps({"alg": "none", "typ": "JWT"}).encode())
    return f"{head}.{token.split('.')[1]}."


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
