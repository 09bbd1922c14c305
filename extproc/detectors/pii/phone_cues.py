"""Words that tell a phone number from an invoice: what people write before a number, and behind it.

Before: ``Tel.``, ``call Ann at``, ``моб.:``, also at the end of the line above. Behind: ``(mobile)``, ``is my number``.
A cue behind is text that a stream may not have shown yet, so it can be asked whether one still may come. A word that
means any number, such as *number* itself, counts only where it is somebody's, and not as a part of *order number*.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import re2

from extproc.detectors.pii.pattern_beginnings import Beginnings
from extproc.detectors.text.automata import compiled_on_use, utf8_options
from extproc.detectors.text.folding import folded

BEFORE_CHARS_MAX: Final = 48
BEHIND_CHARS_MAX: Final = 48
_PATTERN_BYTES_MAX: Final = 16 << 20


def _options() -> Any:
    return utf8_options(_PATTERN_BYTES_MAX)


# --- before a number ----------------------------------------------------------------------------------------------

_NOUN: Final = "|".join((
    # English, and what many languages share
    r"(?:tele|smart|cell|mobile)?[\s\-]?phones?|tel(?:[eé]f|ef)?|mob(?:il[ei]?)?|cell(?:ulare?|ular)?|landline|hotline",
    r"(?:tele)?fax|facsimile|whats ?app|sms|voicemail|pager|viber|gsm|[ck]onta[ck]to?|direct (?:line|dial)",
    # Germanic languages
    r"[a-zäöü]*telef(?:on|oon)[a-zåæø]*|handy[a-z]*|mobil[a-z]*|[a-zü]*rufnummer|durchwahl|festnetz[a-z]*|mobiel[a-z]*",
    r"tlf|tfn|tlfnr|faxnummer",
    # Romance languages
    r"t[eé]l[eé]phone|portable|t[eé]l[eé]copie|tel[eé]fonos?|m[oó]vil|celular|tfno|tlfn?o?|telefones?|telem[oó]vel",
    r"contato|telefoni?|cellulare|recapito|telefonul|tlm",
    # Slavic languages, Finnish, Hungarian, Turkish, Greek, Indonesian, Vietnamese
    r"telefon(?:u|em|y|ie)?|kom(?:órka|órkowy|[oó]rk[iaę])?|mobitel|puh(?:elin(?:numero)?(?:ni)?)?|matkapuhelin",
    r"(?:mobil)?telefon(?:sz[aá]m(?:a|om|unk)?)?|telefon(?:u|um|umuz|unuz)|cep(?: tel(?:efonu)?)?|telepon|telp|ponsel",
    r"тел|телефон\p{L}*|моб|мобильный|сот(?:овый)?|факс|τηλ|τηλέφωνο|κινητό|φαξ|điện thoại|sđt|đt|di động",
))  # fmt: skip
_NOUN_WITHOUT_BLANKS: Final = "|".join((
    "电话|電話|手机|手機|联系方式|聯絡|热线|熱線|传真|傳真|致电|拨打|座机|我的号码|我的號碼",
    "携帯|けいたい|ファックス|ファクス|番号は|전화|휴대폰|핸드폰|연락처|팩스|번호는",
    "هاتف|جوال|موبايل|تلفون|فاكس|تلفن|موبایل|برقم|رقمي|טלפון|נייד|פקס|फोन|फ़ोन|मोबाइल|ফোন|মোবাইল|โทร|เบอร์",
))  # fmt: skip
"""Cues in scripts that need no blank between words: some other characters may follow."""

_WHICH: Final = (
    r"(?:new |old |own |direct |main |private |personal |work |home |office |business |mobile |cell |phone |contact "
    r"|emergency |current |best |other |second |daytime )"
)
_SOMEBODYS_NUMBER: Final = "|".join((
    rf"(?:my|his|her|our|their|your) {_WHICH}{{0,2}}(?:number|line)",
    r"(?:m|d|s)eine[mnrs]?(?: neue)? nummer|(?:ihre|unsere|eure)[mnrs]?(?: neue)? nummer",
    r"(?:mon|ton|son|notre|votre|leur)(?: nouveau)? num[eé]ro|(?:mi|tu|su|nuestro)(?: nuevo)? n[uú]mero",
    r"(?:mio|tuo|suo|nostro|vostro)(?: nuovo)? numero|(?:meu|seu|nosso)(?: novo)? n[uú]mero",
    r"(?:mijn|zijn|haar|onze?|je|uw)(?: nieuwe)? nummer|(?:mitt|vårt|ditt|hans|hennes)(?: nya)? nummer",
    r"(?:mój|nasz|jego|jej)(?: nowy)? numer|мой номер|номер мой|numeroni|numaram",
))  # fmt: skip
_REACH: Final = "|".join((
    r"call|ring|text|reach|contact|phone|message|ruf|anruf|erreich|meld|kontakt|telefon|appel|joign|joindre|rappel",
    r"téléphon|ll[aá]m|marc|localiz|escr[ií]b|chiam|contatt|rispond|reperib|lig|contat|fal|bel|bereik|opbel|nå|dzwo",
    r"zadzwo|звон|позвон|связ",
))  # fmt: skip
_AT: Final = r"at|on|under|via|using|unter|auf|au|sur|sur le|al|en|en el|allo|sul|para|pelo|através do|op|på|pod|na|по"
_VERB: Final = (
    r"(?:call|ring|text|reach|dial|phone|buzz|whatsapp|sms)(?: (?:me|us|him|her|them|back|now))?"
    rf"|(?:{_REACH})[\p{{L}}'\-]*(?: [^\s\d]+){{0,4}} (?:{_AT})"
)
"""How to reach somebody, in some languages; the window of a cue bounds the words between."""
_BETWEEN: Final = "|".join((
    r"number|numbers|no|nos|nr|num|nummer|numero|numéro|número|numer|numeru|číslo|broj|номер|numarası|numaram|nomor",
    r"#|n°|nº|is|was|are|at|on|to|for|of|the|a|me|us|him|her|my|his|our|their|office|home|work|private|personal|main",
    r"new|ist|lautet|unter|est|le|au|es|el|al|è|il|é|o|jest|är|er|het|op|pod|adalah|là",
))  # fmt: skip
_LINE_END_IN_A_STRING: Final = r"\\[nrt]"
_SEPARATOR: Final = rf"(?:[\s\x{{A0}}.:#=*_\"'`|>(\[,;/\-–—\\]|{_LINE_END_IN_A_STRING})"
_LEFT: Final = rf"(?:^|[^\p{{L}}\p{{N}}]|{_LINE_END_IN_A_STRING})"
_BEFORE: Final = (
    rf"(?i)(?:{_LEFT}(?:(?:{_NOUN})[.:]{{0,2}}(?:[\s\-_.]{{0,2}}\(?(?:{_BETWEEN})[.):]{{0,2}}){{0,4}}"
    rf"|{_SOMEBODYS_NUMBER}|{_VERB})(?:[\s:]{{1,2}}(?:{_BETWEEN})){{0,2}}{_SEPARATOR}{{1,8}}"
    rf"|(?:{_NOUN_WITHOUT_BLANKS})[^\p{{N}}]{{0,10}})$"
)

# --- behind a number ----------------------------------------------------------------------------------------------

_KIND: Final = "|".join((
    r"cell(?:phone|ular)?|mobile|(?:tele)?phone|landline|fax|tel|home|work|office|direct|whatsapp",
    r"handy|mobil|mobiltelefon|telefon|festnetz|privat|dienstlich|büro|portable|fixe|domicile|bureau|móvil|fijo|casa",
    r"celular|trabajo|oficina|cellulare|ufficio|fisso|telemóvel|mobiel|werk|thuis|моб|мобильный|дом|раб|факс",
    r"手机|手機|电话|電話|携帯|휴대폰|전화",
))  # fmt: skip
_WORD_END: Final = r"(?:[^a-zäöüß]|\p{Lo})"
_SENTENCE_END: Final = r"[.,;:!?)\n\"']"
_BEHIND: Final = "|".join((
    rf"[\s,]{{0,2}}[(（](?:{_KIND})[\s)/,:;）]",
    rf" ?[\-–—] ?(?:{_KIND}){_SENTENCE_END}",
    rf",? (?:is|was) (?:my|his|her|our|their|your) {_WHICH}{{0,2}}(?:number|line|phone|mobile|cell|fax){_WORD_END}",
    rf",? (?:is|was) the {_WHICH}{{0,2}}(?:phone|mobile|cell|fax|contact) number{_WORD_END}",
    rf",? is the {_WHICH}{{0,2}}(?:number|way|line) to (?:call|reach|ring|text|dial){_WORD_END}",
    rf",? is (?:where|how) (?:you|to|we|they|people)(?: can)? (?:reach|call|ring|text){_WORD_END}",
    rf",? ist (?:meine|deine|seine|ihre|unsere|die|eure)(?: neue)?"
    rf" (?:(?:telefon|handy|mobil|ruf|fax|privat|festnetz)?nummer|durchwahl){_WORD_END}",
    r",? (?:est|c'est) (?:mon|ton|son|notre|votre|leur)(?: nouveau)?"
    rf" (?:(?:numéro de )?(?:portable|fixe|téléphone|mobile)|numéro{_SENTENCE_END}){_WORD_END}",
    r",? es (?:mi|tu|su|nuestro|el)(?: nuevo)?"
    rf" (?:(?:número de )?(?:teléfono|móvil|celular)|número{_SENTENCE_END}){_WORD_END}",
    r",? è il (?:mio|tuo|suo|nostro|vostro)(?: nuovo)?"
    rf" (?:(?:numero di )?(?:cellulare|telefono)|numero{_SENTENCE_END}){_WORD_END}",
    rf",? é o (?:meu|seu|nosso) (?:(?:número de )?(?:telefone|celular|telemóvel)|número{_SENTENCE_END}){_WORD_END}",
    rf",? is (?:mijn|zijn|haar|ons|uw)(?: nieuwe)? (?:(?:telefoon|gsm-)?nummer|mobiele nummer|gsm){_WORD_END}",
    rf",? (?:är|er) (?:mitt|vårt|mit|hans|hennes)(?: nya)? (?:(?:telefon|mobil)?nummer){_WORD_END}",
    rf",? to (?:mój|nasz|jego|jej)(?: nowy)? (?:numer telefonu|telefon|numer{_SENTENCE_END}){_WORD_END}",
    rf",? ?[\-–—]? ?(?:это )?мой (?:номер телефона|телефон|мобильный|номер{_SENTENCE_END}){_WORD_END}",
    r"[\s,，]?(?:是|为)(?:我|他|她|我们|你|您|公司)的?(?:手机|手機|电话|電話|联系方式|号码)",
    r"に(?:お)?電話|[がは](?:私の)?(?:電話|携帯)",
    r"(?:은|는|이|가) ?(?:제|우리|저희) ?(?:전화|휴대폰|연락처)|(?:으로|로) ?(?:전화|연락)",
))  # fmt: skip

_BLANK: Final = r"[\s\x{A0}]"
"""Of any kind: a line may end between two words."""

_before = compiled_on_use(_BEFORE.replace(" ", _BLANK).encode(), _options)
_WHOLE: Final = _BEHIND.replace(" ", _BLANK)
_behind = compiled_on_use(rf"(?i)^(?:{_WHOLE})".encode(), _options)


@cache
def _beginning() -> Any:
    """Matches what may become a cue. Made when a number first waits: it would double the time of an import."""
    return re2.compile(rf"(?i)^{Beginnings(_WHOLE).pattern}$".encode(), _options())


def cue_stands_before(text: str, start: int) -> bool:
    """Whether a cue ends where a number starts."""
    before = folded(text[max(0, start - BEFORE_CHARS_MAX) : start])
    return _before.search(before.encode("utf-8", "replace")) is not None


def cue_stands_behind(after: str) -> bool:
    """Whether a text that follows a number begins with a cue."""
    return cue_behind(after) != ""


def cue_behind(after: str) -> str:
    """The cue with which a text that follows a number begins; empty if there is none."""
    match = _behind.match(f"{after[:BEHIND_CHARS_MAX]}\n\n".encode("utf-8", "replace"))
    return match[0].decode("utf-8") if match else ""


def cue_may_follow(after: str) -> bool:
    """Whether a text that follows a number may be the beginning of a cue, and needs more characters to be one."""
    begun = len(after) < BEHIND_CHARS_MAX and _beginning().match(after.encode("utf-8", "replace")) is not None
    return begun and _behind.match(after.encode("utf-8", "replace")) is None
