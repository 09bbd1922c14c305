"""Detects responses that begin with a refusal, and of which kind: by typical phrases, or by a linear model.

Only the beginning is checked: a model that refuses does so at once, and later text may discuss other refusals. A no
needs *I* (or its equivalent), a denial, and something that a model is asked to do: so "I'm sorry to hear you cannot log
in" and "As an AI I cannot predict it, but" are not refusals. What follows the no, or what it is for want of, makes it
partial or a lack of access. Without a no, an answer that calls what was asked wrong declines (``objections``), and there
are phrases of the other kinds (``refusal_kinds``). In English an n-gram model finds answers that admonish instead of
helping; reminders of law and ethics (``refusal_phrases.SOFT``) add to its score. An answer that helps, and reminds as
well, is no refusal.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

import math
from functools import cache
from typing import Final

import re2

from extproc.detectors.answers.objections import OBJECTS
from extproc.detectors.answers.phrase_sets import PhraseSet
from extproc.detectors.answers.refusal_kinds import CANNOT, GOES_ON, LACKS_ACCESS, REDIRECTS, REJECTS_PREMISE, WRONG
from extproc.detectors.answers.refusal_phrases import ADMONISHES, FURTHER, HELPS, REFUSES_SOFTLY, SOFT, SORRY
from extproc.detectors.text.ngram_model import NgramModel
from extproc.detectors.text.normalize import original_span, plain
from extproc.domain.finding import Finding
from extproc.domain.reasons import Reason
from extproc.domain.refusal_kinds import RefusalKind

_DENY: Final = (
    r"(?:can't|cannot|can not|could not|couldn't|won't|will not|would not|wouldn't|am unable to|'m unable to|am not able to|'m not able to|must refuse to"
    r"|am not allowed to|'m not allowed to|am not permitted to|am not comfortable|'m not comfortable|refuse to|do not feel comfortable|don't feel comfortable"
    r"|must decline|have to decline|decline to|am not programmed to|'m not programmed to|am not going to|'m not going to|am not in a position to)"
)
_TASK: Final = (
    r"(?:assist|provid|reveal|disclos|research|reformulat|rewrit|fulfil|comply|support|creat|generat|writ|engag|answer|respond|shar|giv|offer|discuss|continu|participat|promot|encourag|recommend|advis|teach"
    r"|explain|complet|perform|do (?:that|this|so|it)\b|process|proceed|produc|facilitat|endors|accommodat|satisfy|carry out|simulat|pretend|role-?play|tell|describ|design"
    r"|develop|make (?:a|an|any|such|that|jokes)\b|access|browse|help (?:you|with|anyone|in|someone|users?)\b|help[.,!]|help$|meet your|follow|act as|be able to|be (?:a part|complicit)"
    r"|translat|summari[sz]e|draft|speak|use|suggest|aid|complicit|condone|adopt|build|compos)"
)
_ENGLISH: Final = (
    rf"\b(?:i|we|and|but|therefore|so)(?: (?:really|truly|simply|also|therefore|just|do|will|politely|respectfully|must))? ?{_DENY}(?: [a-z'-]+,?){{0,4}}? {_TASK}",
    rf"\bi(?: am|'m)?(?: [a-z]+)? {SORRY}\b[^.\n]*\b(?:i|we)(?: am|'m)? ?{_DENY}[,]? (?:[a-z'-]+ ){{0,3}}?{_TASK}",
    rf"\b{SORRY}\b[^.\n]*\b(?:not (?:possible|appropriate|ethical|able)(?: or [a-z]+)? (?:for me )?to|against (?:my|the|openai's) |violates? )",
    r"\b(?:not|isn't) (?:appropriate|ethical|right|acceptable|within my (?:programming|guidelines|capabilit)[a-z]*)[^.\n]*\b(?:for me to|or ethical guidelines|to (?:provide|assist|create|generate|promote))",
    r"\b(?:i|we) (?:must|have to|will have to|need to)(?: [a-z]+)? (?:decline|refuse)\b",
    r"\b(?:goes|go|going) against (?:my|our|openai's|the) (?:[a-z-]+ ){0,2}(?:programming|guidelines|principles|polic[a-z]+|values|use case|ethic[a-z]*)",
    r"\bas an? (?:responsible |ethical )?(?:ai|artificial intelligence|language model)\b[^.\n]*\bi must (?:prioriti[sz]e|adhere|follow|inform you that i can(?:not|'t))",
    r"\b(?:your|this|that) (?:request|question|prompt) (?:violates|goes against|is against|cannot be (?:fulfilled|answered|processed)|is (?:inappropriate|unethical))",
    r"\b(?:not|isn't) something (?:that )?i(?:'m| am)? (?:can|could|will|able to|allowed to|comfortable|willing to|want to)\b",
    r"^\W{0,3}(?:rejected|request denied|permission denied)\b",
)
_OTHER_LATIN: Final = (
    r"\b(?:tut mir (?:sehr )?leid|entschuldigung|bedauer[a-z]*|leider)\b[^.\n]*\b(?:kann|darf|konnen|durfen|werde|ist es mir)\b[^.\n]*\b(?:nicht|kein[a-z]*|unmoglich)\b",
    r"\b(?:ich|wir) (?:kann|darf|konnen|durfen|werde|mochte)\b[^.\n]*\b(?:nicht|kein[a-z]*|weder)\b[^.\n]*\b(?:helfen|unterstutz[a-z]*|bereitstell[a-z]*|beantwort[a-z]*|erfull[a-z]*|nachkomm[a-z]*|geben|anbiet[a-z]*|weiterhelf[a-z]*|erstell[a-z]*|schreib[a-z]*|behilflich|zur verfugung)",
    r"\b(?:desolee?|navree?|regrette|malheureusement|excuse[a-z-]*)\b[^.\n]*\b(?:ne (?:peux|puis|suis)|pas (?:en mesure|possible|autorise)|impossible)\b",
    r"\bje ne (?:peux|puis|suis|saurais|vais|dois)(?: [a-z'-]+){0,3}? ?(?:pas|en mesure)?(?: [a-z'-]+){0,4}? (?:aider|repondre|fournir|assister|donner|creer|ecrire|generer|satisfaire|acceder|participer|vous aider|proposer)\b",
    r"\b(?:lo siento|lamento|disculp[a-z]*|me temo|lamentablemente|perdon)\b[^.\n]*\bno (?:puedo|podre|podemos|me es posible|es posible|estoy|soy capaz)\b",
    r"\bno (?:puedo|podemos|estoy autorizad[oa] a|me es posible|soy capaz de)(?: [a-z'-]+){0,2}? ?(?:ayudar|proporcionar|cumplir|responder|ofrecer|crear|escribir|generar|asistir|participar|dar|facilitar|brindar|compartir)[a-z]*",
    r"\b(?:mi dispiace|spiacente|scus[a-z]*|purtroppo|sono desolat[oa])\b[^.\n]*\bnon (?:posso|possiamo|sono in grado|mi e possibile|e possibile)\b",
    r"\bnon (?:posso|possiamo|sono in grado di|mi e possibile)(?: [a-z'-]+){0,2}? ?(?:aiutar|fornir|soddisfar|risponder|creare|scriver|generar|assister|partecipar|dar|offrir|condivider)[a-z]*",
    r"\b(?:desculp[a-z]*|sinto muito|lamento|infelizmente|perdao)\b[^.\n]*\bnao (?:posso|podemos|consigo|e possivel|me e possivel|sou capaz|estou)\b",
    r"\bnao (?:posso|podemos|consigo|sou capaz de|estou autorizad[oa] a)(?: [a-z'-]+){0,2}? ?(?:ajudar|fornecer|cumprir|responder|oferecer|criar|escrever|gerar|atender|participar|dar|compartilhar)[a-z]*",
    r"\b(?:het spijt me|sorry|helaas|excuses)\b[^.\n]*\b(?:kan|mag|wil) ik\b[^.\n]*\b(?:niet|geen)\b|\b(?:het spijt me|sorry|helaas)\b[^.\n]*\bik (?:kan|mag) [^.\n]*\b(?:niet|geen)\b",
    r"\bik (?:kan|mag|zal)\b[^.\n]*\b(?:niet|geen)\b[^.\n]*\b(?:helpen|assisteren|geven|beantwoorden|verstrekken|voldoen|maken|schrijven|bieden|delen)\b",
)
_OTHER_SCRIPTS: Final = (
    "(?:抱歉|对不起|對不起|很遗憾|很遺憾|不好意思)[^。\\n]{0,24}(?:无法|無法|不能|不可以|不便)",
    "我(?:无法|無法|不能|不可以|没办法)(?:[^。\\n]{0,6})(?:提供|帮助|幫助|协助|協助|回答|满足|滿足|参与|支持|生成|创建|撰写|完成)",
    "(?:申し訳|すみません|恐れ入り|残念ながら|ごめんなさい)[^。\\n]*(?:できません|できかね|いたしかね|致しかね|お断り|できない)",
    "(?:お答え|お手伝い|提供|対応|回答|支援|協力|お応え|作成)[^。\\n]{0,10}(?:できません|できかね|いたしかね|致しかね)",
)

_EAGER: Final = r"\b(?:can't|cannot|can not|couldn't|could not) (?:wait|imagine|help but|thank)\b"
"""Denials of something that was not requested."""

_SCORE: Final = 0.9
_NGRAMS_SHOWN: Final = 6
_SCORE_MIN: Final = 0.6
"""Below it, ordinary answers with a reminder begin, in sources that the model was not trained on."""
_SOFT_LOG_ODDS: Final = 1.5
"""Score that a soft phrase adds; calibrated on sources that the model was not trained on."""
_MODEL_BYTES_MIN: Final = 60
"""Shorter responses are checked by phrases only: two or three words are too little for the model."""


_WAYS: Final = (
    (RefusalKind.DECLINES, OBJECTS),
    (RefusalKind.REJECTS_PREMISE, REJECTS_PREMISE),
    (RefusalKind.LACKS_ACCESS, LACKS_ACCESS),
    (RefusalKind.REDIRECTS, REDIRECTS),
)
"""Kinds that phrases show without a no; where several match, the first of these counts."""


class RefusalDetector:
    """Detects a refusal at the beginning of a response, in English, German, French, Spanish, Italian, Portuguese,
    Dutch, Polish, Galician, Catalan, Russian, Chinese, Japanese, Korean, Arabic, Hindi and Turkish; without a phrase,
    in English.
    """

    def __init__(self, model: NgramModel | None = None) -> None:
        ways = [(kind, pattern) for kind, those in _WAYS for pattern in those]
        self._way_kinds = [kind for kind, _ in ways]
        self._ways = PhraseSet([pattern for _, pattern in ways])
        self._no = PhraseSet([*_ENGLISH, *_OTHER_LATIN, *map(plain, _OTHER_SCRIPTS), *FURTHER])
        self._wrong, self._goes_on = PhraseSet(WRONG), PhraseSet(GOES_ON)
        self._soft, self._helps = PhraseSet(SOFT), PhraseSet(HELPS)
        self._reproaches = PhraseSet([*REFUSES_SOFTLY, *ADMONISHES])
        self._eager, self._cannot = re2.compile(_EAGER), re2.compile(CANNOT)
        self._model = model or NgramModel.shipped("refusal")

    def find(self, beginning: str) -> Finding | None:
        """The first phrase of a refusal in ``beginning`` (pass about the first 300 characters), or all of it if the
        model classifies it as one; otherwise None. The finding's kind is that of a ``RefusalKind``.
        """
        plain_text = plain(beginning)
        plain_utf8 = plain_text.encode("utf-8")
        matched = self._no.match(plain_utf8)
        if matched and self._eager.search(plain_text) is not None:
            plain_text = self._eager.sub(lambda eager: "~" * len(eager.group()), plain_text)
            matched = self._no.match(plain_text.encode("utf-8"))
        if matched:
            return _finding(
                self._kind_of_no(plain_text, plain_utf8), beginning, self._no.first_span(matched, plain_text)
            )
        return self._without_no(beginning, plain_text, plain_utf8)

    def reasons(self, beginning: str, finding: Finding) -> list[Reason]:
        """The phrase, or the n-grams that counted most; not for the path."""
        if finding.detector == "refusal.phrases":
            return [Reason("pattern", beginning[finding.start : finding.end])]
        parts = self._model.contributions(plain(beginning).encode("utf-8"))[:_NGRAMS_SHOWN]
        return [Reason("n-gram", part.ngram, part.log_odds) for part in parts if part.log_odds > 0]

    def refuses(self, plain_utf8: bytes) -> bool:
        """Whether a text in plain form contains a refusal phrase, including soft ones."""
        return bool(self._no.match(plain_utf8) or self._soft.match(plain_utf8))

    def _does_a_part(self, plain_text: str) -> bool:
        return bool(self._goes_on.match(self._cannot.sub("~", plain_text).encode("utf-8")))

    def _kind_of_no(self, plain_text: str, plain_utf8: bytes) -> RefusalKind:
        ways = {self._way_kinds[place] for place in self._ways.match(plain_utf8)}
        if RefusalKind.LACKS_ACCESS in ways and not self._wrong.match(plain_utf8):
            return RefusalKind.LACKS_ACCESS
        return RefusalKind.PARTIAL if self._does_a_part(plain_text) else RefusalKind.DECLINES

    def _without_no(self, beginning: str, plain_text: str, plain_utf8: bytes) -> Finding | None:
        ways = self._ways.match(plain_utf8)
        if not ways:
            return self._by_model(beginning, plain_text, plain_utf8)
        if self._does_a_part(plain_text) or self._helps.match(plain_utf8):
            return None
        kind = self._way_kinds[min(ways)]
        return _finding(kind, beginning, self._ways.first_span([min(ways)], plain_text))

    def _by_model(self, beginning: str, plain_text: str, plain_utf8: bytes) -> Finding | None:
        if len(plain_utf8) < _MODEL_BYTES_MIN:
            return None
        reproaches = self._reproaches.match(plain_utf8)
        if not reproaches:  # most answers: the model need not be asked
            return None
        log_odds = self._model.log_odds(plain_utf8)
        if log_odds < -_SOFT_LOG_ODDS:
            return None
        if self._soft.match(plain_utf8):
            log_odds += _SOFT_LOG_ODDS
        score = 1.0 / (1.0 + math.exp(-log_odds))
        if score < _SCORE_MIN:
            return None
        if min(reproaches) < len(REFUSES_SOFTLY):
            kind = RefusalKind.PARTIAL if self._does_a_part(plain_text) else RefusalKind.DECLINES
        elif self._helps.match(plain_utf8) or self._does_a_part(plain_text):
            return None
        else:
            kind = RefusalKind.REDIRECTS
        return Finding(kind.finding, 0, len(beginning), score, "refusal.ngrams")


def _finding(kind: RefusalKind, beginning: str, span_of_plain: tuple[int, int]) -> Finding:
    start, end = original_span(beginning, *span_of_plain)
    return Finding(kind.finding, start, end, _SCORE, "refusal.phrases")


@cache
def refusal_detector() -> RefusalDetector:
    """With the packaged model, shared by all guards: its automata take some megabytes, and thirty milliseconds."""
    return RefusalDetector()
