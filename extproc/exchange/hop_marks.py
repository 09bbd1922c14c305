"""The mark by which a hop in front vouches for one request: how it is signed, and how it is checked.

    KEY.PAYLOAD.SIGNATURE

KEY tells which key signed. PAYLOAD is JSON in base64; nothing of it is read before SIGNATURE, an HMAC-SHA256 of what
stands before it, is compared. The body is covered by an HMAC of its own: with a plain hash in a header, the reader of
an access log could test guesses of a text. Each use has a key derived from that of the file, so that no output of one
use is an output of the other.

Source: RFC 2104 (HMAC).
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from extproc.domain.hop_results import MarkResult

MARK_CHARS_MAX: Final = 8_192
GUARDS_MAX: Final = 128
"""Guards that a mark names; the next hop runs its own in place of further ones."""
_FORMAT: Final = 1
_KEY_NAME_BYTES: Final = 6
_PARTS: Final = 3


class HopKey(NamedTuple):
    """A key that both hops have. Attributes: name: tells keys apart, and tells nothing of them."""

    name: str
    for_marks: bytes
    for_bodies: bytes

    def __repr__(self) -> str:
        return f"HopKey({self.name!r})"


class HopMark(NamedTuple):
    """What a hop in front says of a request.

    Attributes:
        exchange: its id there, under which that hop counts it.
        version: MODEL/VERSION to which it was routed.
        endpoint: the API by which its body is read.
        guards: digests of the guards that were applied to it, and will be to its response; see ``guard_digests``.
        has_prompt: the prompt of the version was inserted, or left out as the configuration says.
        is_counted: tokens, cost, limits and the ledger's entry are the business of that hop.
        signed_s: when, since 1970. [s]
        body: a keyed digest of the body as that hop sent it.
    """

    exchange: str
    version: str
    endpoint: str
    guards: tuple[str, ...]
    has_prompt: bool
    is_counted: bool
    signed_s: int
    body: str


class RequestAtHop(NamedTuple):
    """A request as the next hop got it. Attributes: utc_s: the time there, since 1970. [s]"""

    version: str
    endpoint: str
    body: bytes
    utc_s: float


class MarkRefused(Exception):
    """The mark does not vouch for the request.

    Args: result: why. mark: if it was once signed for this request, so that it says what its body is.
    """

    def __init__(self, result: MarkResult, mark: HopMark | None = None) -> None:
        super().__init__(result.value)
        self.result, self.mark = result, mark


def hop_key(secret: bytes) -> HopKey:
    """The key of a file's content."""
    name = _derived(secret, b"name")[:_KEY_NAME_BYTES].hex()
    return HopKey(name, _derived(secret, b"marks"), _derived(secret, b"bodies"))


def body_digest(body: bytes, key: HopKey) -> str:
    """The keyed digest of a body; costs as much as hashing it with SHA-256."""
    return hmac.digest(key.for_bodies, body, "sha256").hex()


def signed_mark(mark: HopMark, key: HopKey) -> str:
    """The header's value."""
    guards = mark.guards[:GUARDS_MAX]
    payload = urlsafe_b64encode(orjson.dumps([_FORMAT, *mark._replace(guards=guards)])).decode()
    covered = f"{key.name}.{payload}"
    return f"{covered}.{_signature(covered, key)}"


def opened_mark(text: str, keys: Sequence[HopKey]) -> tuple[HopMark, HopKey]:
    """The mark in a header, and the key that signed it; nothing is known yet of its request. Raises: MarkRefused."""
    parts = text.split(".") if len(text) <= MARK_CHARS_MAX else ()
    if len(parts) != _PARTS or not text.isascii():
        raise MarkRefused(MarkResult.MALFORMED)
    name, payload, signature = parts
    key = next((one for one in keys if one.name == name), None)
    if key is None:
        raise MarkRefused(MarkResult.UNKNOWN_KEY)
    if not hmac.compare_digest(_signature(f"{name}.{payload}", key), signature):
        raise MarkRefused(MarkResult.FORGED)
    return _read(payload), key


def checked_mark(text: str, keys: Sequence[HopKey], request: RequestAtHop, age_s_max: int) -> HopMark:
    """The mark in a header, if it vouches for this request.

    Args: age_s_max: its largest age, either way, as clocks differ. [s]
    Raises: MarkRefused.
    """
    mark, key = opened_mark(text, keys)
    if mark.version != request.version:
        raise MarkRefused(MarkResult.OTHER_VERSION)
    if mark.endpoint != request.endpoint:
        raise MarkRefused(MarkResult.OTHER_ENDPOINT)
    if not hmac.compare_digest(body_digest(request.body, key), mark.body):
        raise MarkRefused(MarkResult.OTHER_BODY)
    if abs(request.utc_s - mark.signed_s) > age_s_max:
        raise MarkRefused(MarkResult.EXPIRED, mark)
    return mark


def _derived(secret: bytes, use: bytes) -> bytes:
    return hmac.digest(secret, b"llm-extproc hop " + use, "sha256")


def _signature(covered: str, key: HopKey) -> str:
    return hmac.digest(key.for_marks, covered.encode(), "sha256").hex()


def _read(payload: str) -> HopMark:
    """The payload of a mark that one of our keys has signed; another release may have another format."""
    try:
        version, *values = orjson.loads(urlsafe_b64decode(payload))
        exchange, routed_to, endpoint, guards, has_prompt, is_counted, signed_s, body = values
    except (binascii.Error, ValueError, TypeError):
        raise MarkRefused(MarkResult.MALFORMED) from None
    if version != _FORMAT:
        raise MarkRefused(MarkResult.MALFORMED)
    return HopMark(exchange, routed_to, endpoint, tuple(guards), has_prompt, is_counted, signed_s, body)
