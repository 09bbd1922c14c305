"""Where rate limits are counted: in this process, or in a store that several share."""

from __future__ import annotations

from typing import Final

EXTRA: Final = "redis"
