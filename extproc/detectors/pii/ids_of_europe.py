"""Ids of Europe's countries: how each number is checked, and its rows.

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
    date_plausible,
    mod11_10_valid,
    weighted,
)

_NINO_NEVER: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})


def uk_nino_plausible(number: str) -> bool:
    """Two valid letters, six digits, A to D (HMRC, NIM39110)."""
    prefix = number[:2]
    return (
        prefix[0] not in "DFIQUV"
        and prefix[1] not in "DFIOQUV"
        and prefix not in _NINO_NEVER
        and number[-1] in "ABCD"
        and len(set(number[2:8])) > 1
    )


def uk_nhs_valid(digits: str) -> bool:
    """Ten digits, the last of them by mod 11."""
    check = 11 - weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return check % 11 == int(digits[-1]) and check != 10 and len(set(digits)) > 1


def de_tax_id_valid(digits: str) -> bool:
    """Eleven digits, the first no zero; of the first ten exactly one occurs more than once, twice or thrice (BZSt)."""
    different = set(digits[:10])
    most = max(map(digits[:10].count, different))
    return digits[0] != "0" and (most, len(different)) in ((2, 9), (3, 8)) and mod11_10_valid(digits)


def de_id_card_plausible(number: str) -> bool:
    """Nine valid characters, and the check digit if present (ICAO 9303)."""
    if any(character in "ABDEIOQSU" for character in number) or not any(map(str.isdigit, number)):
        return False
    return number[0] in "LMNPRTVWXYZCFGHJK" and (len(number) == 9 or icao_check_valid(number))


def icao_check_valid(number: str) -> bool:
    """Check by weights 7, 3, 1 (ICAO 9303)."""
    total = sum(int(character, 36) * (7, 3, 1)[place % 3] for place, character in enumerate(number[:-1]))
    return number[-1].isdigit() and total % 10 == int(number[-1])


def fr_nir_valid(number: str) -> bool:
    """Fifteen characters: sex, year, month, place of birth (2A and 2B are Corsica), and a key by mod 97 (INSEE)."""
    digits = number.replace("2A", "19", 1) if number[5:7] == "2A" else number
    digits = number.replace("2B", "18", 1) if number[5:7] == "2B" else digits
    if not digits.isdigit() or digits[0] not in "1278":
        return False
    month = int(digits[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(digits[:13]) % 97 == int(digits[13:])


_NIF_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_nif_valid(number: str) -> bool:
    """Digits, of which an X, Y or Z may be the first, and a letter by mod 23."""
    digits = str("XYZ".find(number[0])) + number[1:-1] if number[0] in "XYZ" else number[:-1]
    return digits.isdigit() and int(digits) > 0 and _NIF_LETTERS[int(digits) % 23] == number[-1]


_FISCAL_ODD: Final = {
    **dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True)),
    **dict(
        zip(
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
            strict=True,
        )
    ),
}


def it_fiscal_code_valid(code: str) -> bool:
    """Sixteen characters: name, year, month, day (a woman's and 40), place, a letter by mod 26 (DM 23/12/1976)."""
    if not code[9:11].isdigit() or not 1 <= int(code[9:11]) % 40 <= 31:
        return False
    even = sum(int(c) if c.isdigit() else ord(c) - 65 for c in code[1:15:2])
    odd = sum(_FISCAL_ODD[c] for c in code[0:15:2])
    return code[8] in "ABCDEHLMPRST" and chr(65 + (even + odd) % 26) == code[15]


def nl_bsn_valid(digits: str) -> bool:
    """Nine digits by the eleven test."""
    return (weighted(digits, "98765432") - int(digits[8])) % 11 == 0 and len(set(digits)) > 1


def be_national_number_valid(digits: str) -> bool:
    """Eleven digits: birth, counter, and a check by mod 97, with a 2 before them from the year 2000 on.

    BIS numbers, for people who do not live in Belgium, add 20 or 40 to the month.
    """
    check = int(digits[9:])
    born = any(date_plausible(digits[4:6], digits[2:4], month_offset=offset) for offset in (0, 20, 40))
    return born and check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def pl_pesel_valid(digits: str) -> bool:
    """Eleven digits: birth (the century is in the month), and a check digit."""
    month = str(int(digits[2:4]) % 20)
    return date_plausible(digits[4:6], month) and weighted(digits, "13791379131") % 10 == 0


def se_personal_number_valid(digits: str) -> bool:
    """Ten or twelve digits: birth (a day and 60 for coordination numbers), and a check digit by Luhn."""
    short = digits[-10:]
    born = date_plausible(short[4:6], short[2:4]) or date_plausible(short[4:6], short[2:4], day_offset=60)
    century_known = len(digits) == 10 or digits[:2] in ("18", "19", "20")
    return born and century_known and luhn_valid(short)


_HETU_CHECKS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def fi_hetu_valid(number: str) -> bool:
    """Birth, three digits, and a character by mod 31; the century's mark is left out or a letter at place 7."""
    digits = number[:6] + number[-4:-1]
    return (
        digits.isdigit()
        and date_plausible(digits[:2], digits[2:4])
        and _HETU_CHECKS[int(digits) % 31] == number[-1]
        and (len(number) == 10 or number[6] in "ABCDEFYXWVU")
    )


def dk_cpr_plausible(digits: str) -> bool:
    """Birth and four digits; numbers given since 2007 have no check digit."""
    return date_plausible(digits[:2], digits[2:4])


def no_national_number_valid(digits: str) -> bool:
    """Eleven digits: birth (D numbers add 40 to the day, those of hospitals to the month), and two check digits."""
    born = any(date_plausible(digits[:2], digits[2:4], *offsets) for offsets in ((0, 0), (40, 0), (0, 40)))
    return born and weighted(digits, "3761894521") % 11 == 0 and weighted(digits, "54327654321") % 11 == 0


def ch_ahv_valid(digits: str) -> bool:
    """Thirteen digits that begin with 756, the last by EAN-13."""
    return digits.startswith("756") and weighted(digits, "1313131313131") % 10 == 0


def at_svnr_valid(digits: str) -> bool:
    """Ten digits: counter, check digit, birth."""
    total = weighted(digits[:3] + digits[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6))
    return digits[0] != "0" and total % 11 == int(digits[3]) and 1 <= int(digits[4:6]) <= 31


def pt_nif_valid(digits: str) -> bool:
    """Nine digits by mod 11."""
    return digits[0] != "0" and (11 - weighted(digits, "98765432") % 11) % 11 % 10 == int(digits[8])


def tr_tckn_valid(digits: str) -> bool:
    """Eleven digits, two of them checks."""
    odd, even = sum(map(int, digits[0:9:2])), sum(map(int, digits[1:8:2]))
    first = (odd * 7 - even) % 10
    return digits[0] != "0" and first == int(digits[9]) and sum(map(int, digits[:10])) % 10 == int(digits[10])


def cz_birth_number_valid(digits: str) -> bool:
    """Ten digits: birth (50 is added to a woman's month, 20 where a day's numbers ran out), and all by mod 11."""
    born = any(date_plausible(digits[4:6], digits[2:4], month_offset=offset) for offset in (0, 20, 50, 70))
    return born and (int(digits) % 11 == 0 or (digits[9] == "0" and int(digits[:9]) % 11 == 10))


def ie_pps_valid(number: str) -> bool:
    """Seven digits and a letter by mod 23; of second letters A, B and H count, the old W, T and X do not (Revenue)."""
    second = number[8:]
    total = weighted(number[:7], "8765432") + (9 * (ord(second) - 64) if second and second in "ABH" else 0)
    return second in {"", "A", "B", "H", "W", "T", "X"} and "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == number[7]


def ro_cnp_valid(digits: str) -> bool:
    """Thirteen digits: sex and century, birth, county, and a check by mod 11."""
    check = weighted(digits[:12], "279146358279") % 11
    return (
        digits[0] != "0"
        and date_plausible(digits[5:7], digits[3:5])
        and int(digits[12]) == (1 if check == 10 else check)
    )


def ru_snils_valid(digits: str) -> bool:
    """Eleven digits, the last two by mod 101."""
    return int(digits[:9]) > 1_001_998 and weighted(digits[:9], "987654321") % 101 % 100 == int(digits[9:])


_NINO_SHAPES: Final = ("AA999999A", "AA 99 99 99 A", "AA 999999 A", "AA 999999A", "AA-99-99-99-A")
# fmt: off - one kind a line or two
EUROPE: Final[tuple[IdNumber, ...]] = (
    IdNumber("UK_NINO", _NINO_SHAPES, uk_nino_plausible),
    IdNumber("UK_NINO", _NINO_SHAPES, uk_nino_plausible, "nino|national insurance|ni (?:number|no)"),
    IdNumber("UK_NHS", ("9999999999", "999 999 9999", "999-999-9999"), uk_nhs_valid, "nhs"),
    IdNumber(
        "DE_TAX_ID",
        (*ELEVEN_DIGITS, "99 999 999 999", "99-999-999-999"),
        de_tax_id_valid,
        r"steuer-?(?:id|ident|nummer|nr)[a-z]*|idnr|tin|tax id",
    ),
    IdNumber(
        "DE_ID_CARD",
        (
            "A99999999",
            "A999999999",
            "AA9999999",
            "AAA999999",
            "A99AA99A9",
            "A99A99A99",
            "A9A9A9A9A",
            "A99A999A9",
            "A9AA9A9A9",
            "A99AA99A99",
            "AA99A9A9A",
            "A999999A9",
            "A9999999A",
            "AA99999999",
        ),
        de_id_card_plausible,
        "personalausweis[a-z]*|ausweis(?:nummer|nr)?|id card",
    ),
    IdNumber(
        "FR_NIR",
        ("999999999999999", "9 99 99 99 999 999 99", "9 99 99 9A 999 999 99", "999999A99999999"),
        fr_nir_valid,
    ),
    IdNumber("ES_NIF", ("99999999A", "99999999-A", "A9999999A", "A-9999999-A", "A-9999999A"), es_nif_valid),
    IdNumber("ES_NIF", ("9999999A", "9999999-A"), es_nif_valid, "dni|nif|nie"),
    IdNumber("IT_FISCAL_CODE", ("AAAAAA99A99A999A",), it_fiscal_code_valid),
    IdNumber("NL_BSN", (*NINE_DIGITS, "9999.99.999"), nl_bsn_valid, "bsn|burgerservice[a-z]*|sofi[a-z-]*"),
    IdNumber(
        "BE_NATIONAL_NUMBER",
        ("99.99.99-999.99", "99.99.99-999-99", "99 99 99 999 99", *ELEVEN_DIGITS),
        be_national_number_valid,
    ),
    IdNumber("PL_PESEL", ELEVEN_DIGITS, pl_pesel_valid, "pesel"),
    IdNumber("SE_PERSONNUMMER", ("999999-9999", "99999999-9999", "999999+9999"), se_personal_number_valid),
    IdNumber(
        "SE_PERSONNUMMER",
        ("9999999999", "999999999999"),
        se_personal_number_valid,
        "person-?n(?:ummer|r)|pnr|samordningsnummer",
    ),
    IdNumber("FI_HETU", ("999999-999A", "999999+999A", "999999A999A", "999999-9999", "999999A9999"), fi_hetu_valid),
    IdNumber("DK_CPR", ("999999-9999", "9999999999"), dk_cpr_plausible, "cpr(?:-?n(?:ummer|r))?|personnummer"),
    IdNumber("NO_FODSELSNUMMER", (*ELEVEN_DIGITS, "999999 99999"), no_national_number_valid),
    IdNumber("CH_AHV", ("999.9999.9999.99", "9999999999999"), ch_ahv_valid),
    IdNumber(
        "AT_SVNR",
        ("9999999999", "9999 999999", "9999-999999"),
        at_svnr_valid,
        "svnr|sv-?n(?:ummer|r)|sozialversicherungs[a-z-]*|versicherungsnummer",
    ),
    IdNumber("CZ_RODNE_CISLO", ("999999/9999",), cz_birth_number_valid),
    IdNumber(
        "CZ_RODNE_CISLO",
        ("9999999999",),
        cz_birth_number_valid,
        "rodn[eé](?:ho)? (?:[cč][ií]slo|[cč][ií]sla)|r\\.?[cč]\\.?|birth number",
    ),
    IdNumber("IE_PPS", ("9999999A", "9999999AA"), ie_pps_valid, "ppsn?|pps (?:number|no)"),
    IdNumber("RO_CNP", ("9999999999999",), ro_cnp_valid, "cnp|cod numeric personal"),
    IdNumber("RU_SNILS", ("999-999-999 99", "999-999-999-99"), ru_snils_valid),
    IdNumber("RU_SNILS", ELEVEN_DIGITS, ru_snils_valid, "снилс|snils"),
    IdNumber("PT_NIF", NINE_DIGITS, pt_nif_valid, "nif|contribuinte|nipc"),
    IdNumber("TR_TCKN", ELEVEN_DIGITS, tr_tckn_valid, "tckn|t\\.?c\\.? ?(?:kimlik|no)[a-z ]*|kimlik[a-z ]*"),
)
# fmt: on
"""In order of precedence if several match."""
