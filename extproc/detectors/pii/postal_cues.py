"""The words before a street and a number that make them an address: ``Address:``, ``wohnhaft``, ``I live at``, ``at``.

All look at the text before, of which ``CONTEXT_CHARS_MAX`` characters count, as ``postal_addresses.postal_bytes``.
"""

from __future__ import annotations

from typing import Any, Final

from extproc.detectors.text.latin1 import latin1_pattern

CONTEXT_CHARS_MAX: Final = 48
_WORD_BEFORE: Final = r"(?i)(?:^|[^a-z])"


def _ending(*ways: str) -> Any:
    return latin1_pattern(rf"{_WORD_BEFORE}(?:{'|'.join(ways)})$")


_CUE: Final = _ending(
    r"(?:addr(?:ess)?(?:e[ns]?)?(?:[_ ]?(?:line)?[_ ]?[0-9])?|adress|adres|anschrift|indirizzo|direcci[o\xF3]n|domicili"
    r"|endere[c\xE7]o|morada|osoite|adresa|street|stra\xDFe|strasse|wohn|liv(?:e|es|ed|ing)\b|resid|ship|deliver|send|mail"
    r"|located|liefer|viv[oe]|habite|demeur|abit[oai]|mor[oa]\b|woon|bor\b|bydl|mieszka|zamieszka|asun"
    r"|mov(?:e|ed|ing) to|(?:home|house|office) is)[^0-9.!?\n]{0,32}\n?"
)
_CLOSE_CUE: Final = _ending(
    r"(?:(?:postal|home|mailing|shipping|delivery|billing|street|my|his|her|our|their|your|office|work|new|current|old"
    r"|the) address|(?:^|\n)address)(?: is| was)?[: \n]{1,3}",
    r"(?:liv(?:e|es|ed|ing)|resid[a-z]{1,4}|located) at ",
    r"mov(?:e|ed|ing) to ",
    r"(?:ship|deliver|send|mail)[a-z]{0,4}(?: [a-z]{1,8}){0,3} to:? ",
)
_CLOSE_CUE_ELSEWHERE: Final = _ending(
    r"(?:anschrift|adresse|adress|adres|adresa|adresu|osoite|indirizzo|domicilio|direcci[o\xF3]n|endere[c\xE7]o|morada"
    r"|wohn(?:haft|e|t|en)|mieszka[a-z]{0,3}|bydl[i\xED]m?|bor|woont?|habite|demeurant)(?: [a-z\xE4\xE5\xF6]{1,6}){0,2}"
    r"[: \n]{1,3}"
)
_AT: Final = _ending(
    r"(?:at|in der|an der|auf der|zur|au|en la|en el|nella|na|przy|p\xE5|op|aan|op de|aan de|in de)[ \xA0]",
)
_NEAR: Final = _ending(
    r"(?:to|from|near|in|on|by|behind|opposite|outside|and|an|auf|bei|aus|von|vor|du|chez|en|al|da|em|i|till|til|ved|fra|do"
    r"|z|v|ve)[ \xA0]"
)


def is_cued(before: bytes) -> bool:
    """Whether a word for an address precedes, with some words between."""
    return _CUE.search(before) is not None


def is_cued_closely(before: bytes) -> bool:
    """Whether such a word directly precedes, in any language."""
    return _CLOSE_CUE.search(before) is not None or is_cued_closely_elsewhere(before)


def is_cued_closely_elsewhere(before: bytes) -> bool:
    """The same, in a language in which the number stands behind the street."""
    return _CLOSE_CUE_ELSEWHERE.search(before) is not None


def stands_at(before: bytes) -> bool:
    """Whether a word directly precedes that says where somebody or something is: ``at``, ``in der``, ``przy``."""
    return _AT.search(before) is not None


def may_stand_at(before: bytes) -> bool:
    """Whether a line begins, or a word precedes that other things with a number have before them too: ``from``."""
    line = before.rpartition(b"\n")[2]
    return not line.strip(b" \t>*-") or _NEAR.search(before) is not None
