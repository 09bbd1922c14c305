"""Our validators of numbers beside those of python-stdnum, with the differences that we decided for.

A row says how numbers are made: a template, and the places of their check digits, of which every filling is tried, so
that valid numbers come up however seldom they are.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from importlib import import_module
from itertools import product
from typing import NamedTuple

from hypothesis import strategies as st

from extproc.detectors.pii import checksums, id_numbers

DIGITS = string.digits
LETTERS = string.ascii_uppercase
Validator = Callable[[str], bool]


class Difference(NamedTuple):
    """Numbers that we judge otherwise: an example, our verdict, which numbers it speaks of, and the reason."""

    example: str
    ours: bool
    speaks_of: Validator
    why: str


class Row(NamedTuple):
    """One validator with its oracle. ``kind`` is the kind of personal data, empty where it is only arithmetic."""

    ours: Validator
    oracle: Validator
    kind: str
    numbers: st.SearchStrategy[str]
    check_places: tuple[int, ...] = ()
    check_alphabet: str = DIGITS
    differences: tuple[Difference, ...] = ()


def stdnum(*names: str, **options: bool) -> Validator:
    """Whether one of these modules of the library takes a number for valid."""
    modules = [import_module(f"stdnum.{name}") for name in names]

    def is_valid(number: str) -> bool:
        return any(module.is_valid(number, **options) for module in modules)

    return is_valid


def made(template: str, months: str = "0", days: str = "0", **choices: str) -> st.SearchStrategy[str]:
    """Numbers by template: 9 a digit, A a letter, m a month, d a day, others a choice among words.

    Months and days go a little beyond what there is, and may have a number of tens added.
    """
    parts = {
        "9": st.sampled_from(DIGITS),
        "A": st.sampled_from(LETTERS),
        "m": st.builds(_two_digits, st.integers(0, 13), st.sampled_from([int(one) for one in months.split()])),
        "d": st.builds(_two_digits, st.integers(0, 32), st.sampled_from([int(one) for one in days.split()])),
    } | {name: st.sampled_from(words.split(" ")) for name, words in choices.items()}
    return st.tuples(*(parts[sign] for sign in template)).map("".join)


def _two_digits(value: int, offset: int) -> str:
    return f"{value + offset:02d}"


def fillings(row: Row, number: str) -> list[str]:
    """The number with everything that may stand at the check places."""
    filled = []
    for checks in product(row.check_alphabet, repeat=len(row.check_places)):
        characters = list(number)
        for place, check in zip(row.check_places, checks, strict=True):
            characters[place] = check
        filled.append("".join(characters))
    return filled


def every_number(_: str) -> bool:
    """What a difference speaks of that may show in any number."""
    return True


def _late_day(start: int, offset: int = 0) -> Validator:
    end = start + 2 or None
    return lambda number: int(number[start:end]) % (offset or 100) % 60 >= 29


def no_such_day(example: str, start: int, offset: int = 0) -> Difference:
    """The difference that most numbers with a birth date have."""
    return Difference(
        example, True, _late_day(start, offset), "days up to the 31st are taken in every month; no calendar in the path"
    )


CLOCK = "the oracle knows the year it is, and refuses those who are not born yet; a detector has no clock"
_any_digits = st.text(DIGITS, min_size=2, max_size=19)

ARITHMETIC = (
    Row(checksums.luhn_valid, stdnum("luhn"), "", _any_digits, (-1,)),
    Row(id_numbers.verhoeff_valid, stdnum("verhoeff"), "", _any_digits, (-1,)),
    Row(id_numbers.mod11_10_valid, stdnum("iso7064.mod_11_10"), "", _any_digits, (-1,)),
    Row(
        id_numbers.mod97_valid,
        stdnum("iso7064.mod_97_10"),
        "",
        st.text(DIGITS + LETTERS, min_size=4, max_size=19),
        (-1, -2),
    ),
)

ACCOUNTS = (
    Row(
        checksums.iban_valid,
        stdnum("iban", check_country=False),
        "IBAN",
        st.sampled_from(sorted(checksums.IBAN_LENGTHS)).flatmap(
            lambda country: made("c99" + "x" * (checksums.IBAN_LENGTHS[country] - 4), c=country, x="0 1 2 5 7 9 A K Z")
        ),
        (2, 3),
        DIGITS,
        (
            Difference(
                "DE85A70400440532013000",
                True,
                every_number,
                "where letters may stand is another table of the registry; the check by 97 is enough",
            ),
        ),
    ),
    Row(
        checksums.card_number_valid,
        stdnum("luhn"),
        "CREDIT_CARD",
        st.one_of(*(made("p" + "9" * digits, p="411 4 51 37 34 22 60 30 36 62 1") for digits in (10, 11, 12, 13, 14))),
        (-1,),
        DIGITS,
        (
            Difference(
                "79927398713",
                False,
                lambda digits: not checksums._issuer_known(digits) or len(set(digits)) == 1,
                "a number of no issuer (ISO/IEC 7812) is no card, whatever its check digit",
            ),
        ),
    ),
    Row(
        checksums.us_ssn_valid,
        stdnum("us.ssn"),
        "US_SSN",
        made("abc", a="000 666 900 078 219 987 123", b="00 01 45 99 05", c="0000 0001 9999 1120 4321 7821"),
        differences=(
            Difference(
                "078051120",
                True,
                lambda digits: digits in ("078051120", "219099999", "457555462"),
                "numbers that were in advertisements belonged to somebody",
            ),
        ),
    ),
)
