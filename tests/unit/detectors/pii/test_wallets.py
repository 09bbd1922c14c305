"""Addresses of Bitcoin, Ethereum and others hold only with their checksums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.wallets import bech32_valid, eip55_valid

detector = PiiDetector(["CRYPTO"])
ADDRESSES = [
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",  # BIP 173
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",  # BIP 350
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",  # EIP-55
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xde709f2102306220921060314715629080e2fb77",
    "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9",
    "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
    "DPS6iZj7roHquvwRYXNBua9QtKPzigUUhM",
    "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",  # XRP
    "47zQ5LAivg6hNCgijXSEFVLX7mke1bgM6YGLFaANDoJbgXDymcAAZvvMNt2PmMpqEe5qRy2zyfMYXdwpmdyitiFh84xnPG2",  # Monero
    "qq4v32mtagxac29my6gwj6fd4tmqg8rysu23dax807",  # Bitcoin Cash
]


def found(text: str) -> list[str]:
    """The words of each finding."""
    return [text[one.start : one.end] for one in detector.find(text)]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_found(address: str) -> None:
    """Alone in a text, and at the end of a sentence; not as a part of a word."""
    assert found(f"Send it to {address}.") == [address]
    assert found(f"x{address}") == found(f"{address}Z") == []


@pytest.mark.parametrize(
    "text",
    [
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLz",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx",
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTj",
        "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH8",
        "47zQ5LAivg6hNCgijXSEFVLX7mke1bgM6YGLFaANDoJbgXDymcAAZvvMNt2PmMpqEe5qRy2zyfMYXdwpmdyitiFh84xnPG3",
        "48" + "z" * 93,
        "qq4v32mtagxac29my6gwj6fd4tmqg8rysu23dax808",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdQ",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # bech32 where bech32m is due
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "0x0000000000000000000000000000000000000000",
        "commit 5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed00",
        "\u00e91BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    """A wrong checksum, another length, nobody's address."""
    assert found(text) == []


def test_close_behind_an_address_another_is_not_checked() -> None:
    """The check costs as much as a page of text: in a list the first is checked, the others go with it."""
    first, wrong = ADDRESSES[5], "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"
    assert found(f"{first}, {wrong}") == [first, wrong]
    assert found(f"{first}, {'a' * 100} {wrong}") == [first]


@given(st.text("0123456789abcdef", min_size=40, max_size=40))
def test_both_single_cases_are_addresses(digits: str) -> None:
    """Many programs write no checksum."""
    assert eip55_valid("0x" + digits)
    assert eip55_valid("0x" + digits.upper())


@pytest.mark.parametrize("address", ["bc1", "bc1qqqqqq", "Bc1Qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1b", "1", ""])
def test_what_is_no_address_of_a_segregated_witness(address: str) -> None:
    """Whatever is asked: too short, in both cases, or of other characters."""
    assert not bech32_valid(address)
