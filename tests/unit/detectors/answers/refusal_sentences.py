"""Sentences that decline, made of what is common in seventeen languages: an apology, a no with a task, and its object.

They are composed, not written one by one, so that a pattern that mistakes one of them mistakes a whole row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple


class Parts(NamedTuple):
    """The parts of a language's sentences, with what ends one.

    Attributes:
        apologies: what the answer begins with; each ends in a word like *but*, where the language has one.
        refusals: ``{}`` stands for the object.
        objects: of which it is no help.
    """

    apologies: tuple[str, ...]
    refusals: tuple[str, ...]
    objects: tuple[str, ...]
    end: str = "."


PARTS: Final[dict[str, Parts]] = {
    "en": Parts(
        ("I'm sorry, but ", "I apologize, but ", ""),
        ("I cannot give you information about {}", "I can't help you with {}", "I am unable to write about {}"),
        ("how to pick a lock", "breaking into an account"),
    ),
    "de": Parts(
        ("Es tut mir leid, aber ", "Entschuldigung, aber "),
        (
            "ich kann Ihnen keine Informationen über {} geben",
            "ich kann dir bei {} nicht helfen",
            "ich kann keinen Text über {} verfassen",
            "dabei kann ich nicht helfen, auch nicht bei {}",
        ),
        ("gefälschten Ausweisen", "fremden Konten"),
    ),
    "fr": Parts(
        ("Je suis désolé, mais ", "Désolée, mais "),
        (
            "je ne peux pas vous donner d'informations sur {}",
            "je ne peux pas vous aider avec {}",
            "je ne peux pas rédiger un texte sur {}",
        ),
        ("de faux papiers", "le compte d'un autre"),
    ),
    "es": Parts(
        ("Lo siento, pero ", "Lamento decirlo, pero "),
        (
            "no puedo darte información sobre {}",
            "no puedo ayudarte con {}",
            "no puedo escribir un texto sobre {}",
            "no puedo explicar nada de {}",
        ),
        ("documentos falsos", "la cuenta de otra persona"),
    ),
    "it": Parts(
        ("Mi dispiace, ma ", "Spiacente, ma "),
        (
            "non posso fornire informazioni su {}",
            "non posso aiutarti con {}",
            "non posso scrivere un testo su {}",
            "non posso spiegarti {}",
        ),
        ("documenti falsi", "il conto di un altro"),
    ),
    "pt": Parts(
        ("Desculpe, mas ", "Sinto muito, mas "),
        (
            "não posso dar informações sobre {}",
            "não posso ajudar com {}",
            "não posso escrever um texto sobre {}",
            "não posso explicar {}",
        ),
        ("documentos falsos", "a conta de outra pessoa"),
    ),
    "nl": Parts(
        ("Het spijt me, maar ", "Sorry, maar "),
        (
            "ik kan geen informatie geven over {}",
            "ik kan je niet helpen met {}",
            "ik kan geen tekst schrijven over {}",
            "ik kan niets uitleggen over {}, en daar kan ik niet mee helpen",
        ),
        ("valse papieren", "het account van een ander"),
    ),
    "pl": Parts(
        ("Przykro mi, ale ", "Przepraszam, ale "),
        (
            "nie mogę podać informacji na temat: {}",
            "nie mogę pomóc w sprawie: {}",
            "nie mogę napisać tekstu na temat: {}",
            "nie mogę wyjaśnić: {}",
        ),
        ("fałszywe dokumenty", "cudze konto"),
    ),
    "gl": Parts(
        ("Síntoo, pero ",),
        ("non podo dar información sobre {}", "non podo axudar con {}", "non podo escribir un texto sobre {}"),
        ("documentos falsos", "a conta doutra persoa"),
    ),
    "ca": Parts(
        ("Ho sento, però ",),
        ("no puc donar informació sobre {}", "no puc ajudar amb {}", "no puc escriure un text sobre {}"),
        ("documents falsos", "el compte d'un altre"),
    ),
    "ru": Parts(
        ("Извините, но ", "К сожалению, "),
        (
            "я не могу дать информацию о том, {}",
            "я не могу помочь с тем, {}",
            "я не могу написать о том, {}",
            "я не могу объяснить, {}",
        ),
        ("как взломать замок", "как войти в чужой аккаунт"),
    ),
    "zh": Parts(
        ("抱歉，但", "对不起，"),
        ("我不能提供关于{}的信息", "我无法帮助你{}", "我不能写关于{}的文章", "我不能告诉你怎么{}"),
        ("伪造证件", "进入别人的账户"),
        "。",
    ),
    "ja": Parts(
        ("申し訳ありませんが、", "すみませんが、"),
        (
            "{}について説明することはできません",
            "{}の情報を提供することはできません",
            "{}のお手伝いはできません",
            "{}についてはお答えできません",
        ),
        ("偽造書類", "他人のアカウント"),
        "。",
    ),
    "ko": Parts(
        ("죄송하지만, ", "미안하지만 "),
        (
            "{}에 대해서는 말씀드릴 수 없습니다",
            "{}에 대한 정보를 제공할 수 없습니다",
            "{}에 대해 도와드릴 수 없습니다",
            "{}에 대한 글을 작성할 수 없습니다",
        ),
        ("위조 서류", "다른 사람의 계정"),
    ),
    "ar": Parts(
        ("آسف، لكن ", "عذرا، "),
        (
            "لا يمكنني تقديم معلومات عن {}",
            "لا أستطيع مساعدتك في {}",
            "لا يمكنني كتابة نص عن {}",
            "لا يمكنني شرح {}",
        ),
        ("الوثائق المزورة", "حساب شخص آخر"),
    ),
    "hi": Parts(
        ("क्षमा करें, लेकिन ", "माफ़ कीजिए, "),
        (
            "मैं {} के बारे में जानकारी नहीं दे सकता",
            "मैं {} में मदद नहीं कर सकता",
            "मैं {} के बारे में नहीं बता सकता",
            "मैं {} पर लेख नहीं लिख सकता",
        ),
        ("नकली कागज़ात", "किसी और के खाते"),
        "।",
    ),
    "tr": Parts(
        ("Üzgünüm, ancak ", "Maalesef "),
        (
            "{} hakkında bilgi veremem",
            "{} konusunda yardımcı olamam",
            "{} hakkında yazı yazamam",
            "{} hakkında açıklama yapamam",
        ),
        ("sahte belgeler", "başkasının hesabı"),
    ),
}


def sentences() -> Iterator[tuple[str, str]]:
    """Each language with each of its sentences."""
    for lang, parts in PARTS.items():
        for apology in parts.apologies:
            for refusal in parts.refusals:
                for what in parts.objects:
                    said = apology + refusal.format(what)
                    yield lang, said[0].upper() + said[1:] + parts.end
