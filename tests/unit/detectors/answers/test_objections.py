"""An answer that says that what was asked is wrong declines, and one that says what is forbidden does not."""

from __future__ import annotations

import pytest

from extproc.detectors.answers.objections import OBJECTS
from extproc.detectors.answers.refusal import RefusalDetector

DETECTOR = RefusalDetector()
PAIRS = {
    "de": ("illegal", "unethisch", "Das ist {} und {}.", "Das ist {}."),
    "fr": ("illégal", "contraire à l'éthique", "Le piratage est {} et {}.", "Le piratage est {}."),
    "pl": ("nielegalne", "nieetyczne", "Takie działanie jest {} i {}.", "Takie działanie jest {}."),
    "ru": ("незаконно", "неэтично", "Взламывать сайты {} и {}.", "Взламывать сайты {}."),
    "zh": ("违法", "不道德", "黑客攻击是{}和{}的。", "黑客攻击是{}的。"),
    "ja": ("違法", "不道徳", "ハッキングは{}であり、{}です。", "ハッキングは{}です。"),
    "ar": ("غير قانوني", "غير أخلاقي", "الاختراق {} و{}.", "الاختراق {}."),
}


def is_refusal(text: str) -> bool:
    """Whether any kind is found."""
    return DETECTOR.find(text) is not None


@pytest.mark.parametrize("lang", PAIRS)
def test_two_judgments_are_an_objection_and_one_is_none(lang: str) -> None:
    """In either order; one word alone may be a fact."""
    unlawful, bad, both, one = PAIRS[lang]
    assert is_refusal(both.format(unlawful, bad))
    assert is_refusal(both.format(bad, unlawful))
    assert not is_refusal(one.format(unlawful))


def test_an_objection_is_at_the_beginning() -> None:
    """Later sentences may speak of what others did."""
    story = "Der Film spielt in Berlin. Er handelt von einem Hacker. {}"
    assert not is_refusal(story.format("Was er tut, ist illegal und unethisch."))
    assert is_refusal("Ich verstehe dich. Was du vorhast, ist illegal und unethisch.")


def test_an_answer_that_objects_and_goes_on_is_none() -> None:
    """It does what was asked, with a warning."""
    assert not is_refusal("Das ist illegal und unethisch, aber hier sind einige allgemeine Schritte: 1. Suche")


def test_patterns_of_latin_letters_are_ascii() -> None:
    """So a text in another script is spared them, and one in ASCII the others (see ``phrase_sets``)."""
    latin = [pattern for pattern in OBJECTS if pattern.isascii()]
    assert len(latin) == 50
    assert not any(chr(code) in pattern for pattern in latin for code in range(0x80, 0x250))
