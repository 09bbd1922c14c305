"""The connection to the store: how it is named in messages, and what is not sent."""

from __future__ import annotations

import pytest

from extproc.rate_limits import LimitStoreUnavailable, require_packages
from extproc.rate_limits.store import place_of


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("rediss://user:hunter2@limits.internal:6380/3", "rediss://limits.internal:6380/3"),
        ("redis://:hunter2@limits.internal", "redis://limits.internal"),
        ("redis://[::1]:6379", "redis://::1:6379"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
    ],
)
def test_a_store_is_named_without_its_password(url: str, place: str) -> None:
    """In logs."""
    assert place_of(url) == place


def test_the_package_is_required_at_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the configuration names a store; the message says how to install it."""
    require_packages()
    monkeypatch.setattr("extproc.rate_limits.missing_modules", lambda _: ["redis"])
    with pytest.raises(LimitStoreUnavailable, match=r"rate_limits\.store: it needs redis\. .*llm-extproc\[redis\]"):
        require_packages()
