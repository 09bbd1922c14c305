"""National id numbers, and passports.

One pass matches the shapes of all kinds; the shape tells which kinds are possible, the check digits which are valid.
Where one number in ten would pass by chance, a context word is required before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import re2

from extproc.detectors.pii import id_numbers as check
from extproc.detectors.pii.beginnings import Begun, begins_alone
from extproc.detectors.pii.recognizer import CELL_END, Candidate
from extproc.detectors.text.latin1 import DIGIT_BYTES, latin1_pattern, stands_alone

_CUE_CHARS_MAX = 40


class _Number(NamedTuple):
    """A kind of number. Shapes: 9 a digit, A a letter. ``cue``: one of these words must precede it."""

    kind: str
    shapes: tuple[str, ...]
    holds: Callable[[str], bool]
    cue: str = ""


def _any(_: str) -> bool:
    return True


_NINE = ("999999999", "999 999 999", "999-999-999")
_ELEVEN = ("99999999999",)
_NINO_SHAPES = ("AA999999A", "AA 99 99 99 A", "AA 999999 A", "AA 999999A", "AA-99-99-99-A")
# fmt: off - one kind a line or two
_NUMBERS = (
    _Number("UK_NINO", _NINO_SHAPES, check.uk_nino_plausible),
    _Number("UK_NINO", _NINO_SHAPES, check.uk_nino_plausible, "nino|national insurance|ni (?:number|no)"),
    _Number("UK_NHS", ("9999999999", "999 999 9999", "999-999-9999"), check.uk_nhs_valid, "nhs"),
    _Number(
        "DE_TAX_ID",
        (*_ELEVEN, "99 999 999 999", "99-999-999-999"),
        check.de_tax_id_valid,
        r"steuer-?(?:id|ident|nummer|nr)[a-z]*|idnr|tin|tax id",
    ),
    _Number(
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
        check.de_id_card_plausible,
        "personalausweis[a-z]*|ausweis(?:nummer|nr)?|id card",
    ),
    _Number(
        "FR_NIR",
        ("999999999999999", "9 99 99 99 999 999 99", "9 99 99 9A 999 999 99", "999999A99999999"),
        check.fr_nir_valid,
    ),
    _Number("ES_NIF", ("99999999A", "99999999-A", "A9999999A", "A-9999999-A", "A-9999999A"), check.es_nif_valid),
    _Number("ES_NIF", ("9999999A", "9999999-A"), check.es_nif_valid, "dni|nif|nie"),
    _Number("IT_FISCAL_CODE", ("AAAAAA99A99A999A",), check.it_fiscal_code_valid),
    _Number("NL_BSN", (*_NINE, "9999.99.999"), check.nl_bsn_valid, "bsn|burgerservice[a-z]*|sofi[a-z-]*"),
    _Number(
        "BE_NATIONAL_NUMBER",
        ("99.99.99-999.99", "99.99.99-999-99", "99 99 99 999 99", *_ELEVEN),
        check.be_national_number_valid,
    ),
    _Number("PL_PESEL", _ELEVEN, check.pl_pesel_valid, "pesel"),
    _Number("SE_PERSONNUMMER", ("999999-9999", "99999999-9999", "999999+9999"), check.se_personal_number_valid),
    _Number(
        "SE_PERSONNUMMER",
        ("9999999999", "999999999999"),
        check.se_personal_number_valid,
        "person-?n(?:ummer|r)|pnr|samordningsnummer",
    ),
    _Number(
        "FI_HETU", ("999999-999A", "999999+999A", "999999A999A", "999999-9999", "999999A9999"), check.fi_hetu_valid
    ),
    _Number("DK_CPR", ("999999-9999", "9999999999"), check.dk_cpr_plausible, "cpr(?:-?n(?:ummer|r))?|personnummer"),
    _Number("NO_FODSELSNUMMER", (*_ELEVEN, "999999 99999"), check.no_national_number_valid),
    _Number("CH_AHV", ("999.9999.9999.99", "9999999999999"), check.ch_ahv_valid),
    _Number(
        "AT_SVNR",
        ("9999999999", "9999 999999", "9999-999999"),
        check.at_svnr_valid,
        "svnr|sv-?n(?:ummer|r)|sozialversicherungs[a-z-]*|versicherungsnummer",
    ),
    _Number("CZ_RODNE_CISLO", ("999999/9999",), check.cz_birth_number_valid),
    _Number(
        "CZ_RODNE_CISLO",
        ("9999999999",),
        check.cz_birth_number_valid,
        "rodn[eé](?:ho)? (?:[cč][ií]slo|[cč][ií]sla)|r\\.?[cč]\\.?|birth number",
    ),
    _Number("IE_PPS", ("9999999A", "9999999AA"), check.ie_pps_valid, "ppsn?|pps (?:number|no)"),
    _Number("RO_CNP", ("9999999999999",), check.ro_cnp_valid, "cnp|cod numeric personal"),
    _Number("RU_SNILS", ("999-999-999 99", "999-999-999-99"), check.ru_snils_valid),
    _Number("RU_SNILS", _ELEVEN, check.ru_snils_valid, "снилс|snils"),
    _Number("PT_NIF", _NINE, check.pt_nif_valid, "nif|contribuinte|nipc"),
    _Number("TR_TCKN", _ELEVEN, check.tr_tckn_valid, "tckn|t\\.?c\\.? ?(?:kimlik|no)[a-z ]*|kimlik[a-z ]*"),
    _Number("US_ITIN", ("999-99-9999",), check.us_itin_plausible),
    _Number(
        "US_ITIN", ("999999999", "999 99 9999", "999-999999", "99999-9999"), check.us_itin_plausible, "itin|taxpayer"
    ),
    _Number("CA_SIN", _NINE, check.ca_sin_valid, "sin|social insurance|nas"),
    _Number("BR_CPF", ("999.999.999-99",), check.br_cpf_valid),
    _Number("BR_CPF", (*_ELEVEN, "999999999-99"), check.br_cpf_valid, "cpf"),
    _Number("BR_CNPJ", ("99.999.999/9999-99",), check.br_cnpj_valid),
    _Number("BR_CNPJ", ("99999999999999",), check.br_cnpj_valid, "cnpj"),
    _Number(
        "IN_AADHAAR",
        ("999999999999", "9999 9999 9999", "9999-9999-9999"),
        check.in_aadhaar_valid,
        "aadha?ar|uidai?|आधार",
    ),
    _Number("IN_PAN", ("AAAAA9999A",), check.in_pan_plausible),
    _Number("IN_PAN", ("AAAAA9999A",), _any, "pan|permanent account"),
    _Number("CN_RESIDENT_ID", ("999999999999999999", "99999999999999999A"), check.cn_resident_id_valid),
    _Number(
        "JP_MY_NUMBER",
        ("999999999999", "9999 9999 9999", "9999-9999-9999"),
        check.jp_my_number_valid,
        "my number|mynumber|individual number|マイナンバー|個人番号",
    ),
    _Number("MX_CURP", ("AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"), check.mx_curp_valid),
    _Number("CL_RUT", ("99.999.999-9", "99.999.999-A", "9.999.999-9", "9.999.999-A"), check.cl_rut_valid),
    _Number("CL_RUT", ("99999999-9", "99999999-A", "9999999-9", "9999999-A"), check.cl_rut_valid, "ru[tn]"),
    _Number("TH_ID", ("9-9999-99999-99-9",), check.th_id_valid),
    _Number("TH_ID", ("9999999999999",), check.th_id_valid, "ประชาชน|thai (?:national )?id|citizen id"),
    _Number("AE_EMIRATES_ID", ("999-9999-9999999-9",), check.ae_emirates_id_valid),
    _Number("AE_EMIRATES_ID", ("999999999999999",), check.ae_emirates_id_valid, "emirates id|eid|الهوية"),
    _Number("IL_ID", ("999999999", "99999999-9"), check.il_id_valid, "ת\\.?ז|תעודת זהות|teudat zehut|israeli id"),
    _Number("KR_RRN", ("999999-9999999",), check.kr_rrn_plausible),
    _Number("KR_RRN", ("9999999999999",), check.kr_rrn_plausible, "rrn|resident registration|주민등록번호|주민번호"),
    _Number("SG_NRIC", ("A9999999A",), check.sg_nric_valid),
    _Number(
        "ZA_ID",
        ("9999999999999", "999999 9999 999"),
        check.za_id_valid,
        "(?:south african|sa|rsa) id|id (?:number|no|nr)|identity (?:number|document|no)|national id",
    ),
    _Number("AU_TFN", ("999999999", "999 999 999", "999-999-999"), check.au_tfn_valid, "tfn|tax file"),
    _Number("AU_MEDICARE", ("9999999999", "9999 99999 9", "9999-99999-9"), check.au_medicare_valid, "medicare"),
    _Number(
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
        _any,
        r"passports?|pass-?(?:nummer|nr)|reisepass[a-z-]*|passeport|pasaporte|passaporto|passaporte|paspoort"
        r"|paszport[a-z]*|pasaport|paspor|护照|護照|旅券|パスポート|여권|паспорт[а-я]*|جواز",
    ),
    _Number("PASSPORT", ("9999 999999", "99 99 999999"), _any, "паспорт[а-я]*"),
)
# fmt: on
"""In order of precedence if several match."""

NATIONAL_ID_KINDS = tuple(dict.fromkeys(number.kind for number in _NUMBERS))
"""Every kind found here."""

_SHAPE_OF = bytes.maketrans(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\xa0", b"9" * 10 + b"A" * 52 + b" "
)
_IN_WORD = latin1_pattern(f"[^{CELL_END}]")
_SEPARATORS = b" \xa0.-/+"
_NO_SEPARATORS = str.maketrans("", "", _SEPARATORS.decode("latin-1"))
_BEGUN_CHARS_MIN = 8
_BEGUN_CHARS_MAX = 32
_GROUP = latin1_pattern("[0-9A-Za-z]+")
_GROUPS_AT_END = latin1_pattern(r"[0-9A-Za-z](?:[ \xA0.\-/+]?[0-9A-Za-z])*[ \xA0.\-/+]?$")


def _shape_pattern(shape: str) -> str:
    classes = {"9": "[0-9]", "A": "[A-Za-z]", " ": r"[ \xA0]"}
    return "".join(classes.get(character) or "\\" + character for character in shape)


def _cue_pattern(words: str, ending: str) -> Any:
    return re2.compile(rf"(?i)(?:^|[^a-z])(?:{words}){ending}".encode())


_NEAR = r"(?:[^a-z0-9][^0-9]{0,24})?$"
"""The word ends at most 24 characters before the number, with no digit between."""


class _Shapes:
    """The shapes of some kinds: one pattern for all, and for each shape its kinds with their context words."""

    def __init__(self, numbers: list[_Number]) -> None:
        self._by_shape: dict[bytes, list[tuple[str, Callable[[str], bool], Any]]] = {}
        for number in numbers:
            cue = _cue_pattern(number.cue, _NEAR) if number.cue else None
            for shape in number.shapes:
                self._by_shape.setdefault(shape.encode(), []).append((number.kind, number.holds, cue))
        longest_first = sorted(self._by_shape, key=len, reverse=True)
        self._pattern = latin1_pattern(
            r"\b(?:" + "|".join(_shape_pattern(shape.decode()) for shape in longest_first) + r")\b"
        )

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """Matches of a shape that are valid, and have their context word if they need one."""
        position = begin
        while match := self._pattern.search(subject, position):
            start, end = match.span()
            number = _bare(subject, start, end)
            kind = self._kind(number, subject[start:end].translate(_SHAPE_OF), text, start) if number else ""
            if kind:
                yield kind, start, end, 0.8
            position = end if kind else start + 1

    def _kind(self, number: str, shape: bytes, text: str, start: int) -> str:
        before = None
        for kind, holds, cue in self._by_shape[shape]:
            if cue is None:
                if number == number.upper() and holds(number):
                    return kind
                continue
            if before is None:
                before = text[max(0, start - _CUE_CHARS_MAX) : start].encode("utf-8", "replace")
            if cue.search(before) is not None and holds(number.upper()):
                return kind
        return ""


class NationalIds:
    """Finds the requested kinds, in two passes: with a context word if there is any, and without."""

    def __init__(self, kinds: frozenset[str]) -> None:
        chosen = [number for number in _NUMBERS if number.kind in kinds]
        cued = [number for number in chosen if number.cue]
        plain = [number for number in chosen if not number.cue]
        self._any_cue = _cue_pattern("|".join(number.cue for number in cued), "") if cued else None
        self._cued = _Shapes(cued) if cued else None
        self._plain = _Shapes(plain) if plain else None
        self._begun = _BegunShapes(chosen)

    def candidates(self, subject: bytes, text: str, begin: int) -> Iterator[Candidate]:
        """Kind, start, end and score of each number in ``text[begin:]``; numbers with a context word come first."""
        if self._cued is not None and self._any_cue is not None:
            seen = text[max(0, begin - _CUE_CHARS_MAX) :].encode("utf-8", "replace")
            if self._any_cue.search(seen) is not None:
                yield from self._cued.candidates(subject, text, begin)
        if self._plain is not None:
            yield from self._plain.candidates(subject, text, begin)

    def beginning(self, subject: bytes, text: str, begin: int) -> Begun | None:
        """Kind and start of a possible beginning of a number, at the end of ``text``."""
        return self._begun.find(subject, text, begin)


class _BegunShapes:
    """Ends of truncated texts: prefixes of a number's shape that are nearly complete."""

    def __init__(self, numbers: list[_Number]) -> None:
        self._shapes = [
            (number.kind, _cue_pattern(number.cue, _NEAR) if number.cue else None, shape, _chars_in(shape))
            for number in numbers
            for shape in number.shapes
        ]

    def find(self, subject: bytes, text: str, begin: int) -> Begun | None:
        """Kind and start of the longest."""
        groups = _GROUPS_AT_END.search(subject, max(begin, len(subject) - _BEGUN_CHARS_MAX))
        if groups is None:
            return None
        for group in _GROUP.finditer(subject, groups.start()):
            kind = self._kind_of(subject, text, group.start())
            if kind:
                return kind, int(group.start())
        return None

    def _kind_of(self, subject: bytes, text: str, start: int) -> str:
        """The first kind whose number may begin like this; empty if none."""
        if not begins_alone(subject, start) or _goes_before(subject, start):
            return ""
        written = subject[start:].translate(_SHAPE_OF).decode("latin-1")
        bare = written.translate(_NO_SEPARATORS)
        before = text[max(0, start - _CUE_CHARS_MAX) : start].encode("utf-8", "replace")
        for kind, cue, shape, chars in self._shapes:
            if (
                shape.startswith(written)
                and len(bare) >= _begun_chars_min(bare, chars, cue is not None)
                and (cue is None or cue.search(before) is not None)
            ):
                return kind
        return ""


def _chars_in(shape: str) -> int:
    return len(shape.translate(_NO_SEPARATORS))


def _begun_chars_min(bare: str, chars: int, cued: bool) -> int:
    """Minimum characters of a number of this length that count: at most eight, more without a context word."""
    if cued:
        return min(_BEGUN_CHARS_MIN, -(-2 * chars // 3))
    return _BEGUN_CHARS_MIN if "A" not in bare else min(_BEGUN_CHARS_MIN, chars - 2)


def _bare(subject: bytes, start: int, end: int) -> str:
    """The number without separators; empty if it is part of something longer, or of two cells."""
    if not stands_alone(subject, start, end):
        return ""
    written = subject[start:end]
    bare = written.translate(None, _SEPARATORS)
    grouped = b" " in written or b"\xa0" in written
    if grouped and (bare != bare.upper() or _goes_before(subject, start)):
        return ""
    return bare.decode("ascii")


def _goes_before(subject: bytes, start: int) -> bool:
    """Whether these groups are the rest of a longer number, or their first letters the rest of a word."""
    if start >= 2 and subject[start - 1] in b" \xa0" and subject[start - 2] in DIGIT_BYTES:
        return True
    return start > 0 and subject[start] not in DIGIT_BYTES and _IN_WORD.match(subject, start - 1) is not None


GATE = (
    r"[0-9](?:[ \xA0.\-+/]?[0-9]){7}|\b[A-Za-z]{1,3}-?[0-9]{6}|[0-9]{7}-?[A-Za-z]|[0-9]{6}[A-Za-z][0-9]{3}"
    r"|[0-9](?:\.[0-9]{3}){2}-[A-Za-z]"
    r"|\b[A-Z]{2}[ \xA0](?:[0-9]{2}[ \xA0]?){3}[A-Z]|[A-Za-z]{2}(?:-[0-9]{2}){3}-[A-Za-z]"
    r"|\b[A-Z]{1,2}[ \xA0][0-9]{7}|[A-Za-z]{4}[0-9]{6}[A-Za-z]{6}"
    r"|[A-Za-z]{5}[0-9]{4}[A-Za-z]|[A-Za-z]{6}[0-9]{2}[A-Za-z][0-9]{2}[A-Za-z]"
    r"|\b[A-Za-z]{1,3}[0-9][0-9A-Za-z]{5}|\b[0-9]{2}[A-Z]{2}[0-9]{5}"
)
"""Common to every number above: eight digits, or fewer next to letters."""
