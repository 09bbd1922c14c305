"""Whether a user says that the answer before is wrong: the beginning of the next message, in ten languages.

A user who is content says so in many ways, and one who is not in few: "no, that is wrong", "not what I asked".
"""

from __future__ import annotations

import re
from typing import Final

BEGINNING_CHARS: Final = 200
_NO: Final = "no|nope|nein|non|não|nee|nie|nej|hayır"
_WRONG: Final = "wrong|incorrect|falsch|faux|incorrecto|falso|errado|sbagliato|fout|źle|fel|yanlış"
_WANTED: Final = "what i (?:asked|meant|wanted)"
# The standard library's engine is several times faster for one short message than RE2's binding; the pattern has no
# repetition but of blanks and marks, and the message is short, so there is no backtracking to speak of.
_COMPLAINTS: Final = (
    rf"(?:{_NO})\s*[.!]*\s*$",
    rf"(?:{_WRONG})\s*(?:[,.!:;]|$)",
    # English
    r"(?:that|this|it|your answer|the answer)(?:'s| is| was)(?: (?:still|just|completely|totally|plain))? "
    rf"(?:wrong|incorrect|false|not (?:right|correct|true|{_WANTED}))\b",
    rf"(?:that|this|it)(?: isn't| wasn't) (?:right|correct|true|{_WANTED})\b",
    rf"i meant?\b|i (?:did not|didn't) (?:ask|mean)\b|not {_WANTED}\b|try again\b|still (?:wrong|broken)\b",
    r"you (?:misunderstood|ignored|forgot|missed)\b|you(?:'re| are) wrong\b",
    r"that (?:does not|doesn't|did not|didn't) (?:work|help|answer)\b",
    # German
    r"(?:das|es) (?:ist|war|stimmt) (?:immer noch |leider )?(?:falsch|nicht)\b|versuche? es (?:noch einmal|nochmal)\b",
    r"das habe ich nicht (?:gefragt|gemeint)\b|du hast (?:mich |das )?(?:falsch|nicht) verstanden\b",
    # French
    r"(?:c'est|ceci est|cela est) (?:faux|incorrect|inexact)\b|ce n'est pas (?:correct|juste|ce que|ça)\b",
    # Spanish, Portuguese, Italian
    r"(?:eso|esto) (?:está mal|no es (?:correcto|lo que))\b",
    r"(?:isso|isto) (?:está errado|não (?:está|é) (?:certo|o que))\b",
    r"(?:questo )?è sbagliato\b|non è (?:corretto|quello che)\b",
    # Dutch, Polish, Swedish, Turkish
    r"dat (?:is fout|klopt niet)\b|to (?:jest źle|nieprawda)\b|det (?:är fel|stämmer inte)\b|bu yanlış\b",
)
_REPAIR: Final = re.compile(rf"(?i)^\s*(?:(?:{_NO})\s*[,.!:;]*\s+)?(?:{'|'.join(_COMPLAINTS)})")


_FIRST_WORD: Final = re.compile(r"\s*([^\s,.!:;]{1,16})")
_FIRST_WORDS: Final = frozenset(
    (
        f"{_NO}|{_WRONG}|that|that's|this|it|it's|your|the|i|not|try|still|you|you're|das|es|versuch|versuche|du|c'est"
        "|ceci|cela|ce|eso|esto|isso|isto|questo|è|dat|to|det|bu|this's"
    ).split("|")
)
"""One of them begins each complaint; most messages begin otherwise."""


def says_wrong(message: str) -> bool:
    """Whether a message says that the answer before it is wrong. Args: message: its first ``BEGINNING_CHARS``."""
    first = _FIRST_WORD.match(message)
    return first is not None and first[1].lower() in _FIRST_WORDS and _REPAIR.match(message) is not None
