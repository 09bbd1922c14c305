"""Signals of an answer: numbers by which one version's answers are compared with another's. Never a text.

``RATES`` and ``VALUES`` list them all: metrics, the ledger and the documentation are made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class Of(StrEnum):
    """What a rate counts."""

    ANSWERS = "answers"  # completed choices
    CALLS = "calls"  # tool calls
    REQUESTS = "requests"


@dataclass(frozen=True, slots=True)
class SignalRate:
    """A signal that an answer has or not. Attributes: meaning: for people."""

    name: str
    of: Of
    meaning: str


@dataclass(frozen=True, slots=True)
class SignalValue:
    """A signal that is a value of each answer. Attributes: unit: as OpenTelemetry writes units; meaning: for people."""

    name: str
    unit: str
    meaning: str


EMPTY: Final = 0
TOKEN_LIMIT: Final = 1
LOOPED: Final = 2
ASKS_BACK: Final = 3
OTHER_LANGUAGE: Final = 4
UNSTRUCTURED: Final = 5
BAD_CALL: Final = 6
REFUSED: Final = 7
REPAIR: Final = 8
REGENERATED: Final = 9
RATES: Final = (
    SignalRate("empty", Of.ANSWERS, "neither text nor a tool call"),
    SignalRate("token_limit", Of.ANSWERS, "the token limit ended it"),
    SignalRate("looped", Of.ANSWERS, "it ends with the same characters over and over"),
    SignalRate("asks_back", Of.ANSWERS, "it ends with a question"),
    SignalRate("other_language", Of.ANSWERS, "it is not in the language of the question; of the sample"),
    SignalRate("unstructured", Of.ANSWERS, "it is to be JSON, and is not, or, in the sample, does not fit its schema"),
    SignalRate("bad_call", Of.CALLS, "its arguments are no JSON, or, in the sample, do not fit the schema of the tool"),
    SignalRate("refused", Of.ANSWERS, "the model declines; only with the guard `refusal`"),
    SignalRate("repair", Of.REQUESTS, "the user says that the answer before is wrong"),
    SignalRate("regenerated", Of.REQUESTS, "the same caller has asked the same within the last ten minutes"),
)
"""In the order of the places above, which a spool has too: a new one is added at the end."""

LENGTH: Final = "length"
FIRST_TOKEN: Final = "first_token"
TOKEN_TIME: Final = "token_time"
GAP_MEDIAN: Final = "gap_median"
GAP_P95: Final = "gap_p95"
REASONING_SHARE: Final = "reasoning_share"
SIMILARITY: Final = "similarity"
VALUES: Final = (
    SignalValue(LENGTH, "{token}", "tokens of an answer"),
    SignalValue(FIRST_TOKEN, "s", "from the request to the first text of a stream"),
    SignalValue(TOKEN_TIME, "s", "from the first to the last text of a stream, by token after the first"),
    SignalValue(GAP_MEDIAN, "s", "median time between two texts of one stream"),
    SignalValue(GAP_P95, "s", "95th percentile of the time between two texts of one stream"),
    SignalValue(REASONING_SHARE, "1", "share of reasoning in the tokens of an answer"),
    SignalValue(SIMILARITY, "1", "share of first words in common with the answer before to the same question"),
)

_NO_COUNTS: Final = [0] * len(RATES)
_NO_WORDS: Final[frozenset[int]] = frozenset()


@dataclass(slots=True)
class AnswerSignals:
    """What is known of the answers of one exchange.

    Attributes:
        hits, judged: of each rate, by its place: how many have it, and of how many that were judged.
        values: by name.
        gaps: times between two texts, of a stream; see ``gaps``.
        question: keyed hash of what was asked; 0: not known. It is compared with others, and goes nowhere.
        request: keyed hash of the caller and what was asked, likewise.
        words: hashes of the first words of the first answer, likewise.
    """

    hits: list[int] = field(default_factory=_NO_COUNTS.copy)
    judged: list[int] = field(default_factory=_NO_COUNTS.copy)
    values: dict[str, float] = field(default_factory=dict)
    gaps: list[int] = field(default_factory=list)
    question: int = 0
    request: int = 0
    words: frozenset[int] = _NO_WORDS

    def judge(self, place: int, has_it: bool) -> None:
        """One more was judged."""
        self.judged[place] += 1
        if has_it:
            self.hits[place] += 1

    def rates(self) -> dict[str, tuple[int, int]]:
        """Of what was judged, by name: how many have it, and of how many. Another release may know fewer, or more."""
        counts = zip(RATES, self.hits, self.judged, strict=False)
        return {rate.name: (hits, judged) for rate, hits, judged in counts if judged}
