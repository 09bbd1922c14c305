"""In which script and language a text is, and whether that was to be expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.languages import LANGUAGES, LATIN, expected_by, expected_of, is_unexpected, language_of

TEXTS = {
    "en": "The museum opens at nine and closes when the last visitor has left, so you can stay as long as you like.",
    "de": "Das Museum öffnet um neun und schließt, wenn der letzte Besucher gegangen ist, also können Sie bleiben.",
    "fr": "Le musée ouvre à neuf heures et ferme quand les visiteurs sont partis, donc vous pouvez rester au parc.",
    "es": "El museo abre a las nueve y cierra cuando los visitantes se han ido, pero usted puede quedarse.",
    "it": "Il museo apre alle nove e chiude quando gli ultimi visitatori sono usciti, ma si può restare con noi.",
    "nl": "Het museum gaat om negen uur open en sluit als de laatste bezoeker weg is, maar je kan ook blijven.",
    "ru": "Музей открывается в девять и закрывается, когда последний посетитель ушёл, так что можно остаться в саду.",
    "zh": "博物馆九点开门，最后一位参观者离开后关门，所以您可以在花园里待到想走的时候，门票在入口处购买。",
    "ja": "博物館は九時に開き、最後の来館者が帰ると閉まりますので、お好きなだけ庭でお過ごしいただけます。",
    "ko": "박물관은 아홉 시에 열고 마지막 방문객이 떠나면 닫으므로 원하시는 만큼 정원에 머무르실 수 있습니다.",
    "ar": "يفتح المتحف في الساعة التاسعة ويغلق عندما يغادر آخر زائر لذلك يمكنك البقاء في الحديقة كما تريد.",
}
PAIRS = [(asked, answered) for asked in TEXTS for answered in TEXTS]


@pytest.mark.parametrize(("asked", "answered"), PAIRS)
def test_an_answer_is_expected_in_the_language_of_the_question(asked: str, answered: str) -> None:
    """Another script, or another language in Latin script, is seen."""
    expected = expected_by(TEXTS[asked])
    assert expected is not None
    seen = is_unexpected(TEXTS[answered], expected)
    assert seen == (asked != answered)


@pytest.mark.parametrize(("allowed", "answered"), PAIRS)
def test_an_answer_is_in_a_language_that_is_allowed(allowed: str, answered: str) -> None:
    """Where the configuration lists them."""
    seen = is_unexpected(TEXTS[answered], expected_of((allowed,)))
    assert seen == (allowed != answered)


@pytest.mark.parametrize(
    "question", ["", "12 + 12 = ?", "Translate this into Chinese, please: good morning", "Wie heißt das auf Englisch?"]
)
def test_a_question_may_not_say_what_to_expect(question: str) -> None:
    """Too few letters, or talk about languages."""
    assert expected_by(question) is None


@pytest.mark.parametrize(
    "text",
    ["for index in range(10):\n    if index not in seen: return index\n" * 5, "x = 12;" * 20, "OK.", "\U0001f600" * 40],
)
def test_what_is_no_language_is_never_unexpected(text: str) -> None:
    """Code, numbers, and what is too short."""
    expected = expected_by(TEXTS["ru"])
    assert expected is not None
    assert not is_unexpected(text, expected)


def test_a_mixed_question_expects_either() -> None:
    """Who asks in two scripts may be answered in both."""
    expected = expected_by(TEXTS["ru"] + TEXTS["en"])
    assert expected is not None
    assert expected.scripts == {LATIN, "Cyrillic"}
    assert not is_unexpected(TEXTS["en"], expected)


@given(st.text(max_size=300), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_can_be_judged(text: str, language: str) -> None:
    """Whatever its characters are."""
    assert is_unexpected(text, expected_of((language,))) in (True, False)
    assert language_of(text) in (None, *LANGUAGES)
