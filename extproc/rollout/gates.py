"""The gates of a rollout: what is compared of both arms, in which direction it is worse, and how much is no harm.

Each is read from the entry of an exchange, by its ``observe``. What that says depends on the entry alone, so sums are
the same in any order.

What users say and what a judge says is in no entry: these two are observed where it arrives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from extproc.domain.text import Direction
from extproc.statistics.gate_evidence import GateMargins, Worse
from extproc.statistics.references import SignalKind

Observed = tuple[int, float, float]
"""What one exchange says of a gate: answers or calls that were judged (1 of a value), of these with the event (of a
value its natural logarithm), and the sum of squares of these zeros and ones (of the logarithm its square).
"""
Observe = Callable[[Mapping[str, Any]], Observed | None]


@dataclass(frozen=True, slots=True)
class RolloutGate:
    """A signal that is compared. Attributes: margins: unless a plan says others; meaning: for people."""

    name: str
    kind: SignalKind
    worse: Worse
    margins: GateMargins
    observe: Observe
    meaning: str


ANSWERED: Final = frozenset({"completed", "cut", "aborted"})
"""Outcomes of exchanges in which a model began to answer."""
ERRORS: Final = frozenset({"upstream_died", "timed_out", "upstream_error", "failed"})
LEFT_OUT: Final = frozenset({"refused", "unreachable", "client_left", "processor_died", "drained"})
"""Outcomes that say nothing of a version. They are counted by their names, for both arms alike."""
FALLBACK: Final = "fallback"
"""Likewise, of exchanges that another version answered: they are an error of the arm, and nothing else."""
_JUDGED_MAX: Final = 1 << 31
_NUMBERS: Final = (int, float)


def left_out_as(row: Mapping[str, Any]) -> str:
    """Why an exchange of an arm does not count, in one word; empty: it does."""
    if row["outcome"] in LEFT_OUT:
        return str(row["outcome"])
    return FALLBACK if row["chosen"] else ""


def observed_in(row: Mapping[str, Any]) -> list[tuple[RolloutGate, Observed]]:
    """What the entry of an exchange says, by gate. Args: row: of ``ledger_entries``."""
    left_out = left_out_as(row)
    if left_out:
        return [(ERROR, _event(True))] if left_out == FALLBACK else []
    found = ((gate, gate.observe(row)) for gate in GATES)
    return [(gate, observed) for gate, observed in found if observed is not None]


def _event(has_it: bool) -> Observed:
    return 1, float(has_it), float(has_it)


def _error(row: Mapping[str, Any]) -> Observed | None:
    return _event(row["outcome"] in ERRORS) if row["outcome"] in ANSWERED | ERRORS else None


def _abort(row: Mapping[str, Any]) -> Observed | None:
    return _event(row["outcome"] == "aborted") if row["outcome"] in ANSWERED else None


def _finding(row: Mapping[str, Any]) -> Observed | None:
    """Findings in the request are the client's, so they tell nothing of the version."""
    if row["outcome"] not in ANSWERED:
        return None
    return _event(any(Direction.RESPONSE.value in name.split("/")[1:2] for name in row["findings"]))


def _cost(row: Mapping[str, Any]) -> Observed | None:
    return _logarithm(row["cost_micro_usd"])


def _rate(signal: str) -> Observe:
    def observe(row: Mapping[str, Any]) -> Observed | None:
        value = row["signals"].get(signal)
        if type(value) is not list or len(value) != 2:
            return None
        hits, judged = value
        is_rate = type(hits) is type(judged) is int and 0 <= hits <= judged < _JUDGED_MAX
        return (judged, float(hits), float(hits)) if is_rate and judged else None

    return observe


def _value(signal: str) -> Observe:
    return lambda row: _logarithm(row["signals"].get(signal))


def _logarithm(value: Any) -> Observed | None:
    if type(value) not in _NUMBERS or not 0 < value < math.inf:
        return None
    log = math.log(value)
    return 1, log, log * log


def _elsewhere(_: Mapping[str, Any]) -> Observed | None:
    """No entry has it."""
    return None


def _of_rate(name: str, promote: float, meaning: str, observe: Observe) -> RolloutGate:
    """Up to a quarter of what promotes is no harm that rolls back."""
    return RolloutGate(name, SignalKind.RATE, Worse.UP, GateMargins(promote / 4, promote), observe, meaning)


def _of_value(name: str, ratio: float, meaning: str, observe: Observe, worse: Worse = Worse.UP) -> RolloutGate:
    promote = math.log(ratio)
    return RolloutGate(name, SignalKind.LOG, worse, GateMargins(promote / 4, promote), observe, meaning)


ERROR: Final = _of_rate("error", 0.005, "the version gave no answer, or another version had to", _error)
FEEDBACK: Final = _of_rate("feedback", 0.01, "a user says that the answer is bad", _elsewhere)
JUDGE: Final = _of_rate("judge", 0.05, "a judge finds the answer bad; of the sample", _elsewhere)
GATES: Final[tuple[RolloutGate, ...]] = (
    ERROR,
    _of_rate("abort", 0.01, "the answer ended in the middle, by the client or the model server", _abort),
    _of_rate("refusal", 0.01, "the model refuses; only with the guard `refusal`", _rate("refused")),
    _of_rate("finding", 0.01, "a guard found something in the answer", _finding),
    _of_rate("empty", 0.005, "neither text nor a tool call", _rate("empty")),
    _of_rate("looped", 0.005, "it ends with the same characters over and over", _rate("looped")),
    _of_rate("truncated", 0.02, "the token limit ended it", _rate("token_limit")),
    _of_rate("unstructured", 0.01, "it is to be JSON, and is not, or not of its schema", _rate("unstructured")),
    _of_rate("bad_call", 0.01, "arguments of a tool call do not fit the tool", _rate("bad_call")),
    _of_value("length", 1.1, "tokens of an answer", _value("length"), Worse.EITHER),
    _of_value("first_token", 1.1, "from the request to the first text of a stream", _value("first_token")),
    _of_value("token_time", 1.05, "from the first to the last text of a stream, by token", _value("token_time")),
    FEEDBACK,
    _of_rate("regenerated", 0.01, "the same caller asked the same again", _rate("regenerated")),
    JUDGE,
    _of_value("cost", 1.1, "at the prices of the version", _cost),
)
"""All gates. A plan names those that decide, each with a weight."""
