"""A small valid configuration, and the same with one change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

MINIMAL = """\
models:
  tiny-chat:
    versions:
      v1:
        weight: 1
        endpoints: ["127.0.0.1:8001"]
        price: { prompt_micro_usd_per_mtok: 150000, completion_micro_usd_per_mtok: 600000 }
filters:
  - filter: version
  - filter: guards
  - filter: meter
policies:
  - name: default
    guards:
      - guard: pii
        on: both
"""


@pytest.fixture
def minimal() -> str:
    """The text of a small valid configuration without a warning."""
    return MINIMAL


@pytest.fixture
def changed() -> Callable[[str, str], str]:
    """The small configuration with one part replaced by another."""

    def replace(old: str, new: str) -> str:
        assert MINIMAL.count(old) == 1, f"{old!r} stands {MINIMAL.count(old)} times in the small configuration"
        return MINIMAL.replace(old, new)

    return replace
