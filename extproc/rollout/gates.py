"""What the entry of an exchange says of each gate of a rollout.

It depends on the entry alone, so sums are the same in any order. What users say is in no entry: it is added where it
arrives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from extproc.domain.rollout_gates import ERROR, NO_ANSWER, NO_ANSWER_S
from extproc.domain.text import Direction

Observed = tuple[int, float, float]
"""What one exchange says of a gate: answers or calls that were judged (1 of a value), of these with the event (of a
value its natural logarithm), and the sum of squares of these zeros and ones (of the logarithm its square).
"""
Observe = Callable[[Mapping[str, Any]], Observed | None]


ANSWERED: Final = frozenset({"completed", "cut", "aborted"})
"""Outcomes of exchanges in which a model began to answer."""
ERRORS: Final = frozenset({"upstream_died", "timed_out", "upstream_error", "failed", "unreachable"})
SAYS_NOTHING: Final = frozenset({"refused", "client_left", "processor_died", "drained"})
"""Outcomes that say nothing of a version. They are counted by their names, for both arms alike."""
LEFT_OUT_GATE: Final = "left_out"
"""Under this name the store has the first exchange of each unit that was left out so."""
FALLBACK: Final = "fallback"
"""Likewise, of exchanges that another version answered: they are an error of the arm, and nothing else."""
WARM_UP: Final = "warm_up"
"""Likewise, of exchanges while servers were warming up: only whether they failed counts."""
_JUDGED_MAX: Final = 1 << 31
_NUMBERS: Final = (int, float)


def left_out_as(row: Mapping[str, Any]) -> str:
    """Why an exchange of an arm does not count, in one word; empty: it does."""
    if row["outcome"] in SAYS_NOTHING:
        return str(row["outcome"])
    if row["chosen"]:
        return FALLBACK
    return "" if row["rollout_step"] else WARM_UP


def observed_in(row: Mapping[str, Any]) -> list[tuple[str, Observed]]:
    """What the entry of an exchange says, by gate. Args: row: of ``ledger_entries``.

    In the warm-up of a rollout only failures count.
    """
    left_out = left_out_as(row)
    if left_out and left_out != WARM_UP:
        return [(ERROR, _event(True))] if left_out == FALLBACK else []
    gates = {ERROR: _error} if left_out else OBSERVED
    found = ((name, observe(row)) for name, observe in gates.items())
    return [(name, observed) for name, observed in found if observed is not None]


def _event(has_it: bool) -> Observed:
    return 1, float(has_it), float(has_it)


def _error(row: Mapping[str, Any]) -> Observed | None:
    return _event(row["outcome"] in ERRORS) if row["outcome"] in ANSWERED | ERRORS else None


def _abort(row: Mapping[str, Any]) -> Observed | None:
    return _event(row["outcome"] == "aborted") if row["outcome"] in ANSWERED else None


def _no_answer(row: Mapping[str, Any]) -> Observed | None:
    """Only of streams: others answer at their end."""
    if not row["streamed"] or row["sent_at_us"] is None or row["outcome"] not in ANSWERED | ERRORS:
        return None
    answered_at_us = row["first_token_at_us"] or row["ended_at_us"]
    return _event(answered_at_us - row["sent_at_us"] > NO_ANSWER_S * 1_000_000)


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


OBSERVED: Final[Mapping[str, Observe]] = {
    ERROR: _error,
    "abort": _abort,
    "refusal": _rate("refused"),
    "finding": _finding,
    "empty": _rate("empty"),
    "looped": _rate("looped"),
    "truncated": _rate("token_limit"),
    "unstructured": _rate("unstructured"),
    "bad_call": _rate("bad_call"),
    "regenerated": _rate("regenerated"),
    NO_ANSWER: _no_answer,
    "length": _value("length"),
    "first_token": _value("first_token"),
    "token_time": _value("token_time"),
    "cost": _cost,
}
"""By the name of the gate."""
