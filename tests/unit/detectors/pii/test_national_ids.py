"""Numbers of countries: what holds, what does not, and where a word must stand before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii import id_numbers, ids_of_europe
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.national_ids import NATIONAL_ID_KINDS

detector = PiiDetector(["NATIONAL_ID"])

# kind, a number that is found by itself or "" where it is not, and a text in which it is found
HOLDS = [
    ("AE_EMIRATES_ID", "card 784-1990-1234567-6", "784-1990-1234567-6", False),
    ("AE_EMIRATES_ID", "الهوية: 784199012345676", "784199012345676", True),
    ("AT_SVNR", "SVNR: 1237 010180", "1237 010180", True),
    ("AU_MEDICARE", "Medicare card 2123 45670 1", "2123 45670 1", True),
    ("AU_TFN", "my TFN is 876 543 210", "876 543 210", True),
    ("BE_NATIONAL_NUMBER", "geboren 85.07.30-033.28", "85.07.30-033.28", False),
    ("BE_NATIONAL_NUMBER", "NISS 17 07 30 033 84", "17 07 30 033 84", False),
    ("BE_NATIONAL_NUMBER", "rijksregisternummer 85073003328", "85073003328", False),
    ("BR_CNPJ", "empresa 11.222.333/0001-81", "11.222.333/0001-81", False),
    ("BR_CPF", "meu 111.444.777-35", "111.444.777-35", False),
    ("BR_CPF", "CPF 11144477735", "11144477735", True),
    ("CA_SIN", "SIN: 046 454 286", "046 454 286", True),
    ("CH_AHV", "Nr. 756.9217.0769.85", "756.9217.0769.85", False),
    ("CL_RUT", "RUT 12.531.909-2", "12.531.909-2", False),
    ("CL_RUT", "RUN: 12531909-2", "12531909-2", True),
    ("CN_RESIDENT_ID", "身份证11010519491231002X", "11010519491231002X", False),
    ("CZ_RODNE_CISLO", "paní 710319/2745", "710319/2745", False),
    ("CZ_RODNE_CISLO", "Rodné číslo: 7103192745", "7103192745", True),
    ("DE_ID_CARD", "Personalausweis T220001293", "T220001293", True),
    ("DE_TAX_ID", "Steuer-ID: 86 095 742 719", "86 095 742 719", True),
    ("DK_CPR", "CPR-nummer 070761-4286", "070761-4286", True),
    ("ES_NIF", "con 12345678Z", "12345678Z", False),
    ("ES_NIF", "con X1234567L", "X1234567L", False),
    ("FI_HETU", "hän 131052-308T", "131052-308T", False),
    ("FR_NIR", "elle 2 55 08 14 168 025 38", "2 55 08 14 168 025 38", False),
    ("FR_NIR", "elle 255081416802538", "255081416802538", False),
    ("IE_PPS", "PPS number 6433435F", "6433435F", True),
    ("IE_PPS", "PPSN 6433435OA", "6433435OA", True),
    ("IL_ID", "תעודת זהות 123456782", "123456782", True),
    ("IN_AADHAAR", "Aadhaar number 2341 2341 2346", "2341 2341 2346", True),
    ("IN_PAN", "is ABCPD1234Z", "ABCPD1234Z", False),
    ("IT_FISCAL_CODE", "lui RSSMRA85T10A562S", "RSSMRA85T10A562S", False),
    ("JP_MY_NUMBER", "マイナンバー: 123456789018", "123456789018", True),
    ("KR_RRN", "주민등록번호 850101-1234567", "850101-1234567", False),
    ("KR_RRN", "RRN 8501011234567", "8501011234567", True),
    ("MX_CURP", "alumno BOXW310820HNERXN09", "BOXW310820HNERXN09", False),
    ("NL_BSN", "BSN 111222333", "111222333", True),
    ("NO_FODSELSNUMMER", "hun 15108695088", "15108695088", False),
    ("PASSPORT", "passport number: Z12803456", "Z12803456", True),
    ("PASSPORT", "Nr paszportu ZS 0000177", "ZS 0000177", True),
    ("PASSPORT", "паспорт 4509 123456", "4509 123456", True),
    ("PL_PESEL", "PESEL 44051401458", "44051401458", True),
    ("PT_NIF", "contribuinte 123456789", "123456789", True),
    ("RO_CNP", "CNP 1630615123457", "1630615123457", True),
    ("RU_SNILS", "№ 112-233-445 95", "112-233-445 95", False),
    ("RU_SNILS", "СНИЛС 11223344595", "11223344595", True),
    ("SE_PERSONNUMMER", "hon 811218-9876", "811218-9876", False),
    ("SG_NRIC", "is S1234567D", "S1234567D", False),
    ("TH_ID", "No. 1-1017-00230-70-8", "1-1017-00230-70-8", False),
    ("TH_ID", "เลขประจำตัวประชาชน 1101700230708", "1101700230708", True),
    ("TR_TCKN", "TCKN 10000000146", "10000000146", True),
    ("UK_NHS", "NHS number 943 476 5919", "943 476 5919", True),
    ("UK_NINO", "it is AB 12 34 56 C and", "AB 12 34 56 C", False),
    ("US_ITIN", "has 912-70-1234", "912-70-1234", False),
    ("ZA_ID", "ID number 8001015009087", "8001015009087", True),
]


def found(text: str) -> list[tuple[str, str]]:
    """Kind and words of each finding."""
    return [(finding.kind, text[finding.start : finding.end]) for finding in detector.find(text)]


@pytest.mark.parametrize(("kind", "text", "number", "cued"), HOLDS)
def test_a_number_that_holds_is_found(kind: str, text: str, number: str, cued: bool) -> None:
    """Without a word before it only where chance would seldom make one."""
    assert found(text) == [(kind, number)]
    assert found(f"see {number}") == ([] if cued else [(kind, number)])


def test_every_kind_has_an_example() -> None:
    """None is left untested."""
    assert {kind for kind, *_ in HOLDS} == set(NATIONAL_ID_KINDS)


UNCHECKED = {"AU_MEDICARE", "DK_CPR", "KR_RRN", "PASSPORT", "US_ITIN", "UK_NINO", "IN_PAN"}


@pytest.mark.parametrize(("kind", "text", "number"), [row[:3] for row in HOLDS if row[0] not in UNCHECKED])
def test_one_wrong_digit_is_another_number(kind: str, text: str, number: str) -> None:
    """Check digits are checked: of the nine other digits at one place none holds."""
    place = max(place for place, character in enumerate(number) if character.isdigit())
    wrong = [number[:place] + digit + number[place + 1 :] for digit in "0123456789" if digit != number[place]]
    held = [one for one in wrong if (kind, one) in found(text.replace(number, one))]
    assert len(held) <= 1  # a check by 11 folds two values into one digit


@pytest.mark.parametrize(
    "text",
    [
        "invoice 943 476 5919 was paid",
        "epoch 1718378521 and 1718378521000, order 44051401458",
        "AHV 756.9217.0769.86 is mistyped",
        "Medicare 2123 45671 1",
        "BG 12 34 56 C and QQ123456C are never given",
        "passport renewal takes 6 weeks, see form 12",
        "a single 046-454-286 part",
        "The sina 046 454 286 plant",
        "part AB123456C7 and XAB123456C",
        "2 55 08 14 168 025 39",
    ],
)
def test_what_only_looks_like_one(text: str) -> None:
    """No word for it, a wrong check digit, a part of something longer."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("BE_NATIONAL_NUMBER", "BIS 85.27.30-033.71", "85.27.30-033.71"),
        ("BE_NATIONAL_NUMBER", "BIS 85.47.30-033.17", "85.47.30-033.17"),
        ("NO_FODSELSNUMMER", "hjelpenummer 15508695060", "15508695060"),
        ("PT_NIF", "NIF 450000001", "450000001"),
        ("PT_NIF", "NIF 760380015", "760380015"),
        ("IE_PPS", "PPSN 6433435FT", "6433435FT"),
    ],
)
def test_numbers_of_people_who_live_abroad_or_are_in_a_hospital(kind: str, text: str, number: str) -> None:
    """Their numbers have marks of their own, or the letters of the years before 2013."""
    assert found(text) == [(kind, number)]


def test_two_digits_twice_are_no_tax_id() -> None:
    """In Germany exactly one digit occurs more than once."""
    assert id_numbers.mod11_10_valid("29047315208")
    assert found("Steuer-ID 29047315208") == []


def test_a_woman_was_born_on_a_day_and_forty() -> None:
    """In Italy, and nobody on day 32 to 40."""
    assert ids_of_europe.it_fiscal_code_valid("CNTCHR83T41D969D")
    assert not ids_of_europe.it_fiscal_code_valid("YMLNZJ09L40W716D")


def test_kinds_can_be_chosen_one_by_one() -> None:
    """A number that fits two countries is given to the one that was asked for."""
    assert [one.kind for one in PiiDetector(["PT_NIF"]).find("nif 123456789")] == ["PT_NIF"]
    assert PiiDetector(["NL_BSN"]).find("nif 123456789") == []


@given(st.text("0123456789", min_size=2, max_size=24))
def test_verhoeff_sees_every_wrong_digit_and_swap(digits: str) -> None:
    """The reason why it is used: exactly one last digit holds, and no neighbours can be swapped."""
    held = [digits + last for last in "0123456789" if id_numbers.verhoeff_valid(digits + last)]
    assert len(held) == 1
    (number,) = held
    for place in range(len(number) - 1):
        if number[place] != number[place + 1]:
            swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
            assert not id_numbers.verhoeff_valid(swapped)


@given(st.text("0123456789", min_size=1, max_size=24))
def test_iso_7064_gives_one_check_digit(digits: str) -> None:
    """Mod 11,10 accepts exactly one of ten."""
    assert sum(id_numbers.mod11_10_valid(digits + last) for last in "0123456789") == 1


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ -./+", max_size=40))
def test_no_text_breaks_a_check(text: str) -> None:
    """Whatever has a shape can be judged."""
    words = "ssn nhs steuer-id bsn pesel svnr nif tckn itin sin cpf cnpj aadhaar pan rrn sa id tfn medicare passport"
    words += " rut ppsn cnp curp снилс"
    for word in words.split():
        detector.find(f"{word} {text}")
