"""The hash of addresses with mixed case."""

from __future__ import annotations

import pytest

from extproc.detectors.pii.keccak import keccak256


def test_keccak_is_the_one_before_the_standard() -> None:
    """Known digests; SHA-3's own are others."""
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    with pytest.raises(ValueError, match="one block"):
        keccak256(b"a" * 136)
