"""What a rollout compares: its gates. Configuration, sums, statistics, reports and docs are made from this list.

Margins of a rate are differences of shares, those of a value are ratios above 1. A rollout goes on only if it is shown
that the canary is not worse by ``promote``; it is rolled back if it is shown to be worse by more than ``roll_back``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Worse(StrEnum):
    """Which direction harms."""

    UP = "up"
    DOWN = "down"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class RolloutGate:
    """One thing that is compared.

    Attributes:
        is_rate: whether it is a share of answers; otherwise a value, compared by its geometric mean.
        promote, roll_back: margins; of a rate as a share, of a value as a ratio less 1.
        weight: its part of alpha among all gates of a rollout, before they are made to add up to 1.
        required: where there is any value of it, a rollout goes on only with it; another one can only roll back while
            it has few values.
        meaning: for people.
        harm: what a worse value means for users.
    """

    name: str
    is_rate: bool
    worse: Worse
    promote: float
    roll_back: float
    weight: float
    required: bool
    meaning: str
    harm: str


ERROR: Final = "error"
ABORT: Final = "abort"
FEEDBACK: Final = "feedback"
JUDGE: Final = "judge"
NO_ANSWER: Final = "no_answer"
NO_ANSWER_S: Final = 3
"""So long the first text of a stream may take."""
GATES: Final = (
    RolloutGate(
        ERROR,
        *(True, Worse.UP, 0.003, 0.0, 3.0, True),
        "the model server failed, timed out or could not be reached",
        "users see an error, or wait for a fallback",
    ),
    RolloutGate(
        "refusal",
        *(True, Worse.UP, 0.01, 0.0, 3.0, True),
        "the model declines; only with the guard `refusal`",
        "users do not get what they asked for",
    ),
    RolloutGate(
        ABORT,
        *(True, Worse.UP, 0.01, 0.0, 1.0, True),
        "the stream ended before the answer did",
        "users left, or lost the rest of an answer",
    ),
    RolloutGate(
        "finding",
        *(True, Worse.UP, 0.01, 0.0, 1.0, True),
        "a guard found something in the answer",
        "answers are cut, masked or reviewed",
    ),
    RolloutGate(
        "empty",
        *(True, Worse.UP, 0.005, 0.0, 1.0, True),
        "neither text nor a tool call",
        "users get nothing",
    ),
    RolloutGate(
        "looped",
        *(True, Worse.UP, 0.005, 0.0, 1.0, True),
        "it ends with the same characters over and over",
        "users get noise, and tokens are lost",
    ),
    RolloutGate(
        "truncated",
        *(True, Worse.UP, 0.015, 0.0, 1.0, True),
        "the token limit ended it",
        "answers stop in the middle",
    ),
    RolloutGate(
        "unstructured",
        *(True, Worse.UP, 0.01, 0.0, 1.0, False),
        "it is to be JSON, and is not, or does not fit its schema",
        "programs cannot read it",
    ),
    RolloutGate(
        "bad_call",
        *(True, Worse.UP, 0.01, 0.0, 1.0, False),
        "the arguments of a tool call do not fit the tool",
        "agents fail",
    ),
    RolloutGate(
        "regenerated",
        *(True, Worse.UP, 0.01, 0.0, 1.0, False),
        "the same caller asks the same again within ten minutes",
        "the answer before did not help",
    ),
    RolloutGate(
        FEEDBACK,
        *(True, Worse.UP, 0.007, 0.0, 1.0, False),
        "users gave a thumb down, of all answers",
        "users say that it is worse",
    ),
    RolloutGate(
        JUDGE,
        *(True, Worse.UP, 0.02, 0.0, 1.0, False),
        "a classifier out of the path found something in the answer, of those that it judged",
        "answers are wrong, or do harm",
    ),
    RolloutGate(
        NO_ANSWER,
        *(True, Worse.UP, 0.01, 0.0, 1.0, False),
        f"a stream without text for {NO_ANSWER_S} seconds; seen while it waits",
        "users look at an empty page",
    ),
    RolloutGate(
        "length",
        *(False, Worse.EITHER, 0.10, 0.025, 1.0, True),
        "tokens of an answer",
        "answers became terse or wordy, and cost changes",
    ),
    RolloutGate(
        "first_token",
        *(False, Worse.UP, 0.08, 0.02, 1.0, True),
        "from the request to the first text of a stream",
        "users wait longer for the first word",
    ),
    RolloutGate(
        "token_time",
        *(False, Worse.UP, 0.05, 0.0125, 3.0, True),
        "by token of a stream after the first",
        "answers are written more slowly",
    ),
    RolloutGate(
        "cost",
        *(False, Worse.UP, 0.10, 0.025, 1.0, True),
        "money of an exchange, at the prices of its version",
        "the bill grows",
    ),
)
GATE_NAMES: Final = tuple(gate.name for gate in GATES)


def widening(share: float) -> float:
    """By how much margins of ``promote`` are wider while the canary has a small share.

    At 5 % the same margin takes sixteen times the exchanges; the last step has the margins as they are.
    """
    if share < 0.1:
        return 4.0
    return 2.0 if share < 0.4 else 1.0
