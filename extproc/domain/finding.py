"""Findings of detectors: position and confidence, never the text itself.

A finding may reach logs, metrics and reviewers, so it must be safe for people who may not read the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self


class Spot(Protocol):
    """A span of a text: a finding, or a candidate. [characters]"""

    @property
    def start(self) -> int:
        """First character."""
        ...

    @property
    def end(self) -> int:
        """One past the last character."""
        ...

    def moved(self, chars: int) -> Self:
        """The same span in a text that has this many characters more at its start."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in one text.

    Attributes:
        kind: type in upper case: ``EMAIL``, ``PROMPT_INJECTION``, ``REFUSAL``.
        start: first character [characters] in the given text.
        end: one past the last character [characters].
        score: confidence of the detector, 0 to 1.
        detector: dotted name: ``pii.email``, ``injection.patterns``.
        detail: the operator's name for it (a fact's id), or a score in digits; for people, never a label.
        begun: it may only be a prefix of such a value: the text was truncated after it.
    """

    kind: str
    start: int
    end: int
    score: float
    detector: str
    detail: str = ""
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A finding with the text that it gives places of, for reviewers.

    Attributes:
        text: that of a user: it must not travel further than the review queue; empty where it is not at hand.
        speaker: whose words they are; empty where that is not known.
        begins: nothing stood before the text.
        ends: nothing that is still to come can go on with its last word.
    """

    finding: Finding
    text: str = field(default="", repr=False)
    speaker: str = ""
    begins: bool = True
    ends: bool = True
