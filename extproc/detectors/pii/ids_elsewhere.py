"""Ids of America, Asia, Africa and Oceania, and passports of all countries: how each number is checked, and its rows.

Every check takes bare characters, upper case and without separators, of its country's length, and returns a boolean;
none raises. Sources are cited where a rule is not a plain weighted sum.
"""

from __future__ import annotations

from typing import Final

from extproc.detectors.pii.checksums import luhn_valid
from extproc.detectors.pii.id_numbers import (
    ELEVEN_DIGITS,
    NINE_DIGITS,
    IdNumber,
    any_number,
    date_plausible,
    verhoeff_valid,
    weighted,
)


def us_itin_plausible(digits: str) -> bool:
    """Nine digits, the first a 9, the group in the ranges that the IRS gives."""
    group = int(digits[3:5])
    return digits[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


def ca_sin_valid(digits: str) -> bool:
    """Nine digits by Luhn."""
    return digits[0] != "8" and luhn_valid(digits)


def br_cpf_valid(digits: str) -> bool:
    """Eleven digits, the last two by mod 11."""
    first = weighted(digits[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) * 10 % 11 % 10
    second = weighted(digits[:10], (11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == f"{first}{second}"


def br_cnpj_valid(digits: str) -> bool:
    """Fourteen digits, the last two by mod 11."""
    first = _cnpj_check(digits[:12], (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    second = _cnpj_check(digits[:13], (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))
    return len(set(digits)) > 1 and digits[12:] == f"{first}{second}"


def _cnpj_check(digits: str, weights: tuple[int, ...]) -> int:
    rest = weighted(digits, weights) % 11
    return 0 if rest < 2 else 11 - rest


def in_aadhaar_valid(digits: str) -> bool:
    """Twelve digits by Verhoeff, the first neither 0 nor 1, no palindrome (UIDAI)."""
    return digits[0] not in "01" and digits != digits[::-1] and verhoeff_valid(digits)


def in_pan_plausible(number: str) -> bool:
    """Five letters of which the fourth is a kind of holder, four digits, a letter."""
    return number[3] in "ABCFGHJLPTEK" and number[5:9] != "0000"


def cn_resident_id_valid(number: str) -> bool:
    """Eighteen characters: place, birth, and a check by ISO 7064 mod 11-2, which may be an X (GB 11643)."""
    if number[6:8] not in ("18", "19", "20") or not date_plausible(number[12:14], number[10:12]):
        return False
    total = weighted(number, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))
    return number[0] in "123456789" and "10X98765432"[total % 11] == number[17]


def jp_my_number_valid(digits: str) -> bool:
    """Twelve digits, the last by mod 11."""
    rest = weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def kr_rrn_plausible(digits: str) -> bool:
    """Thirteen digits: birth and sex; numbers given since October 2020 have no check digit."""
    return date_plausible(digits[4:6], digits[2:4]) and digits[6] in "12345678"


_CURP_VALUES: Final = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ")}


def mx_curp_valid(code: str) -> bool:
    """Eighteen characters: letters of the name, birth, sex, state, more letters, and a check digit (RENAPO)."""
    total = sum(_CURP_VALUES[character] * (18 - place) for place, character in enumerate(code[:17]))
    born = date_plausible(code[8:10], code[6:8])
    return born and code[10] in "HMX" and (10 - total % 10) % 10 == int(code[17])


def cl_rut_valid(number: str) -> bool:
    """Seven or eight digits and a check by mod 11, of which ten is a K."""
    if not number[:-1].isdigit():
        return False
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(number[:-1])))
    return "0123456789K0"[11 - total % 11] == number[-1]


def th_id_valid(digits: str) -> bool:
    """Thirteen digits, the last by mod 11; the first tells how one became a citizen."""
    return digits[0] in "12345678" and (11 - weighted(digits, tuple(range(13, 1, -1))) % 11) % 10 == int(digits[12])


def ae_emirates_id_valid(digits: str) -> bool:
    """Fifteen digits that begin with 784, then a year of birth, the last by Luhn."""
    return digits.startswith("784") and digits[3:5] in ("19", "20") and luhn_valid(digits)


def il_id_valid(digits: str) -> bool:
    """Nine digits by Luhn."""
    return len(set(digits)) > 1 and luhn_valid(digits)


def sg_nric_valid(number: str) -> bool:
    """A letter, seven digits, and a letter by mod 11."""
    total = weighted(number[1:8], "2765432") + {"T": 4, "G": 4, "M": 3}.get(number[0], 0)
    checks = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    expected = checks.get(number[0], "")
    place = 10 - total % 11 if number[0] == "M" else total % 11
    return bool(expected) and expected[place] == number[8]


def za_id_valid(digits: str) -> bool:
    """Thirteen digits: birth, sex, citizenship, and a check digit by Luhn."""
    return date_plausible(digits[4:6], digits[2:4]) and digits[10] in "012" and luhn_valid(digits)


def au_tfn_valid(digits: str) -> bool:
    """Nine digits by mod 11."""
    return weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0 and len(set(digits)) > 1


def au_medicare_valid(digits: str) -> bool:
    """Ten digits: the ninth is a check, the tenth counts cards."""
    return digits[0] in "23456" and weighted(digits, "13791379") % 10 == int(digits[8])


# fmt: off - one kind a line or two
ELSEWHERE: Final[tuple[IdNumber, ...]] = (
    IdNumber("US_ITIN", ("999-99-9999",), us_itin_plausible),
    IdNumber("US_ITIN", ("999999999", "999 99 9999", "999-999999", "99999-9999"), us_itin_plausible, "itin|taxpayer"),
    IdNumber("CA_SIN", NINE_DIGITS, ca_sin_valid, "sin|social insurance|nas"),
    IdNumber("BR_CPF", ("999.999.999-99",), br_cpf_valid),
    IdNumber("BR_CPF", (*ELEVEN_DIGITS, "999999999-99"), br_cpf_valid, "cpf"),
    IdNumber("BR_CNPJ", ("99.999.999/9999-99",), br_cnpj_valid),
    IdNumber("BR_CNPJ", ("99999999999999",), br_cnpj_valid, "cnpj"),
    IdNumber(
        "IN_AADHAAR",
        ("999999999999", "9999 9999 9999", "9999-9999-9999"),
        in_aadhaar_valid,
        "aadha?ar|uidai?|आधार",
    ),
    IdNumber("IN_PAN", ("AAAAA9999A",), in_pan_plausible),
    IdNumber("IN_PAN", ("AAAAA9999A",), any_number, "pan|permanent account"),
    IdNumber("CN_RESIDENT_ID", ("999999999999999999", "99999999999999999A"), cn_resident_id_valid),
    IdNumber(
        "JP_MY_NUMBER",
        ("999999999999", "9999 9999 9999", "9999-9999-9999"),
        jp_my_number_valid,
        "my number|mynumber|individual number|マイナンバー|個人番号",
    ),
    IdNumber("MX_CURP", ("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"), mx_curp_valid),
    IdNumber("CL_RUT", ("99.999.999-9", "99.999.999-A", "9.999.999-9", "9.999.999-A"), cl_rut_valid),
    IdNumber("CL_RUT", ("99999999-9", "99999999-A", "9999999-9", "9999999-A"), cl_rut_valid, "ru[tn]"),
    IdNumber("TH_ID", ("9-9999-99999-99-9",), th_id_valid),
    IdNumber("TH_ID", ("9999999999999",), th_id_valid, "ประชาชน|thai (?:national )?id|citizen id"),
    IdNumber("AE_EMIRATES_ID", ("999-9999-9999999-9",), ae_emirates_id_valid),
    IdNumber("AE_EMIRATES_ID", ("999999999999999",), ae_emirates_id_valid, "emirates id|eid|الهوية"),
    IdNumber("IL_ID", ("999999999", "99999999-9"), il_id_valid, "ת\\.?ז|תעודת זהות|teudat zehut|israeli id"),
    IdNumber("KR_RRN", ("999999-9999999",), kr_rrn_plausible),
    IdNumber("KR_RRN", ("9999999999999",), kr_rrn_plausible, "rrn|resident registration|주민등록번호|주민번호"),
    IdNumber("SG_NRIC", ("A9999999A",), sg_nric_valid),
    IdNumber(
        "ZA_ID",
        ("9999999999999", "999999 9999 999"),
        za_id_valid,
        "(?:south african|sa|rsa) id|id (?:number|no|nr)|identity (?:number|document|no)|national id",
    ),
    IdNumber("AU_TFN", ("999999999", "999 999 999", "999-999-999"), au_tfn_valid, "tfn|tax file"),
    IdNumber("AU_MEDICARE", ("9999999999", "9999 99999 9", "9999-99999-9"), au_medicare_valid, "medicare"),
    IdNumber(
        "PASSPORT",
        (
            "A99999999",
            "A9999999",
            "A999999",
            "AA9999999",
            "AA999999",
            "AAA999999",
            "99AA99999",
            "A9999999A",
            "999999999",
            "99999999",
            "A9A99AA99",
            "A99AA99A9",
            "AA99999A9",
            "A99A99A99",
            "A999999A9",
            "AA 9999999",
            "A 99999999",
        ),
        any_number,
        r"passports?|pass-?(?:nummer|nr)|reisepass[a-z-]*|passeport|pasaporte|passaporto|passaporte|paspoort"
        r"|paszport[a-z]*|pasaport|paspor|护照|護照|旅券|パスポート|여권|паспорт[а-я]*|جواز",
    ),
    IdNumber("PASSPORT", ("9999 999999", "99 99 999999"), any_number, "паспорт[а-я]*"),
)
# fmt: on
"""In order of precedence if several match."""
