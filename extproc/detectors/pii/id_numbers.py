"""Checksums of national id numbers: check digits, and dates of birth inside numbers.

Every function takes bare characters, upper case and without separators, of its country's length, and returns a boolean;
none raises. Sources are cited where a rule is not a plain weighted sum.
"""

from __future__ import annotations

from extproc.detectors.pii.checksums import luhn_valid

_VERHOEFF_PRODUCTS = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043",
    "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_PLACES = (
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


# --- Europe --------------------------------------------------------------------------------------------------------

_NINO_NEVER = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})


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


_NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_nif_valid(number: str) -> bool:
    """Digits, of which an X, Y or Z may be the first, and a letter by mod 23."""
    digits = str("XYZ".find(number[0])) + number[1:-1] if number[0] in "XYZ" else number[:-1]
    return digits.isdigit() and int(digits) > 0 and _NIF_LETTERS[int(digits) % 23] == number[-1]


_FISCAL_ODD = {
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


_HETU_CHECKS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


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


# --- America, Asia, Africa, Oceania --------------------------------------------------------------------------------


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


_CURP_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ")}


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
