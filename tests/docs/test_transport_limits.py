"""Every limit of the transport is documented as a security limit, and has a test that goes over it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from extproc.server.transport.h2.limits import H2Limits, SocketLimits
from tests.docs.transport_limits import read_limits, transport_limits_table

TESTS = Path(__file__).parents[1] / "unit" / "server" / "transport"
UNITS = {"bytes": "bytes", "s": "_s", "frames": "frames", "streams": "streams", "connections": "connections"}
LIMITS = list(read_limits())


def test_the_table_has_every_limit() -> None:
    """In its order, with what happens there; `tests/docs/test_reference.py` holds the page to the table."""
    names = [field.name for section in (H2Limits, SocketLimits) for field in fields(section)]
    assert [limit.name for limit in LIMITS] == names
    assert transport_limits_table().count("\n") == len(names) + 1
    assert [limit.name for limit in LIMITS if limit.then == "-"] == ["look_s"]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_the_unit_is_in_the_name(limit: object) -> None:
    """Units are at the end, or before what is counted by the second."""
    name, unit = getattr(limit, "name", ""), getattr(limit, "unit", "")
    assert UNITS[unit] in name or name in ("settings_per_second_max", "resets_per_second_max")


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_test_goes_over_it(limit: object) -> None:
    """Those of the core by a test of their name, those of sockets by a server that is started with another value."""
    name = getattr(limit, "name", "")
    if getattr(limit, "section", "") == "H2Limits":
        assert f"def test_{name}(" in (TESTS / "h2" / "test_limits.py").read_text()
    else:
        tested = "".join(file.read_text() for file in (TESTS / "fast").glob("test_*.py"))
        assert f"{name}=" in tested or name == "look_s"
