"""Who asks: the identity of a caller, as one source has settled it."""

from __future__ import annotations

from dataclasses import dataclass

CLAIMED = "claimed"
"""Source of an identity that only headers of the client claim."""


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
