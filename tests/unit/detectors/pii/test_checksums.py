"""Checksums: real numbers pass, one changed digit does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.checksums import IBAN_LENGTHS, card_number_valid, iban_valid, luhn_valid, us_ssn_valid


@given(st.text("0123456789", min_size=1, max_size=18))
def test_exactly_one_check_digit_fits_by_luhn(body: str) -> None:
    """Of the ten digits that may end a number, one is right."""
    assert sum(luhn_valid(body + digit) for digit in "0123456789") == 1


@given(st.text("0123456789", min_size=2, max_size=19), st.data())
def test_luhn_notices_every_single_wrong_digit(number: str, data: st.DataObject) -> None:
    """Changing any one digit changes the verdict on a valid number."""
    valid = number + next(digit for digit in "0123456789" if luhn_valid(number + digit))
    place = data.draw(st.integers(0, len(valid) - 1))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != valid[place]]))
    assert not luhn_valid(valid[:place] + other + valid[place + 1 :])


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "30569309025904",
        "3530111333300000",
        "180008626172063",
        "675984547488",
    ],
)
def test_issuers_test_numbers_are_cards(number: str) -> None:
    """The numbers that payment networks publish for testing."""
    assert card_number_valid(number)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("4111111111111112", "check digit"),
        ("0000000000000000", "one digit repeated"),
        ("1718378521000", "no issuer: a time in milliseconds"),
        ("9780306406157", "no issuer: an ISBN"),
        ("411111111111111", "Visa has no fifteen digits"),
    ],
)
def test_numbers_that_are_no_cards(number: str, reason: str) -> None:
    """A check digit alone is no proof."""
    assert not card_number_valid(number), reason


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NO9386011117947"]
)
def test_registry_examples_are_ibans(iban: str) -> None:
    """Examples of the SWIFT registry."""
    assert iban_valid(iban)


@given(st.sampled_from(sorted(IBAN_LENGTHS)), st.data())
def test_an_iban_with_two_swapped_characters_is_refused(country: str, data: st.DataObject) -> None:
    """Mod 97 notices every swap of two neighbours, the commonest slip."""
    digits = st.text("0123456789", min_size=IBAN_LENGTHS[country] - 4, max_size=IBAN_LENGTHS[country] - 4)
    account = data.draw(digits)
    numeric = int("".join(str(int(character, 36)) for character in account + country + "00"))
    iban = f"{country}{98 - numeric % 97:02d}{account}"
    assert iban_valid(iban)
    place = data.draw(st.integers(4, len(iban) - 2))
    swapped = iban[:place] + iban[place + 1] + iban[place] + iban[place + 2 :]
    assert iban_valid(swapped) == (swapped == iban)


@pytest.mark.parametrize("iban", ["DE8937040044053201300", "XX89370400440532013000", "DE88370400440532013000", ""])
def test_wrong_length_country_or_check_is_no_iban(iban: str) -> None:
    """Each rule alone refuses."""
    assert not iban_valid(iban)


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("219457821", True),
        ("000123456", False),
        ("666123456", False),
        ("912123456", False),
        ("219007821", False),
        ("219450000", False),
        ("111111111", False),
        ("21945782", False),
    ],
)
def test_social_security_numbers_that_were_never_issued(digits: str, valid: bool) -> None:
    """The SSA's ranges."""
    assert us_ssn_valid(digits) is valid
