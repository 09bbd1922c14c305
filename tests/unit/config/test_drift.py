"""The window of days."""

from __future__ import annotations

from datetime import UTC, datetime

from extproc.config.drift import DriftSection


def test_a_window_of_days_is_of_whole_days_in_utc() -> None:
    """Both included; without both there is none."""
    window = DriftSection(reference="pinned", first_day="2026-11-28", last_day="2026-11-29").window_us()
    assert window is not None
    assert [datetime.fromtimestamp(one / 1e6, UTC).isoformat() for one in window] == [
        "2026-11-28T00:00:00+00:00",
        "2026-11-30T00:00:00+00:00",
    ]
    assert DriftSection().window_us() is None
    assert DriftSection(reference="pinned", first_day="2026-11-28").window_us() is None
