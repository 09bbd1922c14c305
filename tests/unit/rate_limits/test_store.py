"""The connection to the store: how it is named in messages, and what is not sent."""

from __future__ import annotations

import asyncio

import pytest

from extproc.config.required_extras import require_extra
from extproc.domain.extras import ExtraMissing
from extproc.rate_limits.scripts import SETTLE
from extproc.rate_limits.store import StoreConnection, place_of


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
    require_extra("redis", "redis://127.0.0.1")
    monkeypatch.setattr("extproc.config.required_extras.missing_modules", lambda _: ["redis"])
    with pytest.raises(ExtraMissing, match=r"rate_limits\.store: it needs redis\. .*llm-extproc\[redis\]"):
        require_extra("redis", "redis://127.0.0.1")


class Unheard:
    """Hears what happens to the store."""

    def store_lost(self, reason: str) -> None:
        """Ignored."""

    def store_found(self) -> None:
        """Ignored."""

    def store_took(self, seconds: float) -> None:
        """Ignored."""

    def store_error(self, reason: str) -> None:
        """Ignored."""


def test_what_is_told_after_the_loop_has_ended_is_dropped() -> None:
    """An exchange may end in a thread while the process does."""
    loop = asyncio.new_event_loop()

    async def connect() -> StoreConnection:
        return StoreConnection("redis://127.0.0.1:1/0", 1.0, Unheard())

    connection = loop.run_until_complete(connect())
    assert connection.tell(SETTLE, ["key"], [])
    loop.run_until_complete(connection.close())
    loop.close()
    assert not connection.tell(SETTLE, ["key"], [])
