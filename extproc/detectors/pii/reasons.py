"""Why a value counts as personal data: asked of the detector itself, by changing the text and looking again.

So an explanation cannot differ from what the detector does: a word is context if the finding goes without it, and a
value has check digits if it is none with other characters at its end. Not for the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from extproc.detectors.pii.detector import PiiDetector
from extproc.detectors.pii.kinds import KINDS, PRIVATE_KEY
from extproc.detectors.pii.national_ids import NATIONAL_ID_KINDS
from extproc.detectors.pii.phone_cues import BEHIND_CHARS_MAX, cue_behind
from extproc.detectors.pii.postal_addresses import ABOUT, POSTAL_ADDRESS
from extproc.detectors.text.cells import CONTEXT_CHARS_MAX, cells
from extproc.detectors.text.folding import folded
from extproc.domain.finding import Finding
from extproc.domain.reasons import Reason

_WORD: Final = re.compile(r"[^\W_]+")
_CHANGED_CHARS: Final = 3
_BLANKED: Final = "~"
_ABOUT: Final = {kind.name: kind.about for kind in KINDS} | {PRIVATE_KEY: "a private key in PEM", POSTAL_ADDRESS: ABOUT}


def reasons_of(detector: PiiDetector, patterns: Mapping[str, str], text: str, finding: Finding) -> list[Reason]:
    """The rule or pattern of a finding, its context words, and whether it has check digits.

    Args: patterns: of configured recognizers, by kind.
    """
    if finding.kind in patterns:
        reasons = [Reason("pattern", patterns[finding.kind])]
    else:
        national = f"the national id {finding.kind}" if finding.kind in NATIONAL_ID_KINDS else finding.kind
        reasons = [Reason("rule", _ABOUT.get(finding.kind, national))]
    if finding.begun:
        return [*reasons, Reason("rule", "the text was cut off after it, so it counts as the beginning of one")]
    value = text[finding.start : finding.end]
    if value != folded(value):
        reasons.append(Reason("reading", folded(value)))
    start, end = _cell_of(text, finding)
    base = max(0, start - CONTEXT_CHARS_MAX)
    moved = replace(finding, start=finding.start - base, end=finding.end - base)
    cell = _Cell(detector, start - base, moved, text[end : end + BEHIND_CHARS_MAX])
    seen = text[base:end]
    if not cell.is_found(seen):  # a key block, an address, or a value that stands in several cells
        return reasons
    reasons += [Reason("context", word) for word in cell.context(seen)]
    if cell.has_check_digits(seen):
        reasons.append(Reason("checksum", "its check digits are right"))
    return reasons


def _cell_of(text: str, finding: Finding) -> tuple[int, int]:
    """The cell in which a finding begins, at least up to its end."""
    for first, last in cells(folded(text)):
        if last > finding.start:
            return min(first, finding.start), max(last, finding.end)
    return finding.start, finding.end


class _Cell(NamedTuple):
    """A finding in a cell; ``start`` is where the cell begins, after its context, and ``behind`` what follows it."""

    detector: PiiDetector
    start: int
    finding: Finding
    behind: str

    def is_found(self, text: str) -> bool:
        """Whether a finding of the kind begins in the same place, or before its end."""
        return self._finds(text, self.behind)

    def _finds(self, text: str, behind: str) -> bool:
        found = self.detector.find(text, self.start, behind)
        return any(one.kind == self.finding.kind and one.start < self.finding.end for one in found)

    def context(self, text: str) -> list[str]:
        """The words before a value without which it is none; each alone, or else all of them. Or those behind it."""
        if not self._finds(text, ""):
            return _WORD.findall(cue_behind(text[self.finding.end :] + self.behind))
        words = list(_WORD.finditer(text, 0, self.finding.start))
        needed = [word for word in words if not self.is_found(_without(text, [word]))]
        if needed or self.is_found(_without(text, words)):
            return [word.group() for word in needed]
        return [word.group() for word in words]

    def has_check_digits(self, text: str) -> bool:
        """Whether another character at any of the last places makes it no value of its kind."""
        value = range(self.finding.start, self.finding.end)
        places = [place for place in value if text[place].isascii() and text[place].isalnum()][-_CHANGED_CHARS:]
        changed = (text[:place] + _other(text[place]) + text[place + 1 :] for place in places)
        return bool(places) and not any(map(self.is_found, changed))


def _without(text: str, words: Iterable[re.Match[str]]) -> str:
    for word in words:
        text = text[: word.start()] + _BLANKED * len(word.group()) + text[word.end() :]
    return text


def _other(character: str) -> str:
    """The next one of its kind."""
    last = {"9": "0", "z": "a", "Z": "A"}
    return last.get(character) or chr(ord(character) + 1)
