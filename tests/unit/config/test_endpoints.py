"""Endpoints are addresses or names."""

from __future__ import annotations

import pytest

from extproc.config.endpoints import is_name, may_be_several


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("10.0.0.1:8000", False),
        ("[::1]:8000", False),
        ("vllm:8000", True),
        ("vllm-0.vllm:8000", True),
        ("1.2.3:80", True),
    ],
)
def test_a_host_is_an_address_or_a_name(endpoint: str, expected: bool) -> None:
    """What the library takes for an address is one."""
    assert is_name(endpoint) is expected


def test_a_name_may_stand_for_several_servers() -> None:
    """One address does not."""
    assert may_be_several(["vllm:8000"])
    assert may_be_several(["10.0.0.1:8000", "10.0.0.2:8000"])
    assert not may_be_several(["10.0.0.1:8000"])
    assert not may_be_several([])
