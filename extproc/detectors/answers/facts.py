"""Detects sentences that contradict a known fact: they are about its subject, but have another value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import re2

from extproc.detectors.text.automata import automaton
from extproc.domain.fact_values import compiled, values_in
from extproc.domain.finding import Finding
from extproc.domain.quantities import same_value

_UNMARKED: Final = str.maketrans({"*": None, "`": None, "\u00a0": " ", "\u202f": " ", "’": "'"})
_REFERS_BACK: Final = re2.compile(
    r"(?i)\W*(?:it|its|it's|they|their|this|these|he|she|his|her|er|sie|es|ihr|diese[rs]?|il|elle|ils|elles|cela|c'est"
    r"|él|ella|ellos|esto|su|lui|lei|questo|ele|ela|isso|seu|het|hij|zij|deze)\b"
)
_SET_BYTES_MAX: Final = 64 << 20


class KnownFact(NamedTuple):
    """A known fact: patterns of its subject, a pattern of its value, and the correct values."""

    id: str
    subject: Sequence[str]
    value: str
    right: Sequence[str]


class FactDetector:
    """Checks one sentence at a time. The subjects of all facts are matched in one pass."""

    def __init__(self, facts: Sequence[KnownFact]) -> None:
        self._facts = [(fact, compiled(fact.value), len(fact.subject)) for fact in facts]
        self._fact_of = [number for number, fact in enumerate(facts) for _ in fact.subject]
        options = re2.Options()
        options.case_sensitive = False
        options.max_mem = _SET_BYTES_MAX
        self._subjects = automaton([pattern for fact in facts for pattern in fact.subject], options)

    def find(self, sentence: str, before: str = "") -> list[Finding]:
        """One finding per contradicted fact; ``detail`` is the fact's id.

        One correct value is enough, so that "30 days, not 14" is no contradiction.
        Args:
            before: the previous sentence, which supplies the subject if the sentence begins with "it" or
            "they".
        """
        plain = sentence.translate(_UNMARKED)
        about = f"{before.translate(_UNMARKED)} {plain}" if before and _REFERS_BACK.match(plain) else plain
        matched = self._subjects.Match(about)
        if not matched:
            return []
        found: list[Finding] = []
        for number, count in sorted(Counter(self._fact_of[place] for place in matched).items()):
            fact, pattern, subjects = self._facts[number]
            values = values_in(plain, pattern) if count == subjects else []
            if values and not any(same_value(value, right) for value in values for right in fact.right):
                found.append(Finding("FACT_CONTRADICTED", 0, len(sentence), 1.0, "facts.value", fact.id))
        return found
