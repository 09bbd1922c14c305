"""What a configuration says of feedback, compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from extproc.config.document import Document
from extproc.config.feedback import ORIGIN_HEADER
from extproc.config.forwarding import IDENTITY_HEADERS
from extproc.config.identity import credential_headers
from extproc.domain.contract import EXCHANGE_ID_HEADER
from extproc.domain.masks import PROCESS_KEY
from extproc.exchange.caller import user_key_of

WAIT_MS_MAX: Final = 1_500
"""For the store; a client that waits longer is asked to come again. [ms]"""
_OF_ENVOYS_TIMEOUT: Final = 0.75
PREFLIGHT_AGE_S: Final = 600
_US_PER_S: Final = 1_000_000
_ALLOW_ORIGIN: Final = "access-control-allow-origin"
_VARY: Final = ("vary", ORIGIN_HEADER)

CorsHeaders = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FeedbackTerms:
    """What ``feedback`` says, and how long its store is waited for.

    Attributes:
        comment_key: of the hashes by which a changed comment is known.
        request_headers: that a web page may send, for a preflight request.
    """

    url_path: str
    age_us_max: int
    body_bytes_max: int
    comment_chars_max: int
    wait_ms: int
    comment_key: bytes
    origins: frozenset[str]
    request_headers: str

    def cors(self, origin: str) -> CorsHeaders:
        """The headers of every reply: whether a page of that origin may read it."""
        if not self.origins:
            return ()
        if origin not in self.origins:
            return (_VARY,)
        exposed = f"{EXCHANGE_ID_HEADER}, retry-after"
        return (_ALLOW_ORIGIN, origin), _VARY, ("access-control-expose-headers", exposed)

    def preflight(self) -> CorsHeaders:
        """The further headers of the reply to a preflight request."""
        return (
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", self.request_headers),
            ("access-control-max-age", str(PREFLIGHT_AGE_S)),
        )


def feedback_terms(document: Document, keys: Mapping[str, bytes]) -> FeedbackTerms | None:
    """Compile them; None if no feedback is taken. Args: keys: as ``compile_snapshot`` has them."""
    section, identity = document.feedback, document.identity
    if section is None:
        return None
    allowed = {"content-type": None}
    for source in identity.sources:
        allowed |= dict.fromkeys(credential_headers(source, identity))
    allowed |= dict.fromkeys(getattr(identity, name) for name in IDENTITY_HEADERS)
    return FeedbackTerms(
        url_path=section.url_path,
        age_us_max=section.age_s_max * _US_PER_S,
        body_bytes_max=section.body_bytes_max,
        comment_chars_max=section.comment_chars_max,
        wait_ms=min(WAIT_MS_MAX, int(document.envoy.message_timeout_ms * _OF_ENVOYS_TIMEOUT)),
        comment_key=user_key_of(identity, keys) or keys.get(PROCESS_KEY, b""),
        origins=frozenset(section.origins),
        request_headers=", ".join(allowed),
    )
