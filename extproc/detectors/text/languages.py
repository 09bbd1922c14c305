"""Script of a text, and language if it is in Latin script: enough to see that a response is in another one.

Scripts are counted by blocks of 128 code points; languages are scored by words that are frequent in one and rare in the
others. Both need a sentence or two, and ignore what they do not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import re2

LATIN: Final = "Latin"
_SAMPLE_CHARS_MAX: Final = 120
_LETTERS_MIN: Final = 12  # of a sample
_SHARE_MIN: Final = 0.6  # minimum share to be the text's script
_MIXED_SHARE_MIN: Final = 0.2  # minimum share to be one of the text's scripts
_KANA_SHARE_MIN: Final = 0.1
_VOTES_MIN: Final = 6
_FEW_VOTES_MIN: Final = 3
_LEAD: Final = 2.0

_BLOCKS: Final[dict[int, str]] = {
    **dict.fromkeys((0, 1, 2, 3, 4, 60, 61), LATIN),
    **dict.fromkeys((6, 7, 62, 63), "Greek"),
    **dict.fromkeys((8, 9, 10), "Cyrillic"),
    11: "Hebrew",
    **dict.fromkeys((12, 13, 14, 503, 508, 509), "Arabic"),
    18: "Devanagari",
    19: "Bengali",
    23: "Tamil",
    24: "Telugu",
    28: "Thai",
    33: "Georgian",
    34: "Hangul",
    **dict.fromkeys((96, 97), "Kana"),
    **dict.fromkeys(range(104, 320), "Han"),
    **dict.fromkeys(range(344, 432), "Hangul"),
}
# Scripts of languages; for those in Latin script, the words that vote for them.
SCRIPTS: Final[dict[str, frozenset[str]]] = {
    "ar": frozenset({"Arabic"}),
    "bn": frozenset({"Bengali"}),
    "el": frozenset({"Greek"}),
    "fa": frozenset({"Arabic"}),
    "he": frozenset({"Hebrew"}),
    "hi": frozenset({"Devanagari"}),
    "ja": frozenset({"Kana"}),
    "ka": frozenset({"Georgian"}),
    "ko": frozenset({"Hangul"}),
    "ru": frozenset({"Cyrillic"}),
    "ta": frozenset({"Tamil"}),
    "te": frozenset({"Telugu"}),
    "th": frozenset({"Thai"}),
    "uk": frozenset({"Cyrillic"}),
    "zh": frozenset({"Han"}),
}
# None of them is a word of another one's that is common there (English `her`, `do`, `men`, `son`, `come`).
_FREQUENT: Final[dict[str, str]] = {
    "en": "the of and to that this is are was were you your with have has it not they what which would will can from",
    "de": "der die das und ist nicht ein eine mit auf für von dem den des sich auch wird sind werden ich sie im wenn",
    "fr": "le les des est une dans pour que qui pas vous nous sur avec sont cette ce ces au du et être plus je ne",
    "es": "el los las del una por para con está como pero más este esta usted y puede muy también sus lo al que",
    "it": "il gli della che di una per sono con non questo questa anche più è nel delle dei alla si ma può",
    "pt": "o os um uma não para com por que são mais como você da dos das em está também foi isso ao seu",
    "nl": "het een van en niet met voor dat zijn ook maar op deze naar bij wordt worden kan je ik aan uit te",
    "pl": "nie się jest na że jak dla od są tego tym oraz przez może być czy jego które który",
    "sv": "och att det som är en på för inte av med den har kan ett jag du vi ska från eller",
    "tr": "bir ve bu için ile da de olarak çok gibi olan en kadar sonra değil ama mi ya",
}
LATIN_LANGUAGES: Final = frozenset(_FREQUENT)
LANGUAGES: Final = frozenset(SCRIPTS) | LATIN_LANGUAGES
_VOTES: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(language for language, words in _FREQUENT.items() if word in words.split())
    for frequent in _FREQUENT.values()
    for word in frequent.split()
}
FREQUENT_WORDS: Final = frozenset(_VOTES)
"""Words that name the language of a text and not its content."""
_NO_LETTERS: Final = bytes(code for code in range(256) if not chr(code).isalpha())  # of Latin-1
_MARKS: Final = ".,;:!?\"'()[]*_`«»“”„-"
# A text about a language, or about translating, may want a response in another language.
_SPEAKS_OF_LANGUAGE: Final = re2.compile(
    r"(?i)translat|übersetz|traduc|traduz|traduir|tradui|vertaal|tłumacz|översätt|çevir|перев[её]д|перевод"
    r"|翻译|翻譯|翻訳|訳して|번역|ترجم|अनुवाद|แปล|\blanguages?\b|\bsprachen?\b|\blangues?\b|\bidiomas?\b|\blingu[ae]s?\b"
    r"|english|german\b|french|spanish|italian|portuguese|dutch|polish|swedish|turkish|russian|ukrainian|chinese"
    r"|mandarin|japanese|korean|arabic|persian|farsi|hebrew|hindi|thai\b|greek|bengali|tamil|telugu|latin\b"
    r"|englisch|deutsch|französisch|spanisch|italienisch|chinesisch|japanisch|russisch|anglais|allemand|français"
    r"|espagnol|inglés|alemán|francés|español|chino|inglese|tedesco|francese|spagnolo|inglês|alemão|francês|espanhol"
    r"|engels\b|duits\b|frans\b|английск|немецк|русск|китайск|英语|英語|中文|汉语|日语|日本語|法语|德语|俄语|韩语|영어|중국어|일본어|한국어"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """Allowed languages of a response: scripts, and of languages in Latin script these (None: any)."""

    scripts: frozenset[str]
    latin: frozenset[str] | None


def expected_of(languages: tuple[str, ...]) -> Expected:
    """What is expected if only these languages are allowed."""
    latin = LATIN_LANGUAGES.intersection(languages)
    scripts = frozenset().union(*(SCRIPTS[language] for language in languages if language in SCRIPTS))
    return Expected(scripts | {LATIN} if latin else scripts, latin)


def expected_by(request: str) -> Expected | None:
    """What is expected of a response to a text; None if the text does not determine it."""
    shares = _shares(request)
    if not shares or _SPEAKS_OF_LANGUAGE.search(request):
        return None
    scripts = frozenset(script for script, share in shares.items() if share >= _MIXED_SHARE_MIN)
    if LATIN not in scripts:
        return Expected(scripts, frozenset())
    language = language_of(request, _FEW_VOTES_MIN) if scripts == {LATIN} else None
    return Expected(scripts, frozenset({language}) if language else None)


def is_unexpected(text: str, expected: Expected) -> bool:
    """Whether part of a response, some sentences long, is in an unexpected language."""
    shares = _shares(text)
    if not shares:
        return False
    script, share = max(shares.items(), key=lambda item: item[1])
    if share < _SHARE_MIN:
        return False
    if script != LATIN:
        return script not in expected.scripts
    if expected.latin is None:
        return False
    votes = _votes(text)
    allowed = max((votes.get(language, 0) for language in expected.latin), default=0)
    # A known language that should have votes, and has none: fewer votes for others are enough.
    language = _winner(votes, _FEW_VOTES_MIN if expected.latin and not allowed else _VOTES_MIN)
    return language is not None and language not in expected.latin and allowed * _LEAD <= votes[language]


def language_of(text: str, votes_min: int = _VOTES_MIN) -> str | None:
    """The language of a text in Latin script; None if too few words vote, or for several."""
    return _winner(_votes(text), votes_min)


def _winner(votes: dict[str, int], votes_min: int) -> str | None:
    if not votes:
        return None
    most, *others = sorted(votes.values(), reverse=True)
    if most < votes_min or (others and most < others[0] * _LEAD):
        return None
    return next(language for language, count in votes.items() if count == most)


def _votes(text: str) -> dict[str, int]:
    votes: dict[str, int] = {}
    for word in text.casefold().split():
        languages = _VOTES.get(word) or (() if word.isalpha() else _VOTES.get(word.strip(_MARKS), ()))
        for language in languages:
            votes[language] = votes.get(language, 0) + 1
    return votes


def _shares(text: str) -> dict[str, float]:
    """Share of each script in the letters of a text, from a sample; empty if there are too few."""
    step = len(text) // _SAMPLE_CHARS_MAX + 1
    sample = text[::step]
    plain = sample.encode("latin-1", "ignore")
    if len(plain) == len(sample):
        return {LATIN: 1.0} if len(plain.translate(None, _NO_LETTERS)) >= _LETTERS_MIN else {}
    blocks = [ord(character) >> 7 for character in sample if character.isalpha()]
    letters = len(blocks)
    if letters < _LETTERS_MIN:
        return {}
    counts: dict[str, int] = {}
    for block in dict.fromkeys(blocks):  # of a text they are few
        script = _BLOCKS.get(block, "other")
        counts[script] = counts.get(script, 0) + blocks.count(block)
    if counts.get("Kana", 0) >= letters * _KANA_SHARE_MIN:  # Japanese includes Chinese characters
        counts["Kana"] += counts.pop("Han", 0)
    return {script: count / letters for script, count in counts.items()}
