"""What characters and escapes stand for; that places stay; and every kind of value in every spelling that is seen."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import ENTITIES
from extproc.detectors.text.folding import VANISHED, folded, folded_bytes, is_folded, read, reading
from extproc.filters.spans import SpanStage
from tests.thorough import share_of
from tests.unit.detectors.pii.pii_examples import CUSTOM, DISGUISES, EXAMPLES, Disguise, Example
from tests.unit.filters.cutting import through

DETECTOR = PiiDetector(ENTITIES, [CUSTOM])
PIECES = st.sampled_from(
    [
        "\\",
        "\\\\",
        "u",
        "2011",
        "%",
        "40",
        "2",
        "&",
        "#",
        "64",
        ";",
        "x2D",
        "commat",
        "nbsp",
        "@",
        "-",
        ".",
        " ",
        "é",
        "\u200b",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=20).map("".join)


# --- folding -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("4111\u20111111\u20131111\u22121111", "4111-1111-1111-1111"),
        ("4111\u202f1111\u20071111\u30001111", "4111 1111 1111 1111"),
        ("\uff14\u0661\u06f1\u0967\U0001d7cf", "41111"),
        ("\uff4a\uff41\uff4e\uff45\uff20\uff45\uff0e\uff43\uff4f\uff4d", "jane@e.com"),
        ("4\u200b1\u00ad1\ufe0f1", "4111"),
        ("jane%40e%2Ecom %2b49 %6A%61", "jane@e.com +49 ja"),
        ("to%20jane%40e.com%2Fx%3Dy%2C%22", "to jane@e.com/x\ny\n\n"),
        ("jane&#64;e&#x2e;com &#0064; &commat;", "jane@e.com @ @"),
        (r"jane\.doe\@e.com \\- \u2011 \\u0040", "jane.doe@e.com - - @"),
        (
            "don&#39;t &amp; 5%zz &#xD800; &#9999999; \\n \\u00zz",
            "don&#39;t &amp; 5%zz &#xD800; &#9999999; \\n \\u00zz",
        ),
        ("&#106;&#97;&nbsp;x&shy;y", "ja xy"),
    ],
)
def test_what_is_said(written: str, said: str) -> None:
    """Escapes of glue, of surrogates and of nothing stay as they are: only what may be of a value is read."""
    assert read(written) == said


def test_every_decimal_digit_is_one() -> None:
    """All that Unicode has: a model that answers in Arabic, Hindi or Thai writes them."""
    for code in range(128, sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) == "Nd":
            assert folded(character) == str(unicodedata.decimal(character)), hex(code)


def test_every_dash_blank_and_full_width_sign_is_one() -> None:
    """By Unicode's own properties; dashes that stand upright, or belong to one script, are not."""
    others = set(
        "\u058a\u05be\u1400\u1806\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0\ufe31\ufe32\U00010ead\U00010d6e"
    )
    for code in range(0x100, sys.maxunicode + 1):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Pd" and character not in others:
            assert folded(character) == "-", hex(code)
        if category == "Zs":
            assert folded(character) == " ", hex(code)
        plain = unicodedata.normalize("NFKC", character)
        if 0xFF01 <= code <= 0xFF5E and re.fullmatch(r"[A-Za-z0-9@.+:/_()-]", plain):
            assert folded(character) == plain, hex(code)
        if category == "Cf" and is_folded(character):
            assert folded(character) == VANISHED


@given(TEXTS)
def test_places_stay(text: str) -> None:
    """A folded text is as long as the text, and what is left of it says where it stands."""
    shape = folded(text)
    assert len(shape) == len(text)
    assert folded(shape) == shape or "\\" in shape or "&" in shape or "%" in shape
    said, places = reading(shape)
    assert said == read(text)
    assert [read(shape[place]) for place in places] == list(said)


@given(TEXTS)
def test_bytes_are_those_of_the_folded_characters(text: str) -> None:
    """One byte a character: the character folded, ``?`` for letters beyond Latin-1, a line end for what ends a cell."""
    for byte, character in zip(folded_bytes(text), text, strict=True):
        single = folded(character)
        expected = single if single < "\u0100" else "\n" if single >= "\u0590" else "?"
        assert chr(byte) == expected


@given(st.text(st.characters(max_codepoint=127, exclude_characters="%&\\"), max_size=40))
def test_plain_text_is_itself(text: str) -> None:
    """The same object: nothing is copied, and nothing paid."""
    assert folded(text) is text


# --- every kind, in every spelling, at every cut -------------------------------------------------------------------


def masked(pieces: list[str]) -> str:
    """What comes out of a stage."""
    return through(SpanStage(DETECTOR, lambda finding, _: f"<{finding.kind}>", lambda _: None), pieces)


def written(example: Example, disguise: Disguise) -> tuple[str, str]:
    """A text with the value in that spelling, and the same with a mask in exactly its place."""
    before = f"Please {example.before}"
    return f"{before}{disguise.write(example.value)}, thanks.", f"{before}<{example.kind}>, thanks."


NOTHING_BEHIND = [one for one in EXAMPLES if not one.behind]  # what must follow a value is no part of it


@pytest.mark.parametrize("disguise", DISGUISES, ids=lambda disguise: disguise.name)
def test_a_value_is_masked_exactly_in_every_spelling_and_at_every_cut(disguise: Disguise) -> None:
    """attack 3, real-vllm F7: numbers and addresses as models and clients write them.

    In one piece, in characters, and in two pieces, for which spellings share the cuts of a value.
    """
    for number, example in enumerate(NOTHING_BEHIND, start=DISGUISES.index(disguise)):
        text, expected = written(example, disguise)
        assert masked([text]) == expected, example
        if disguise.write(example.value) != example.value:
            begin = len("Please ") + len(example.before)
            for cut in share_of(range(begin, len(text) - len("thanks.")), 4, number):
                assert masked([text[:cut], text[cut:]]) == expected, (example, cut)
        assert masked(list(text)) == expected, example


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 192.0.2.1\u2013192.0.2.9 on", "from <IP_ADDRESS>\u2013<IP_ADDRESS> on"),
        ("at https://jane%40corp.com:s3cr3tPw@host/", "at https://<URL_CREDENTIALS>@host/"),
        ("password=Qr7%40dke39X next", "password=<SECRET> next"),
    ],
)
def test_what_is_found_as_it_is_written_stays_found(text: str, expected: str) -> None:
    """A range's dash, and an escape within a password, do not hide what the folded text would not show."""
    assert masked([text]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "営業時間は９：００〜１８：００、料金は２，５００円、２０２６年１１月２８日に開館しました。",
        "订单号：２０２６１１２８０００１２３４５６，数量：１０，单价：￥１９．９０，邮编１０００２２。",
        "Il a vécu de 1990–1995 à Paris ; prix : 12\u202f345,67 €, soit 1\u202f234\u202f567 habitants.",
        "Pages 100–120, 2019–2020, 10–12 Uhr, −12 °C, 1\u202f000\u202f000\u202f000 Einwohner, Scores: 21–19, 21–17",
        "https://example.com/search?q=a%2Bb%20c%40d&x=%2E%2E%2F2019-01-01T10%3A20%3A30Z",
        "https://cdn.example.com/%40scope/pkg@1.2.3/dist%2Emin.js and npm i %40types/node",
        "git clone git%40github.com:org/repo.git",
        r"^[\w\.\-]+@[\w\-]+\.[a-z]{2,}$ and \d{3}\-\d{2}\-\d{4}, \(x_1\) = 1\.5, C:\Users\2019\.config",
        "سعر المنتج ١٢٬٣٤٥ ريال في ٢٠٢٦/١١/٢٨ الساعة ١٠:٣٠",
        "तारीख २८ नवंबर २०२६, कीमत १२,३४५ रुपये, पृष्ठ १००–१२०",
        "&#8364; 12&nbsp;345&nbsp;678 and 5&nbsp;000&nbsp;kg; 10&ndash;12 &#8220;quoted&#8221; don&#39;t",
        "COVID\u201119, 10\u2011K, 24\u2011hour, ISBN 978\u20113\u201116\u2011148410\u20110, 1️⃣ First 2️⃣ second ❤️ 3",
        "printf('%40d %20s %5.2f', 4111, x) 100%20",
    ],
)
def test_honest_text_is_left_alone(text: str) -> None:
    """Numbers, ranges, escapes and patterns that are nobody's."""
    assert masked([text]) == text
