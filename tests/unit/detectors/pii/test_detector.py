"""What is personal data and what only looks like it, and that it does not matter how a text is cut into cells."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extproc.detectors.pii.custom_recognizer import CustomRecognizer
from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.pii.wallets import eip55_valid
from tests.growth import grows_in_proportion
from tests.thorough import THOROUGH, examples

CORPUS = Path(__file__).resolve().parents[3] / "corpus" / "pii"
BREAKERS = "\\s,;\"'<>\\[\\]{}|\\\\`\u0590-\U0010ffff"
CONTEXT_CHARACTERS = 96

CUSTOM = CustomRecognizer("EMPLOYEE", r"\bEMP[- ][0-9]{4}\b|\b9{3} [A-Z]", context=("staff", "工号"))

detector = PiiDetector(ENTITIES, [CUSTOM])


def found(text: str) -> list[tuple[str, str]]:
    """Kind and words of each finding."""
    return [(finding.kind, text[finding.start : finding.end]) for finding in detector.find(text)]


def reference_cells(text: str) -> list[tuple[int, int]]:
    """Words between breakers; neighbours with one blank between them stay together where they may be one number."""
    cells: list[tuple[int, int]] = []
    word_start = 0
    for match in re.finditer(f"[^{BREAKERS}]+", text):
        start, end = match.span()
        left = text[word_start : cells[-1][1]] if cells else ""
        one_blank = bool(cells) and cells[-1][1] == start - 1 and text[start - 1] in " \u00a0"
        number_before = re.search("[0-9]", left) or re.fullmatch(r"[A-Z0-9]{1,4}|[+(\-]+", left)
        if one_blank and number_before and re.match(r"[0-9(+\-A-Z]", text[start]):
            cells[-1] = (cells[-1][0], end)
        else:
            cells.append((start, end))
        word_start = start
    return cells


def found_by_cells(text: str) -> list[tuple[str, int, int]]:
    """What a caller finds who gives one cell at a time, with a little of what stood before it."""
    findings = []
    for start, end in reference_cells(text):
        seen = max(0, start - CONTEXT_CHARACTERS)
        findings += [
            (finding.kind, finding.start + seen, finding.end + seen)
            for finding in detector.find(text[seen:end], start - seen)
        ]
    return findings


PIECES = st.sampled_from(
    (
        *("ann@example.com", "müller@firma.example", "li@例.cn", "a@b", "git@example.com", "@", "x.y@z.example."),
        *("4111 1111 1111 1111", "4111", "1111", "4111-1111-1111-1111", "3782 822463 10005"),
        *(
            "DE89 3704 0044 0532 0130 00",
            "GB29 NWBK 6016 1331 9268 19",
            "DE89370400440532013000",
            "DE89",
            "NWBK",
            "de89",
        ),
        *("219-45-7821", "219 45 7821", "219457821", "SSN", "my ssn is", "social security number:"),
        *(
            "+49 30 1234567",
            "+49",
            "(0)30",
            "030/1234567",
            "06 12 34 56 78",
            "(415) 555-2671",
            "1-(415)",
            "555-2671",
            "00",
        ),
        *("Tel.", "phone:", "call me on", "5552671234", "0044 20", "7946 0958"),
        *("192.0.2.17", "12.4.1.9", "chapter", "version", "host", "2001:db8::1", "fe80::1%eth0", "::", "12:30:45"),
        *("sk-proj-Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7", "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX", "sk-"),
        *(
            " ",
            " ",
            " ",
            " ",
            "  ",
            "\u00a0",
            "\n",
            ",",
            ";",
            '"',
            "'",
            "(",
            ")",
            "-",
            "+",
            ".",
            "/",
            ":",
            "=",
            "?",
            "_",
            "联",
            "é",
        ),
        *("00:1b:44:11:3a:b7", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"),
        *(
            "ftp://bob:s3cr3tPw@",
            "password",
            "password=",
            "api_key: ",
            "Qr7!dke#39",
            "a8f5f167f44f4964e6c998dee827110c",
        ),
        *("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "Bearer ", "heroku", "=", "token\n"),
        *("NHS", "943 476 5919", "AB 12 34 56 C", "AB123456C", "2 55 08 14 168 025 38", "passport", "Z12803456"),
        *("SIN", "046 454 286", "131052-308T", "811218-9876", "756.9217.0769.85", "aadhaar:", "2341 2341 2346"),
        *(
            "born on",
            "DOB:",
            "12/05/1990",
            "30 June",
            "June 30",
            "1923",
            "March",
            "staff",
            "工号",
            "EMP-1234",
            "EMP 1234",
            "999 A",
        ),
        *("word", "Word", "A", "I", "1", "22", "2024", "01.02.2024", "\ud800", "\u0434"),
    )
)


@settings(max_examples=examples(250), deadline=None)
@given(st.lists(PIECES, max_size=24).map("".join))
@example("ann@example.com4111 1111 1111 1111 api_key: 1aadhaar:")
@example("4111 1111 1111 1111 AKIAIOSFODNN7EXAMPLE Authorization: Basic YWFhOmFh")
def test_findings_are_the_same_cell_by_cell(text: str) -> None:
    """A stream gives cells, an unstreamed answer the same cells: no pattern may cross one or look past its end."""
    assert found_by_cells(text) == [(f.kind, f.start, f.end) for f in detector.find(text)]


OPENER = (
    "AKIAIOSFODNN7EXAMPLE Ab3#defg12 4111 1111 1111 1111 DE89370400440532013000 192.0.2.17 AB123456C 12/05/1990 "
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ann@example.com 00:1b:44:11:3a:b7 ftp://bob:s3cr3tPw@h EMP-1234 "
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc \u00ad"
)
"""Every gate is open for it."""

CUES = (
    *("api_key: ", "X-Auth-Token: ", "Authorization: ", "Authorization: Basic ", "Authorization: Bearer ", "basic "),
    *("curl -u ", "curl --user elastic:", "password=", "password ", "token\n", "secret value: ", "a@b.example / "),
    *("heroku key: ", "born on ", "DOB: ", "SSN ", "passport ", "NHS ", "aadhaar: ", "tel. ", "IBAN ", "version "),
)

ALPHABETS = (
    *("abcdef0123456789", "abcxyz019", "ABCXYZ019", "abcABC01", "aB1#$%!&=", "0123456789", "0123456789-./_:+"),
    *("YWFhOm=", "abcdefghij", "ABCDEFGHIJ", "aA1@.:/-_~", "0123456789 "),
)


@settings(max_examples=examples(250), deadline=None)
@given(
    st.sampled_from(CUES),
    st.sampled_from(ALPHABETS).flatmap(lambda alphabet: st.text(alphabet, min_size=4, max_size=24)),
)
@example("X-Api-Key: ", "sk94hg7f6kb")
@example("Authorization: Basic ", "YWFhOmFh")
@example("api_key: ", "000000000123456_")
def test_what_a_finder_takes_opens_its_gate(cue: str, word: str) -> None:
    """Behind a text that opens all gates the same is found as by itself."""
    text = f"{OPENER}\n{cue}{word}"
    assert found_by_cells(text) == [(f.kind, f.start, f.end) for f in detector.find(text)]


def test_the_corpus_gives_the_same_findings_cell_by_cell() -> None:
    """The same on real lines."""
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            text = json.loads(line)["text"]
            assert found_by_cells(text) == [(f.kind, f.start, f.end) for f in detector.find(text)], path.name


@settings(deadline=None)
@given(st.lists(PIECES, max_size=16).map("".join))
def test_findings_are_in_order_inside_the_text_and_apart(text: str) -> None:
    """So that a caller can replace them from left to right."""
    reached = 0
    for finding in detector.find(text):
        assert reached <= finding.start < finding.end <= len(text)
        assert 0 < finding.score <= 1
        reached = finding.end


def own_lines() -> list[dict[str, object]]:
    """Our labelled lines."""
    return [json.loads(line) for line in (CORPUS / "own.jsonl").read_text(encoding="utf-8").splitlines()]


CORPUS_KINDS = {"EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "IBAN_CODE": "IBAN", "API_KEY": "SECRET"}


@pytest.mark.parametrize("row", own_lines(), ids=lambda row: str(row["text"])[:40])
def test_own_lines_give_exactly_their_spans(row: dict[str, object]) -> None:
    """Each line of ``tests/corpus/pii/own.jsonl``: its spans and nothing else."""
    spans = [(CORPUS_KINDS.get(s["type"], s["type"]), s["start"], s["end"]) for s in row["spans"]]  # type: ignore[attr-defined]
    assert [(f.kind, f.start, f.end) for f in detector.find(str(row["text"]))] == spans


def test_offsets_are_characters_beside_any_script() -> None:
    """Letters of several bytes, emoji and lone surrogates before a value do not move its span."""
    for before in ("", "é", "日本", "😀😀", "\ud800", "е\u0301"):
        assert found(f"{before} ann@example.com") == [("EMAIL", "ann@example.com")]


def test_context_is_read_for_cue_words_and_never_reported() -> None:
    """What stands before ``start`` was judged already."""
    text = "mail ann@example.com, phone: 5552671234"
    start = text.index("555")
    assert [(f.kind, f.start) for f in detector.find(text, start)] == [("PHONE", start)]
    assert detector.find("5552671234") == []


def test_a_value_that_goes_on_is_another_value() -> None:
    """A longer token of the same characters is not a match with a tail."""
    for text in (
        "4111111111111111111111",
        "1192.0.2.17",
        "192.0.2.17.5",
        "AKIAQ3EXAMPLE7KEY2ZBX9",
        "219-45-78211",
        "x415-555-2671",
    ):
        assert found(text) == []


def test_a_question_mark_ends_an_address_and_a_foreign_letter_does_not() -> None:
    """Both are the same byte to the patterns."""
    assert found("Is it ann@example.com?Yes.really") == [("EMAIL", "ann@example.com")]
    assert found("http://x.example/?ann@example.com") == [("EMAIL", "ann@example.com")]
    assert found("http://user:pass@www.example.com/") == []  # a placeholder, and no address of anybody
    assert found("mail:ann@example.com") == [("EMAIL", "ann@example.com")]
    assert found("zofia.łęcka@przykład.example") == [("EMAIL", "zofia.łęcka@przykład.example")]


def test_groups_are_given_back_until_a_number_fits_its_country() -> None:
    """What follows a phone number may be a number too, and what only begins like one is none."""
    assert found("+33 6 12 34 56 78 2024 7") == [("PHONE", "+33 6 12 34 56 78")]
    assert found("00 4111-1111-1111-1111") == [("CREDIT_CARD", "4111-1111-1111-1111")]
    assert found("PAN 5555.5555.5555.4444") == [("CREDIT_CARD", "5555.5555.5555.4444")]
    assert found("h = h * 69069 + 907133923") == []


def test_only_the_kinds_asked_for_are_reported() -> None:
    """But a card number does not turn into a phone number because cards were not asked for."""
    phones = PiiDetector(["PHONE"])
    assert phones.find("phone: 4111 1111 1111 1111") == []
    assert [f.kind for f in phones.find("phone: 415-555-2671, ann@example.com")] == ["PHONE"]


def test_unknown_kinds_are_refused_with_the_known_ones() -> None:
    """The error says what may be written."""
    with pytest.raises(ValueError, match=r"unknown entities NAME; known are .*CREDIT_CARD, CRYPTO"):
        PiiDetector(["EMAIL", "NAME"])


def test_findings_never_hold_the_text() -> None:
    """They may be logged."""
    for finding in detector.find("ann@example.com, phone: 5552671234"):
        assert "ann" not in repr(finding)
        assert "555" not in repr(finding)


HOSTILE = {
    "digits": "1",
    "spaced digits": "1 ",
    "card groups": "4111 ",
    "iban groups": "DE89 3704 ",
    "at signs": "a@",
    "domains": "a@b.",
    "colons": "1:",
    "dots": "1.",
    "plus": "+1 ",
    "cue words": "phone: 1 ",
    "key prefixes": "sk-",
    "tokens": "eyJeyJeyJeyJ.",
    "question marks": "?@",
    "wide": "联@",
    "MAC groups": "00:1b:44:11:3a:",
    "MAC dots": "0012.3456.",
    "base58 words": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3 ",
    "base58 run": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN",
    "bech32 words": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdx,",
    "bech32 run": "bc1q",
    "Ethereum run": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
    "Ethereum list": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD,",
    "schemes": "ab://b:c",
    "user names": "ab://b:c@",
    "passwords": "password=Qr7!dke#39 ",
    "password run": "password:Qr7",
    "tokens with cues": "token: a1b2c3d4e5f6g7h8 ",
    "Discord beginnings": "MTk4NjIyNDgzNDcxOTI1MjQ4.",
    "hexadecimal": "0123456789abcdef",
    "Mailchimp run": "0123456789abcdef0123456789abcdef-us",
    "Azure run": "a8Q~",
    "Airtable run": "patABCDEFGHIJKLMN.",
    "Terraform run": "ABCDEFGHIJKLMN.atlasv1.",
    "leaked accounts": "a@b.co / x",
    "NHS numbers": "nhs 943 476 5919 ",
    "NINO groups": "AB 12 34 ",
    "NIR groups": "1 85 05 ",
    "passports": "passport A1234567 ",
    "birth dates": "born 12/05/1990 ",
    "birth date parts": "born on 30 June ",
    "CPF run": "111.444.777-",
    "AHV run": "756.9217.",
    "fiscal code run": "RSSMRA85T10A562",
    "all ids": "nhs 131052-308T 111.444.777-35 AB123456C ",
    "own recognizer": "staff EMP-1234 ",
    "authorizations": "authorization: Token a1b2c3d4 ",
    "curl users": "curl -u a:b1c2d3e4f ",
    "parameters": "&password=Aa1x",
    "Monero run": "47zQ5LAivg6hNCgijXSEFVLX7mke1bgM6YGLFaANDoJbgXDymcAAZvvMNt2PmMpqEe5qRy2z",
    "cash run": "qq4v32mtagxac29my6gwj6fd4tmqg8rysu23dax807",
    "CURP run": "BOXW310820HNERXN0",
    "RUT run": "12.531.909-",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_cost_grows_with_the_length_and_no_faster(piece: str) -> None:
    """What could have a detector look back again and again."""
    assert grows_in_proportion(detector.find, piece, 1_000_000 if THOROUGH else 150_000)


def test_hashes_of_ethereum_are_not_asked_for_without_end() -> None:
    """A megabyte of addresses that all need one costs few of them: close behind one another they go together."""
    addresses = " ".join(f"0x{number:040x}".replace("a", "A") for number in range(1 << 150, (1 << 150) + 20_000))
    eip55_valid.cache_clear()
    detector.find(addresses)
    assert eip55_valid.cache_info().misses < 20
