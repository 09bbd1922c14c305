"""Refusal phrases beyond those in ``detectors.refusal``: more languages, and softer ones.

All match the plain form. *Further* phrases decide alone, like those of ``detectors.refusal``. *Soft* phrases remind of
law and ethics: many such responses refuse, but some go on to help, so the linear model must agree.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from extproc.detectors.text.normalize import plain

SORRY = r"(?:sorry|afraid|apologi[sz]e|apologies|regret|unfortunately)"
_ENGLISH = (
    rf"\b{SORRY}\b[^.\n]{{0,40}}\b(?:must say no|turn down (?:that|this|your)|i decline|won't be (?:possible|accommodated)|(?:cannot|can't|can not|cant|won't) (?:reveal|disclose|share|do (?:that|this)))\b",
    rf"\b{SORRY}\b[^.\n]{{0,80}}\b(?:outside|beyond|out of) (?:of )?(?:(?:the|my|our) )?(?:[a-z-]+ ){{0,2}}?scope\b",
    r"^\W*sorry,? (?:but )?(?:that's |that is |it's |it is |this is )?not possible\b",
    r"^\W*that (?:would not|wouldn't) be (?:appropriate|ethical|right)\b",
    r"\b(?:i'm|i am|we're|we are) not (?:authori[sz]ed|permitted|allowed|supposed|in a position) to (?:reveal|disclose|share|provide|help|answer|discuss|do|give|assist|comment)\b",
    r"\b(?:i|we) (?:cant|wont) (?:help|assist|do that|comply|answer|share|provide)\b",
)
_LATIN = (
    *_ENGLISH,
    r"\bno (?:tengo (?:permitido|permiso para)|me esta permitido|voy a) (?:ayudar|responder|proporcionar|compartir|dar|escribir|crear|hacer)[a-z]*",
    r"\bmi funcion no es\b|\b(?:lo siento|disculp[a-z]*|lamento)\b[^.\n]{0,60}\bfuera de (?:mi|nuestro|mis) (?:ambito|alcance|funciones)\b",
    r"\bnao vou (?:ajudar|responder|fornecer|escrever|criar|fazer|compartilhar|participar)\b",
    r"\bnon podo (?:axudar|cumprir|responder|facilitar|traducir|crear|escribir)[a-z]*|\bno puc (?:ajudar|traduir|respondre|fer|escriure|proporcionar|crear|complir)[a-z]*",
    r"\b(?:przykro mi|przepraszam|niestety)\b[^.\n]{0,80}\bnie (?:moge|jestem w stanie|mozemy|wolno mi)\b",
    r"\bnie (?:moge|jestem w stanie)(?: [a-z]+){0,3}? (?:pomoc|odpowiedziec|udzielic|podac|spelnic|stworzyc|napisac|dostarczyc|udostepnic)[a-z]*",
    r"\b(?:uzgunum|maalesef|kusura bakma[a-z]*|ozur dilerim)\b[^.\n]{0,100}\b(?:yardimci olamam|yardimci olamiyorum|edemem|veremem|saglayamam|yapamam|olamam|[a-z]+(?:amam|emem|amiyorum|emiyorum|amayiz|emeyiz))\b",
    r"\b(?:yardimci olamam|yardim edemem|bilgi veremem|yerine getiremem|yanit veremem|talebinizi karsilayamam|yardimci olamiyorum)\b",
    r"\b(?:ich|wir) (?:muss|mussen) (?:[a-z]+ ){0,3}?(?:ablehnen|verweigern)\b",
    r"\bje (?:dois|me dois de) (?:refuser|decliner)\b",
    r"\b(?:debo|tengo que) (?:rechazar|negarme|declinar)\b",
)
_SCRIPTS = (
    "(?:извините|простите|к сожалению|сожалею|прошу прощения)[^.\\n]{0,60}не (?:могу|можем|в состоянии|имею права|буду)",
    "я не (?:могу|буду|в состоянии|имею права)(?: [а-яё]+){0,3}? (?:пересказать|сгенерировать|генерировать|перевести|раскрыть|выполнять|помочь|помогать|предоставить|ответить|дать|создать|написать|выполнить|поддержать|участвовать|обсуждать|рассказать|отвечать|делиться)",
    "(?:죄송|미안|유감|안타깝)[^.\\n]{0,60}(?:할 수 없|드릴 수 없|수 없습니다|어렵습니다|없어요|도와드리기 어려)",
    "(?:죄송|미안)[^.\\n]{0,60}범위를 벗어|(?:다루지|제공하지|답변하지|도와드리지) (?:않습니다|못합니다)",
    "(?:抱歉|对不起|對不起)[^。\\n]{0,40}超出[^。\\n]{0,12}(?:范围|範圍)|我(?:无法|無法|不能)(?:给到|给出|给你)",
    "(?:申し訳|恐れ入り|すみません)[^。\\n]{0,60}範囲外",
    "(?:도와드릴|제공할|제공해 드릴|답변할|답변드릴|알려드릴|도울|작성할|지원할|응할) 수 (?:가 )?없",
    "(?:آسف|عذرا|اعتذر|للاسف|أعتذر|أسف)[^.\\n]{0,60}(?:لا (?:استطيع|أستطيع|يمكنني|يمكن)|لن (?:اتمكن|أتمكن|استطيع)|لست قادر)",
    "لا (?:استطيع|أستطيع|يمكنني)(?: [^ .\\n]+){0,2}? (?:مساعدتك|المساعدة|تقديم|تلبية|الاجابة|الإجابة|توفير|انشاء|كتابة|مشاركة)",
    "(?:क्षमा|माफ|खेद|माफी|दुर्भाग्य)[^।\\n]{0,80}(?:नहीं (?:कर सक|दे सक|कर पा|बता सक)|असमर्थ|सकता नहीं)",
    "(?:मदद|सहायता|जानकारी|उत्तर|प्रदान)[^।\\n]{0,20}नहीं (?:कर सक|दे सक|कर पा)",
)
FURTHER: tuple[str, ...] = (*_LATIN, *map(plain, _SCRIPTS))

_WRONG = r"(?:illegal|unethical|not ethical|not legal|immoral|unlawful|against the law|wrong|harmful|dangerous|not acceptable|unacceptable|inappropriate|serious (?:legal )?consequences|not right|a crime|a serious|violat[a-z]+)"
SOFT: tuple[str, ...] = (
    rf"\bi(?:'d| would)? (?:must|have to|need to|should|gotta|do)? ?(?:emphasi[sz]e|stress|remind|inform|clarify|point out|advise|urge|encourage|caution|note|say)\b[^.\n]{{0,140}}\b{_WRONG}",
    r"\b(?:i|we|[a-z]+) (?:really |strongly )?(?:don't|do not|cannot|can't|can not|would not|wouldn't|won't|will not|does not|doesn't|not something i would) (?:condone|support|endorse|promote|encourage|recommend|advise|advocate)",
    r"\b(?:is|are|be|being) (?:both |considered |highly |strictly |extremely |completely |generally )?(?:illegal|unethical|immoral|morally wrong|against the law|inappropriate|dangerous)(?:,? (?:and|or|but also)(?: [a-z]+)?)? (?:illegal|unethical|immoral|dangerous|harmful|goes|wrong|can|could|may|against|disrespectful|irresponsible|inappropriate)",
    r"\b(?:strongly )?(?:advise|recommend|urge|discourage|caution)(?: you)?(?: strongly)? (?:against|not to|anyone|engaging)",
    r"\b(?:it's|it is) (?:always )?(?:also )?(?:important|crucial|essential|vital|best|better) (?:for (?:us|me|you) )?to (?:always )?(?:remember|respect|prioriti[sz]e|treat|follow|promote|approach|obey|note|abide|adhere|consider|understand|uphold|seek|focus)",
    r"\b(?:sorry|apologi[sz]e|afraid)\b[^.\n]{0,120}\b(?:is|are|not|would be) (?:illegal|unethical|not|wrong|harmful|against|inappropriate|appropriate|ethical|possible)",
    r"\bis (?:not|never) (?:something (?:that )?i|an? (?:acceptable|appropriate|ethical|good)|acceptable|appropriate|ethical|a good idea|recommended)",
)
