"""Kinds of personal data: one in a module of its own, and the national id of another country."""

from __future__ import annotations

from tests.extending.additions import Addition, Insertion

KIND = Addition(
    {
        "extproc/detectors/pii/vehicles.py": '''"""Vehicle identification numbers (49 CFR 565)."""

from __future__ import annotations

from extproc.detectors.pii.beginnings import begins_alone, shaped_like, word_chars_in
from extproc.detectors.pii.gates import GateFamily
from extproc.detectors.pii.kind import PiiKind
from extproc.detectors.pii.recognizer import Recognizer, Spans
from extproc.detectors.text.latin1 import latin1_pattern, stands_alone

_SHAPE = r"\\b[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{3}[0-9]{5}\\b"
_NUMBER = latin1_pattern(_SHAPE)
_VALUES = {**{str(digit): digit for digit in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True))}
_VALUES |= dict(zip("JKLMN", range(1, 6), strict=True)) | {"P": 7, "R": 9}
_VALUES |= dict(zip("STUVWXYZ", range(2, 10), strict=True))
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_BEGUN_CHARS_MIN = 11


def vin_valid(number: str) -> bool:
    """Whether the ninth character is the check of the others."""
    total = sum(_VALUES[character] * weight for character, weight in zip(number, _WEIGHTS, strict=True))
    return "0123456789X"[total % 11] == number[8]


def _vins(subject: bytes, text: str, begin: int) -> Spans:
    for match in _NUMBER.finditer(subject, begin):
        start, end = match.span()
        if stands_alone(subject, start, end) and vin_valid(text[start:end]):
            yield start, end, 0.9


def _vin_begins(subject: bytes, text: str, start: int) -> bool:
    mixed = any(map(str.isdigit, text[start:])) and any(map(str.isalpha, text[start:]))
    return mixed and word_chars_in(subject, start) >= _BEGUN_CHARS_MIN and begins_alone(subject, start)


KINDS = (
    PiiKind(
        "VIN",
        "vehicle identification numbers",
        "11 characters",
        (Recognizer("VIN", _SHAPE, _vins, GateFamily.SHAPES),),
        (shaped_like("VIN", _SHAPE, _vin_begins),),
    ),
)
''',
        "extproc/detectors/pii/kinds.py": (
            Insertion("    phone,", "    vehicles,\n"),
            Insertion("    account_numbers.US_SSN,", "    *vehicles.KINDS,\n"),
        ),
        "tests/unit/detectors/pii/pii_examples.py": (
            Insertion("OTHERS = (", '    Example("VIN", "the car ", "1M8GDM9AXKP042788"),\n'),
            Insertion("SHOWN_MAX = {", '    "VIN": 10,\n'),
        ),
    },
    (
        "tests/unit/detectors/pii/test_kinds.py",
        "tests/unit/detectors/pii/test_beginnings.py",
        "tests/unit/detectors/pii/test_gates.py",
        "tests/unit/detectors/text/test_folding.py",
        "tests/unit/config/test_bad_files.py",
        "tests/unit/test_module_tests.py",
        "tests/unit/test_words.py",
        "tests/docs/test_reference.py",
    ),
    example="tests/unit/detectors/pii/pii_examples.py",
    only="VIN or full or open_where or unknown_entity or not (beginnings or gates or folding or bad_files)",
)

NATIONAL_ID = Addition(
    {
        "extproc/detectors/pii/ids_of_europe.py": (
            Insertion(
                "_NINO_SHAPES: Final = ",
                '''

def bg_egn_valid(digits: str) -> bool:
    """Ten digits: birth (20 or 40 is added to the month in other centuries), and a check by mod 11."""
    born = any(date_plausible(digits[4:6], digits[2:4], month_offset=offset) for offset in (0, 20, 40))
    return born and weighted(digits, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(digits[9])


''',
            ),
            Insertion("EUROPE: Final[tuple", '    IdNumber("BG_EGN", ("9999999999",), bg_egn_valid, "егн|egn"),\n'),
        ),
        "tests/unit/detectors/pii/test_national_ids.py": (
            Insertion("HOLDS = [", '    ("BG_EGN", "ЕГН 7523169263", "7523169263", True),\n'),
        ),
        "tests/unit/detectors/pii/national_oracles.py": (
            Insertion(
                "EUROPE = (",
                """    Row(
        ids_of_europe.bg_egn_valid,
        stdnum("bg.egn"),
        "BG_EGN",
        made("99md9999", months="0 20 40"),
        (-1,),
        differences=(no_such_day("7502301004", 4),),
    ),
""",
            ),
        ),
    },
    (
        "tests/unit/detectors/pii/test_national_ids.py",
        "tests/unit/detectors/pii/test_number_oracles.py",
        "tests/unit/detectors/pii/test_beginnings.py",
        "tests/unit/config/test_bad_files.py",
        "tests/docs/test_reference.py",
    ),
    example="tests/unit/detectors/pii/test_national_ids.py",
    only="BG_EGN or egn or every or unknown_entity or 9263 or test_reference",
)
