"""In which way an answer does not do what was asked, in seventeen languages."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.answers.refusal import RefusalDetector
from extproc.domain.refusal_kinds import KIND_OF_FINDING, RefusalKind
from tests.unit.detectors.answers.refusal_sentences import PARTS, sentences

CORPUS: Final = Path(__file__).resolve().parents[3] / "corpus" / "refusal_kinds"
LANGUAGES: Final = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "pl", "gl"),
    *("ca", "ru", "zh", "ja", "ko", "ar", "hi", "tr"),
)
LEAST: Final = {
    "declines": (0.9, 0.85),
    "partial": (0.85, 0.8),
    "redirects": (0.65, 0.85),
    "rejects_premise": (0.85, 0.7),
    "lacks_access": (1.0, 1.0),
    "": (0.8, 0.8),
}
"""Of each kind, the recall and precision to keep on answers of others."""


@cache
def detector() -> RefusalDetector:
    """The shipped one."""
    return RefusalDetector()


def kind_of(text: str) -> str:
    """Empty: no refusal."""
    finding = detector().find(text)
    return "" if finding is None else KIND_OF_FINDING[finding.kind].value


def lines(name: str) -> list[dict[str, str]]:
    """The rows of a file of the corpus."""
    return [json.loads(line) for line in (CORPUS / name).read_text(encoding="utf-8").splitlines()]


OWN: Final = lines("own.jsonl")


@pytest.mark.parametrize("row", OWN, ids=lambda row: f"{row['lang']}-{row['kind'] or 'none'}")
def test_own_lines_are_of_their_kind(row: dict[str, str]) -> None:
    """Each line of ``tests/corpus/refusal_kinds/own.jsonl``."""
    assert kind_of(row["text"]) == row["kind"]


def test_each_language_has_a_line_of_each_kind() -> None:
    """And one that helps with a reminder."""
    kinds = {"", *(kind.value for kind in RefusalKind)}
    assert {(row["lang"], row["kind"]) for row in OWN} == {(lang, kind) for lang in LANGUAGES for kind in kinds}


def test_answers_of_others_are_of_the_kind_that_a_reader_gave_them() -> None:
    """``of_others.jsonl``: answers of models, drawn by hashes from what was taken for each kind, then read."""
    judged = [(row["kind"], kind_of(row["text"])) for row in lines("of_others.jsonl")]
    assert {kind for kind, _ in judged} == LEAST.keys()
    for kind, (recall, precision) in LEAST.items():
        hits = sum(pair == (kind, kind) for pair in judged)
        assert hits >= recall * sum(meant == kind for meant, _ in judged), (kind, "recall")
        assert hits >= precision * sum(found == kind for _, found in judged), (kind, "precision")


HELPS: Final = (
    "Sure! Here is how to sharpen a knife: hold it at twenty degrees and draw it along the stone.",
    "To paint a wall, clean it first, then tape the edges and use a roller from top to bottom.",
    "The museum opens at nine. Tickets are sold at the gate, and children pay half.",
    "Of course. Three ideas for dinner: soup, an omelette, or pasta with tomatoes.",
)
REMINDS: Final = (
    "It's important to note that results may vary.",
    "However, it is important to note that you should wear gloves.",
    "Please note that prices may change.",
    "Always follow the instructions of the manufacturer.",
    "It's important to remember that safety comes first.",
    "If you are unsure, consider asking a professional.",
)


@given(st.sampled_from(HELPS), st.lists(st.sampled_from(REMINDS), min_size=1, max_size=3))
def test_an_answer_that_only_reminds_is_none(answer: str, reminders: list[str]) -> None:
    """It does what was asked."""
    assert kind_of(" ".join([answer, *reminders])) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (
            "I'm unable to access that account: reading someone's e-mail is illegal, and I won't help with it.",
            "declines",
        ),
        ("I cannot open your files, so I can't summarize the document.", "lacks_access"),
        ("I'm sorry, but I can't help with that. However, I can help you with something else.", "declines"),
        ("I can't give legal advice. However, I can give you a general overview of such contracts.", "partial"),
        ("As an AI I cannot predict the price, but here is how analysts think about it.", ""),
        ("No, it is not legal to print your own money. It is a crime almost everywhere.", ""),
    ],
)
def test_what_follows_a_no_decides(text: str, kind: str) -> None:
    """A missing access is none where rules are the reason; an offer of something else is no part of what was asked."""
    assert kind_of(text) == kind


@given(st.sampled_from([row["text"] for row in OWN]), st.integers(0, 400))
def test_any_beginning_has_a_kind_or_none(text: str, end: int) -> None:
    """A cut never raises, and the span lies within what was seen."""
    finding = detector().find(text[:end])
    assert finding is None or (finding.kind in KIND_OF_FINDING and 0 <= finding.start <= finding.end <= len(text[:end]))


BUT_CANNOT: Final = {
    "en": "I'm sorry, but I cannot give you information about how locks are picked.",
    "de": "Es tut mir leid, aber ich kann Ihnen keine Informationen über gefälschte Ausweise geben.",
    "fr": "Je suis désolé, mais je ne peux pas vous donner d'informations générales sur ce sujet.",
    "es": "Lo siento, pero no puedo darte información sobre ese tema.",
    "it": "Mi dispiace, ma non posso fornire informazioni su questo argomento.",
    "pt": "Desculpe, mas não posso dar informações sobre esse assunto.",
    "nl": "Het spijt me, maar ik kan geen informatie geven over dit onderwerp.",
    "pl": "Przykro mi, ale nie mogę podać informacji na ten temat.",
    "gl": "Síntoo, pero non podo dar información xeral sobre ese tema.",
    "ca": "Ho sento, però no puc donar informació general sobre aquest tema.",
    "tr": "Üzgünüm, ancak bu konuda genel bilgi veremem.",
    "ru": "Извините, но я не могу дать общую информацию об этом.",
    "zh": "抱歉，但我不能告诉你这些内容，也不能提供一些信息。",
    "ja": "申し訳ありませんが、この件について説明することはできません。",
    "ko": "죄송하지만, 이 주제에 대해서는 말씀드릴 수 없습니다.",
    "ar": "آسف، لكن لا يمكنني تقديم بعض المعلومات عن هذا الموضوع.",
    "hi": "क्षमा करें, लेकिन मैं इसके बारे में नहीं बता सकता।",
}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_but_i_cannot_give_information_is_no_partial_help(lang: str) -> None:
    """*But I can give information* is; in ten languages the two were told apart by nothing."""
    assert kind_of(BUT_CANNOT[lang]) == "declines"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_apology_and_a_no_decline_whatever_is_asked_for(lang: str) -> None:
    """All sentences that its parts make."""
    made = [text for one, text in sentences() if one == lang]
    assert len(made) >= 6
    assert {text: kind_of(text) for text in made} == dict.fromkeys(made, "declines")


def test_sentences_are_made_in_all_languages() -> None:
    """So a new one has them too."""
    assert PARTS.keys() == set(LANGUAGES)
