"""What a detector reports: where something stands and how sure it is, never the text itself.

A finding may travel to logs, metrics and reviewers, so it must be safe to show to people who may not read the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, Self


class Spot(Protocol):
    """What stands at a place of a text: a finding, or what is to become one. [characters]"""

    @property
    def start(self) -> int:
        """Its first character."""
        ...

    @property
    def end(self) -> int:
        """One past the last."""
        ...

    def moved(self, chars: int) -> Self:
        """The same in a text that has so many characters before this one."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in one text.

    Attributes:
        kind: what it is, upper case: ``EMAIL``, ``PROMPT_INJECTION``, ``REFUSAL``.
        start: first character [characters] in the text that was given.
        end: one past the last character [characters].
        score: how sure the detector is, 0 to 1.
        detector: who found it, dotted: ``pii.email``, ``injection.patterns``.
        detail: what the operator calls it (a fact's id), or a score in digits; for people, never a label.
        begun: it may be the beginning of such a thing: the text was cut off behind it.
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
