"""Our validators of countries' numbers beside those of python-stdnum."""

from __future__ import annotations

from extproc.detectors.pii import ids_elsewhere, ids_of_europe
from tests.unit.detectors.pii.number_oracles import (
    CLOCK,
    DIGITS,
    LETTERS,
    Difference,
    Row,
    every_number,
    made,
    no_such_day,
    stdnum,
)

_REPEATED = "one digit repeated is a placeholder, and passes many checks"


def _one_digit(number: str) -> bool:
    return len(set(number)) == 1


def _dashed_hetu(number: str) -> bool:
    """The oracle wants the mark of the century, which our caller has taken out where it is a sign."""
    return stdnum("fi.hetu")(number if len(number) == 11 else f"{number[:6]}-{number[6:]}")


def _resident_id(number: str) -> bool:
    """The oracle has no county for some provinces, and raises then."""
    try:
        return stdnum("cn.ric")(number)
    except KeyError:
        return False


EUROPE = (
    Row(
        ids_of_europe.uk_nhs_valid,
        stdnum("gb.nhs"),
        "UK_NHS",
        made("9" * 10),
        (9,),
        differences=(Difference("0000000000", False, _one_digit, _REPEATED),),
    ),
    Row(
        ids_of_europe.de_tax_id_valid,
        stdnum("de.idnr"),
        "DE_TAX_ID",
        made("s99", s="123456789 112345678 111234567 987654321 246813570 135792468 502718364 998877665"),
        (9, 10),
    ),
    Row(
        ids_of_europe.fr_nir_valid,
        stdnum("fr.nir"),
        "FR_NIR",
        made("s99mp99999999", months="0 20 30 50", s="1 2 7 8 3 4 5", p="75 2A 2B 99"),
        (13, 14),
        differences=(
            Difference(
                "300007500000056",
                False,
                lambda number: number[0] not in "1278",
                "3 and 4 mark people whose registration has not ended; Amex cards begin with 34 and 37",
            ),
            Difference(
                "100007500000059",
                False,
                lambda number: number[3:5] in ("00", *map(str, range(13, 20)), *map(str, range(43, 50))),
                "the oracle does not look at the month; those up to 12, 20 to 42 and from 50 on are given (INSEE)",
            ),
        ),
    ),
    Row(
        ids_of_europe.es_nif_valid,
        stdnum("es.dni", "es.nie"),
        "ES_NIF",
        made("x9999999A", x="0 1 5 9 X Y Z"),
        (-1,),
        LETTERS,
        (Difference("00000000T", False, lambda number: int(number[1:-1]) == 0, "number zero was given to nobody"),),
    ),
    Row(
        ids_of_europe.it_fiscal_code_valid,
        stdnum("it.codicefiscale"),
        "IT_FISCAL_CODE",
        made("AAAAAA99xdA999A", days="0 40", x="A B C D E H L M P R S T F"),
        (-1,),
        LETTERS,
        (no_such_day("AMCXLP32B71A217V", 9, 40),),
    ),
    Row(ids_of_europe.nl_bsn_valid, stdnum("nl.bsn"), "NL_BSN", made("9" * 9), (-1,)),
    Row(
        ids_of_europe.be_national_number_valid,
        stdnum("be.nn", "be.bis"),
        "BE_NATIONAL_NUMBER",
        made("99md99999", months="0 20 40"),
        (-1, -2),
        differences=(
            Difference(
                "00000000097",
                False,
                lambda number: int(number[2:4]) % 20 == 0 or not 1 <= int(number[4:6]) <= 31,
                "months and days that are not known: without the date one number in fifty would pass",
            ),
            Difference("48311353340", True, every_number, CLOCK),
        ),
    ),
    Row(
        ids_of_europe.pl_pesel_valid,
        stdnum("pl.pesel"),
        "PL_PESEL",
        made("99md99999", months="0 20 40 60 80"),
        (-1,),
        differences=(no_such_day("94023098355", 4),),
    ),
    Row(
        ids_of_europe.se_personal_number_valid,
        stdnum("se.personnummer"),
        "SE_PERSONNUMMER",
        made("c99md9999", days="0 60", c=" 18 19 20 21"),
        (-1,),
        differences=(
            Difference(
                "198708733368",
                True,
                lambda number: int(number[-6:-4]) > 60,
                "the oracle leaves out coordination numbers (Skatteverket: 60 is added to the day)",
            ),
            Difference(
                "105011282364",
                False,
                lambda number: len(number) == 12 and number[:2] not in ("18", "19", "20"),
                "nobody who lives was born in another century",
            ),
            no_such_day("0506319490", -6),
        ),
    ),
    Row(
        ids_of_europe.fi_hetu_valid,
        _dashed_hetu,
        "FI_HETU",
        made("dm99c9999", c=" A B C D E F Y X W V U"),
        (-1,),
        DIGITS + LETTERS,
        (
            Difference(
                "2309000003",
                True,
                lambda number: number[-4] == "9" or number[-4:-1] in ("000", "001"),
                "numbers from 900 on are given by hospitals for a time, and are a person's all the same",
            ),
            no_such_day("310480U828K", 0),
        ),
    ),
    Row(
        ids_of_europe.dk_cpr_plausible,
        stdnum("dk.cpr"),
        "DK_CPR",
        made("dm999999"),
        differences=(
            no_such_day("2903506399", 0),
            Difference("2009487545", True, lambda number: number[6] in "456789", CLOCK),
        ),
    ),
    Row(
        ids_of_europe.no_national_number_valid,
        stdnum("no.fodselsnummer"),
        "NO_FODSELSNUMMER",
        made("dm9999999", months="0 40", days="0 40"),
        (-1, -2),
        differences=(
            Difference(
                "48487436243",
                False,
                lambda number: number[0] > "3" and number[2] > "3",
                "no register adds 40 to the day and to the month",
            ),
            no_such_day("70115283187", 0, 40),
            Difference(
                "18074852099",
                True,
                lambda number: number[6] > "4",
                "the oracle knows which years go with which individual numbers, and the year it is",
            ),
        ),
    ),
    Row(ids_of_europe.ch_ahv_valid, stdnum("ch.ssn"), "CH_AHV", made("p" + "9" * 10, p="756 755 123"), (-1,)),
    Row(
        ids_of_europe.at_svnr_valid,
        stdnum("at.vnr"),
        "AT_SVNR",
        made("9999dm99"),
        (3,),
        differences=(
            Difference(
                "6007000000",
                False,
                lambda number: not 1 <= int(number[4:6]) <= 31,
                "the oracle does not look at the day of birth (months beyond 12 are given, days beyond 31 are not)",
            ),
        ),
    ),
    Row(
        ids_of_europe.cz_birth_number_valid,
        stdnum("cz.rc"),
        "CZ_RODNE_CISLO",
        made("99md9999", months="0 20 50 70"),
        (-1,),
        differences=(
            no_such_day("1352315855", 4),
            Difference(
                "1448082340",
                False,
                lambda number: 33 <= int(number[2:4]) <= 50 or int(number[2:4]) > 82,
                "the oracle takes the rest by 50 and by 20; only 20, 50 and 70 are added (law 133/2000)",
            ),
        ),
    ),
    Row(ids_of_europe.ie_pps_valid, stdnum("ie.pps"), "IE_PPS", made("9999999As", s=" A B H W T X S N"), (7,), LETTERS),
    Row(
        ids_of_europe.ro_cnp_valid,
        stdnum("ro.cnp"),
        "RO_CNP",
        made("999mdc9999", c="01 12 40 46 47 51 52 60 70 99"),
        (-1,),
        differences=(
            Difference(
                "5340730606562",
                True,
                lambda number: number[7:9] not in ("01", "12", "40", "46"),
                "the list of counties has grown before; a word must stand before the number in any case",
            ),
            no_such_day("1900231400004", 5),
        ),
    ),
    Row(ids_of_europe.pt_nif_valid, stdnum("pt.nif"), "PT_NIF", made("9" * 9), (-1,)),
    Row(ids_of_europe.tr_tckn_valid, stdnum("tr.tckimlik"), "TR_TCKN", made("9" * 11), (-1, -2)),
)

ELSEWHERE = (
    Row(
        ids_elsewhere.us_itin_plausible,
        stdnum("us.itin"),
        "US_ITIN",
        made("f99g9999", f="9 9 9 8", g="49 50 57 65 66 70 88 89 90 92 93 94 99"),
        differences=(
            Difference(
                "936574304",
                True,
                lambda number: "50" <= number[3:5] <= "65",
                "groups 50 to 65 are given too (IRS, since 2013)",
            ),
        ),
    ),
    Row(
        ids_elsewhere.ca_sin_valid,
        stdnum("ca.sin"),
        "CA_SIN",
        made("9" * 9),
        (-1,),
        differences=(
            Difference(
                "000000000",
                True,
                lambda number: number[0] == "0",
                "046 454 286 is the example of most forms; a word must stand before the number in any case",
            ),
        ),
    ),
    Row(ids_elsewhere.br_cpf_valid, stdnum("br.cpf"), "BR_CPF", made("9" * 11), (-1, -2)),
    Row(ids_elsewhere.br_cnpj_valid, stdnum("br.cnpj"), "BR_CNPJ", made("9" * 14), (-1, -2)),
    Row(ids_elsewhere.in_aadhaar_valid, stdnum("in_.aadhaar"), "IN_AADHAAR", made("9" * 12), (-1,)),
    Row(
        ids_elsewhere.in_pan_plausible,
        stdnum("in_.pan"),
        "IN_PAN",
        made("AAAAAsA", s="0000 0001 1234 9999"),
        differences=(
            Difference(
                "EIWEW1234W", True, lambda number: number[3] == "E", "E is a limited liability partnership (since 2009)"
            ),
        ),
    ),
    Row(
        ids_elsewhere.cn_resident_id_valid,
        _resident_id,
        "CN_RESIDENT_ID",
        made("pc99md9999", p="110105 310101 440301 999999 012345", c="17 18 19 20 21"),
        (-1,),
        DIGITS + "X",
        (
            Difference(
                "999999190812082362",
                True,
                lambda number: number[:6] not in ("110105", "310101"),
                "counties come and go, and the check by 11-2 is enough",
            ),
            Difference(
                "440301217505173364",
                False,
                lambda number: number[6:8] not in ("18", "19", "20"),
                "nobody who lives was born in another century",
            ),
            no_such_day("110105209502316276", 12),
        ),
    ),
    Row(ids_elsewhere.jp_my_number_valid, stdnum("jp.in_"), "JP_MY_NUMBER", made("9" * 12), (-1,)),
    Row(
        ids_elsewhere.kr_rrn_plausible,
        stdnum("kr.rrn"),
        "KR_RRN",
        made("99md9999999"),
        (-1,),
        differences=(
            Difference(
                "8708135336140",
                True,
                every_number,
                "numbers given since October 2020 have neither place nor check digit",
            ),
            Difference(
                "0412070663991", False, lambda number: number[6] in "90", "nobody who lives was born before 1900"
            ),
        ),
    ),
    Row(
        ids_elsewhere.mx_curp_valid,
        stdnum("mx.curp"),
        "MX_CURP",
        made("AAAA99mdsrAAA99", s="H M X Q", r="DF NE JC MC AA"),
        (-1,),
        differences=(
            Difference(
                "SPAV820310XMCLXU53",
                True,
                lambda code: code[10] == "X",
                "X is neither man nor woman (RENAPO, since 2023)",
            ),
            Difference(
                "NIJR140401MAAGRB64",
                True,
                lambda code: code[11:13] not in ("DF", "NE", "JC", "MC"),
                "states, and words that no number begins with, are lists that change; the check digit is enough",
            ),
            no_such_day("WQWK991131HDFCWQ62", 8),
        ),
    ),
    Row(ids_elsewhere.cl_rut_valid, stdnum("cl.rut"), "CL_RUT", made("s99999999", s=" 1 2"), (-1,), DIGITS + "K"),
    Row(ids_elsewhere.th_id_valid, stdnum("th.pin"), "TH_ID", made("9" * 13), (-1,)),
    Row(
        ids_elsewhere.il_id_valid,
        stdnum("il.idnr"),
        "IL_ID",
        made("9" * 9),
        (-1,),
    ),
    Row(
        ids_elsewhere.za_id_valid,
        stdnum("za.idnr"),
        "ZA_ID",
        made("99md9999c99", c="0 1 2 3"),
        (-1,),
        differences=(
            Difference(
                "5001265455264", True, lambda number: number[10] == "2", "2 is a refugee (Department of Home Affairs)"
            ),
            no_such_day("9002305000082", 4),
        ),
    ),
    Row(
        ids_elsewhere.au_tfn_valid,
        stdnum("au.tfn"),
        "AU_TFN",
        made("9" * 9),
        (-1,),
        differences=(Difference("000000000", False, _one_digit, _REPEATED),),
    ),
)
