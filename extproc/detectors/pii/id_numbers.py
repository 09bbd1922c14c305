"""What national id numbers share: how a row states one, check digits, and dates of birth inside numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple


class IdNumber(NamedTuple):
    """A kind of number. Shapes: 9 a digit, A a letter. ``cue``: one of these words must precede it."""

    kind: str
    shapes: tuple[str, ...]
    holds: Callable[[str], bool]
    cue: str = ""


NINE_DIGITS: Final = ("999999999", "999 999 999", "999-999-999")
ELEVEN_DIGITS: Final = ("99999999999",)


def any_number(_: str) -> bool:
    """For numbers without any rule: their word before them decides."""
    return True


_VERHOEFF_PRODUCTS: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
    "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PLACES: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff_valid(digits: str) -> bool:
    """Verhoeff check."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_PRODUCTS[check][int(_VERHOEFF_PLACES[place % 8][int(digit)])])
    return check == 0


def mod11_10_valid(digits: str) -> bool:
    """ISO/IEC 7064 mod 11,10 check."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def mod97_valid(characters: str) -> bool:
    """Whether letters (A = 10 ... Z = 35) and digits, read as one number, have remainder 1 mod 97 (ISO/IEC 7064 mod
    97-10).
    """
    return int("".join(str(int(character, 36)) for character in characters)) % 97 == 1


def weighted(digits: str, weights: str | tuple[int, ...]) -> int:
    """The weighted sum of digits, as far as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, map(int, weights), strict=False))


def date_plausible(day: str, month: str, day_offset: int = 0, month_offset: int = 0) -> bool:
    """Whether two digits each can be a day and a month, minus the offsets that some countries add."""
    return 1 <= int(day) - day_offset <= 31 and 1 <= int(month) - month_offset <= 12
