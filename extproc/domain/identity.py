"""Who asks: the identity of a caller, as one source has settled it."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Final, Self

CLAIMED: Final = "claimed"
"""Source of an identity that only headers of the client claim."""
ANONYMOUS: Final = "anonymous"
"""Source of a caller without any credential, where none is required."""
IDENTITY_CHARS_MAX: Final = 100
USER_HASH_CHARS: Final = 16
_SEPARATOR: Final = "|"
_PARTS: Final = 7
_VALUE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/@:+-]{0,99}", re.ASCII)
"""No sign at the beginning that a spreadsheet would take for a formula, no control character, no separator."""


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """A caller. A text is empty where the identity leaves it open.

    Attributes:
        user: as a keyed hash, never by name.
        key_id: of the API key; never the key.
        source: that settled it: ``api_key``, ``jwt``, ``client_certificate`` or ``trusted_hop``.
    """

    team: str
    project: str = ""
    budget_code: str = ""
    user: str = ""
    tier: str = ""
    key_id: str = ""
    source: str = CLAIMED

    def to_text(self) -> str:
        """As the value of a header between Envoy and this processor."""
        return _SEPARATOR.join(
            (self.team, self.project, self.budget_code, self.user, self.tier, self.key_id, self.source)
        )

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The inverse of ``to_text``; None for any other text."""
        parts = text.split(_SEPARATOR)
        return cls(*parts) if len(parts) == _PARTS else None


def is_identity_value(text: str) -> bool:
    """Whether a source may give this as team, project, budget code or tier."""
    return _VALUE.fullmatch(text) is not None


def user_hash(user: str, key: bytes) -> str:
    """A user as counts and limits have it: equal for equal names; without the key it names nobody."""
    return hmac.digest(key, user.encode("utf-8", "surrogatepass"), "sha256").hex()[:USER_HASH_CHARS]
