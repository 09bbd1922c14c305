"""Parses numbers as people write them, so that 1,299.00 and 1299 are equal."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

NUMBER_CHARS_MAX: Final = 40
_THOUSANDS: Final = 3  # digits after a thousands separator


def number_of(text: str) -> Decimal | None:
    """The numeric value of a text, None if it has none.

    If both separators occur, the last one is the decimal point; a single kind, always followed by three digits,
    separates thousands if it is a comma or occurs twice.
    """
    plain = text.strip().replace("\u00a0", "").replace("\u202f", "").replace("'", "").replace(" ", "")
    if not plain or len(plain) > NUMBER_CHARS_MAX:
        return None
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma >= 0 and point >= 0:
        thousands, decimal = (",", ".") if point > comma else (".", ",")
        plain = plain.replace(thousands, "").replace(decimal, ".")
    elif comma >= 0:
        plain = plain.replace(",", "" if _are_thousands(plain, ",") else ".")
    elif plain.count(".") > 1 and _are_thousands(plain, "."):
        plain = plain.replace(".", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def same_value(one: str, other: str) -> bool:
    """Whether two texts have the same value: the same number, or the same words regardless of case and spaces."""
    number, other_number = number_of(one), number_of(other)
    if number is not None and other_number is not None:
        return number == other_number
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _are_thousands(plain: str, separator: str) -> bool:
    return all(len(part) == _THOUSANDS for part in plain.split(separator)[1:])
