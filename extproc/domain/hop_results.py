"""What became of the mark of a hop in front, as metrics and log have it."""

from __future__ import annotations

from enum import StrEnum


class MarkResult(StrEnum):
    """Whether a mark vouches for a request. With any result but ``GOOD`` the request is treated as without a mark."""

    GOOD = "good"
    ABSENT = "absent"  # no hop in front, or an older one
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"  # not made with the key that it names
    EXPIRED = "expired"  # or from the future
    OTHER_VERSION = "other_version"  # routed to another version than this one
    OTHER_ENDPOINT = "other_endpoint"  # of a request to another API
    OTHER_BODY = "other_body"
    USED = "used"  # it has vouched for a request before
