"""Words before and behind a phone number, in many languages; and words that look like them before other numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.phone_cues import BEHIND_CHARS_MAX, cue_may_follow, cue_stands_before, cue_stands_behind

detector = PiiDetector(["PHONE"])
NUMBER = "912 345 678"

BEFORE = (
    "Call me at ", "reach Ann Smith on ", "text her new mobile: ", "My work number is ", "Phone no.: ", "**Tel:** ",
    "| Mobile | ", '"phone_number": "', "<phone>", "Phone\n", "Tel.:\r\n\t", r"Phone:\n", "Tel. und Fax ",
    "Ruf uns bitte unter ", "Meine neue Nummer ist ", "Handynummer: ", "appelez-moi au ", "mon numéro est le ",
    "llámame al ", "mi número es ", "il mio numero è ", "chiamami al ", "o meu número é ", "mijn nummer is ",
    "bel me op ", "ring mig på ", "mój numer to ", "zadzwoń pod ", "позвоните по ", "моб.: ", "τηλ. ", "SĐT: ",
    "puhelinnumeroni on ", "telefonum ", "電話番号は", "手机号码是", "전화번호는 ", "هاتف: ", "फ़ोन नंबर ", "โทร. ",
)  # fmt: skip
BEHIND = (
    " is my number", " is my new\nmobile number.", ", is our office line", " (cell)", " (mobile)", "（手机）",
    " - fax.",
    " is the best number to reach me", " is where you can call us", " ist meine Handynummer", " ist unsere neue Nummer",
    " est mon portable", " est mon numéro.", " es mi número de teléfono", " es mi móvil",
    " è il mio numero di telefono",
    " é o meu telemóvel", " is mijn nummer", " är mitt nummer", " to mój numer telefonu", " — мой номер", "是我的手机",
    "は私の携帯です", "는 제 전화번호입니다", "로 전화 주세요",
)  # fmt: skip
OTHER_BEFORE = (
    "your order number ", "tracking number: ", "account no. ", "Ihre Bestellnummer ist ",
    "votre numéro de commande est ",
    "the mobile app has ", "contact_id=", "message ", "invoice ", "microphone ", "call it a day, ", "recall ",
)  # fmt: skip
OTHER_BEHIND = (
    " is your order number", " ist Ihre Bestellnummer", " est votre numéro de commande", " es su número de pedido",
    " è il numero d'ordine", " mobile users", " cell lines", " phones", " is my score", " (estimated)", " - 5 items",
)  # fmt: skip


def found(text: str) -> list[str]:
    """What is taken for a phone number."""
    return [text[one.start : one.end] for one in detector.find(text)]


@pytest.mark.parametrize("cue", BEFORE)
def test_a_cue_before_a_number_makes_it_one(cue: str) -> None:
    """On the same line, in a table or a string, or on the line above."""
    assert found(f"{cue}{NUMBER}") == [NUMBER]
    assert cue_stands_before(cue, len(cue))


@pytest.mark.parametrize("cue", BEHIND)
def test_a_cue_behind_a_number_makes_it_one(cue: str) -> None:
    """At the end of the text, and with more text behind."""
    assert found(f"So {NUMBER}{cue}") == [NUMBER]
    assert found(f"So {NUMBER}{cue}. And more") == [NUMBER]


@pytest.mark.parametrize("words", OTHER_BEFORE)
def test_other_words_before_a_number_make_it_none(words: str) -> None:
    """Orders, accounts and counts have numbers too."""
    assert found(f"So {words}{NUMBER}") == []


@pytest.mark.parametrize("words", OTHER_BEHIND)
def test_other_words_behind_a_number_make_it_none(words: str) -> None:
    """As before it."""
    assert found(f"So {NUMBER}{words} today") == []


@pytest.mark.parametrize("date", ["12 03 2024", "2024-03-12", "12.03.2024 10:30"])
def test_a_date_behind_a_cue_is_no_number(date: str) -> None:
    """People call at a time, too."""
    assert found(f"Call me on {date}") == []


def test_an_extension_belongs_to_the_number() -> None:
    """As North Americans write it."""
    assert found("Phone: (091)524-8705x331, or so") == ["(091)524-8705x331"]


@pytest.mark.parametrize("cue", BEHIND)
def test_a_cue_that_has_begun_may_follow_until_it_is_whole(cue: str) -> None:
    """So a stream holds a number as long as needed, and no longer."""
    whole = next(end for end in range(len(cue) + 2) if cue_stands_behind(f"{cue}. "[:end]))
    assert all(cue_may_follow(cue[:end]) for end in range(whole))
    assert not cue_may_follow(f"{cue}. ")


@given(st.sampled_from((*BEHIND, *OTHER_BEHIND)), st.integers(0, 30), st.text(max_size=8))
def test_what_can_follow_no_more_never_becomes_a_cue(words: str, kept: int, more: str) -> None:
    """What a stream has let go would not have been held with more text in hand."""
    after = words[:kept]
    if not cue_may_follow(after) and not cue_stands_behind(after):
        assert not cue_stands_behind(after + more)


def test_a_cue_has_a_longest_length() -> None:
    """Whatever follows: no more than that is ever held."""
    assert not cue_may_follow(" " * BEHIND_CHARS_MAX)
