"""Every validator of numbers beside python-stdnum: valid numbers, near misses, and what we decided otherwise."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.detectors.pii import checksums, id_numbers, ids_elsewhere, ids_of_europe
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from tests.thorough import examples
from tests.unit.detectors.pii.national_oracles import ELSEWHERE, EUROPE
from tests.unit.detectors.pii.number_oracles import ACCOUNTS, ARITHMETIC, DIGITS, Difference, Row, fillings
from tests.unit.detectors.pii.test_national_ids import HOLDS

ROWS = (*ARITHMETIC, *ACCOUNTS, *EUROPE, *ELSEWHERE)
DIFFERENCES = [(row, difference) for row in ROWS for difference in row.differences]
detector = PiiDetector(ENTITIES)

WITHOUT_ORACLE = {
    "ae_emirates_id_valid": "Luhn, which has an oracle, behind a fixed beginning",
    "any_number": "for kinds without a check",
    "au_medicare_valid": "not in the library",
    "card_may_begin": "a beginning, held to card_number_valid in its own test",
    "date_plausible": "a part of others",
    "de_id_card_plausible": "not in the library",
    "icao_check_valid": "not in the library",
    "ru_snils_valid": "not in the library",
    "sg_nric_valid": "not in the library",
    "uk_nino_plausible": "not in the library, and has no check digit",
    "weighted": "a part of others",
}


def _name(value: object) -> str:
    return value.ours.__name__ if isinstance(value, Row) else ""


@pytest.mark.interpreted
def test_every_validator_has_an_oracle() -> None:
    """Or a reason why it has none."""
    functions = {
        name
        for module in (checksums, id_numbers, ids_of_europe, ids_elsewhere)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert {row.ours.__name__ for row in ROWS} | set(WITHOUT_ORACLE) == functions


def near_misses(number: str, digit: str, places: list[int]) -> list[str]:
    """The number with another digit at some places, and with neighbors of one sort swapped there."""
    changed = [number[:place] + digit + number[place + 1 :] for place in places if number[place] in DIGITS]
    swapped = [
        number[: place - 1] + number[place] + number[place - 1] + number[place + 1 :]
        for place in places
        if place and number[place].isdigit() == number[place - 1].isdigit()
    ]
    return changed + swapped


@pytest.mark.parametrize("row", ROWS, ids=_name)
@settings(max_examples=examples(20))  # an example tries every check digit
@given(data=st.data())
def test_valid_numbers_and_near_misses_are_judged_alike(row: Row, data: st.DataObject) -> None:
    """Every filling of the check places; near misses of those that either of the two calls valid."""
    for number in fillings(row, data.draw(row.numbers)):
        ours, oracle = _judged(row, number)
        if ours or oracle:
            places = data.draw(st.lists(st.integers(0, len(number) - 1), min_size=2, max_size=4))
            for near in near_misses(number, data.draw(st.sampled_from(DIGITS)), places):
                _judged(row, near)


def _judged(row: Row, number: str) -> tuple[bool, bool]:
    """Our verdict and the oracle's, which are the same unless a difference speaks of the number."""
    ours, oracle = row.ours(number), row.oracle(number)
    decided = any(one.ours == ours and one.speaks_of(number) for one in row.differences)
    assert ours == oracle or decided, f"{number}: we say {ours}, the oracle {oracle}"
    return ours, oracle


@pytest.mark.parametrize(("row", "difference"), DIFFERENCES, ids=_name)
def test_where_we_decided_otherwise(row: Row, difference: Difference) -> None:
    """Each difference still is one, speaks of its example, and has a reason."""
    assert difference.speaks_of(difference.example)
    assert row.ours(difference.example) is difference.ours, difference.why
    assert row.oracle(difference.example) is not difference.ours
    assert difference.why


_TEXTS = [
    *((kind, text, number) for kind, text, number, _ in HOLDS),
    ("IBAN", "to DE89", "DE89"),
    ("CREDIT_CARD", "card 4", "4"),
    ("US_SSN", "my ssn is 536-22-8731", "536-22-8731"),
]


def spelled(number: str, example: str) -> str:
    """The number with the separators of an example, counted from the end; those with a letter inside have none."""
    if len(number) > sum(map(str.isalnum, example)) and not number.isdigit():
        return number
    signs = reversed(example)
    written = []
    for character in reversed(number):
        sign = next(signs, "")
        while sign and not sign.isalnum():
            written.append(sign)
            sign = next(signs, "")
        written.append(character)
    return "".join(reversed(written))


@pytest.mark.parametrize("row", [row for row in ROWS if row.kind], ids=_name)
@settings(max_examples=examples(20))
@given(data=st.data())
def test_what_both_call_valid_is_found_in_a_text(row: Row, data: st.DataObject) -> None:
    """Behind the words of its kind; as which kind, where several have that shape, is not asked here."""
    _, text, example = data.draw(st.sampled_from([one for one in _TEXTS if one[0] == row.kind]))
    for number in fillings(row, data.draw(row.numbers)):
        if row.ours(number) and row.oracle(number):
            written = spelled(number, example)
            before, _, behind = text.partition(example)
            start, end = len(before), len(before) + len(written)
            found = detector.find(before + written + behind)
            assert any(one.start <= start and one.end >= end for one in found), before + written + behind
