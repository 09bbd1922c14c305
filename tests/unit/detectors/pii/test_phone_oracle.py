"""Phone numbers beside ``phonenumbers``, the port of Google's libphonenumber.

It knows each country's numbering plan; we know the country codes and how many digits follow. So what it takes for a
person's number we must find; what we find may be more. Numbers of services (free, premium, short) are nobody's.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    Leniency,
    PhoneNumber,
    PhoneNumberFormat,
    PhoneNumberMatcher,
    PhoneNumberType,
    ValidationResult,
    example_number_for_type,
    format_number,
    is_possible_number_for_type_with_reason,
    number_type,
)

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.phone import _NATIONAL_DIGITS

detector = PiiDetector(["PHONE"])

PERSONAL_TYPES = (
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.VOIP,
)
DIGITS_MIN = 7
"""With the country code. Fewer are no phone number to us: prices, years and counts look the same."""
NATIONAL_DIGITS = range(4, 16)
CODES = sorted(COUNTRY_CODE_TO_REGION_CODE)

LONGER_OR_SHORTER = {
    ("49", 12): "the plan ends at eleven digits (BNetzA); more would take in the year or the amount that follows",
    ("49", 13): "as above",
    ("49", 14): "as above",
    ("49", 15): "as above",
    ("31", 11): "097 belongs to machines",
}
"""What the oracle calls possible for a person and we do not find, by country code and digits behind it."""

SLIPS_OR_OLD = {
    ("27", 10): "a zero behind the country code is a common slip",
    ("672", 5): "on Norfolk Island people leave out the 3 that comes first, and the oracle puts it in",
    ("52", 11): "the 1 of mobiles, which Mexico gave up in 2019, stands in old address books",
}
"""What the oracle calls impossible and we find, of the countries with a row of their own."""


def is_found(written: str, before: str = "see ", behind: str = " for more") -> bool:
    """Whether one finding covers the whole number."""
    start, end = len(before), len(before) + len(written)
    return any(one.start <= start and one.end >= end for one in detector.find(before + written + behind))


def examples() -> list[PhoneNumber]:
    """The oracle's own example of each region and kind of personal number."""
    made = (example_number_for_type(region, kind) for region in sorted(SUPPORTED_REGIONS) for kind in PERSONAL_TYPES)
    return [one for one in made if one is not None]


def digits_in(written: str) -> int:
    """How many digits there are."""
    return sum(map(str.isdigit, written))


@pytest.mark.parametrize("form", [PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164])
def test_international_numbers_of_all_regions_are_found(form: int) -> None:
    """With blanks and without, and with no word before."""
    written = [format_number(number, form) for number in examples()]
    assert [one for one in written if digits_in(one) >= DIGITS_MIN and not is_found(one)] == []


def test_national_numbers_of_all_regions_are_found_behind_a_word() -> None:
    """The grouping of many countries is that of amounts, so a word must stand before."""
    written = {format_number(number, PhoneNumberFormat.NATIONAL) for number in examples()}
    missed = {one for one in written if digits_in(one) >= DIGITS_MIN and not is_found(one, before="call ")}
    trunk_prefixes_left_out = {"8 (771) 000 9998", "8 (751) 123 4567"}
    assert missed == trunk_prefixes_left_out
    assert all(is_found(one.removeprefix("8 "), before="call 8 ") for one in trunk_prefixes_left_out)


def test_national_numbers_of_all_regions_are_found_before_a_word() -> None:
    """A word behind them says as much."""
    written = {format_number(number, PhoneNumberFormat.NATIONAL) for number in examples()}
    missed = {one for one in written if digits_in(one) >= DIGITS_MIN and not is_found(one, behind=" is my number")}
    assert missed == {"8 (771) 000 9998", "8 (751) 123 4567"}  # without the 8, as behind a word


def possible_lengths(code: int) -> set[int]:
    """How many digits a person's number may have behind this code, with the area, in any of its regions."""
    return {digits for digits in NATIONAL_DIGITS if _is_possible(PhoneNumber(code, int("2" * digits)))}


def _is_possible(number: PhoneNumber) -> bool:
    reasons = {is_possible_number_for_type_with_reason(number, kind) for kind in PERSONAL_TYPES}
    return ValidationResult.IS_POSSIBLE in reasons


def found_lengths(code: int) -> set[int]:
    """How many digits behind this code we take for a number."""
    return {digits for digits in NATIONAL_DIGITS if is_found(f"+{code}" + "2" * digits)}


def listed(differences: dict[tuple[str, int], str], code: int) -> set[int]:
    """The lengths that a list of differences has for this code."""
    return {digits for of, digits in differences if of == str(code)}


@pytest.mark.parametrize("code", CODES)
def test_a_number_of_a_possible_length_is_found(code: int) -> None:
    """All country codes and lengths; the few that we leave out are listed with the reason."""
    possible = {digits for digits in possible_lengths(code) if digits + len(str(code)) >= DIGITS_MIN}
    assert possible - found_lengths(code) == listed(LONGER_OR_SHORTER, code)


@pytest.mark.parametrize("code", [int(code) for code in _NATIONAL_DIGITS])
def test_a_number_of_an_impossible_length_is_none(code: int) -> None:
    """One digit too many or too few. Countries without a row have six to twelve: plans change more often than we do."""
    possible = possible_lengths(code)
    between = set(range(min(possible), max(possible) + 1))  # a row is a range
    assert found_lengths(code) - between == listed(SLIPS_OR_OLD, code)


@given(st.sampled_from(examples()), st.data())
def test_what_the_oracle_finds_in_a_text_is_found(example: PhoneNumber, data: st.DataObject) -> None:
    """Numbers and near misses: some digits changed or swapped, so that the oracle has its own mind about each."""
    digits = list(str(example.national_number))
    for _ in range(data.draw(st.integers(0, 3))):
        digits[data.draw(st.integers(1, len(digits) - 1))] = data.draw(st.sampled_from("0123456789"))
    place = data.draw(st.integers(1, len(digits) - 1))
    digits[place - 1], digits[place] = digits[place], digits[place - 1]
    changed = PhoneNumber(example.country_code, int("".join(digits)))
    written = format_number(changed, PhoneNumberFormat.INTERNATIONAL)
    text = f"see {written} for more"
    for match in PhoneNumberMatcher(text, None, leniency=Leniency.VALID):
        personal = number_type(match.number) in (*PERSONAL_TYPES, PhoneNumberType.FIXED_LINE_OR_MOBILE)
        length = (str(match.number.country_code), len(str(match.number.national_number)))
        if personal and digits_in(match.raw_string) >= DIGITS_MIN:
            assert is_found(match.raw_string) or length in LONGER_OR_SHORTER
