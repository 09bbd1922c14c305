"""Answers controllers of deliveries, such as Argo Rollouts and Flagger, from what the process that ships reports.

It fails closed: what is not known, or not known any more, is never a success.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

from extproc.config.problems import did_you_mean, names
from extproc.domain.rollouts import ControllerVerdict

STALE_S: Final = 60.0
"""After so long without a look at the store a verdict is stale."""
NAME_CHARS_MAX: Final = 200
_VERDICTS: Final = tuple(one.value for one in ControllerVerdict)
_SILENT: Final = (
    "The process that ships the ledger has not read the store {when}, so nothing is known; its log says why."
)
_NONE_YET: Final = "Nothing was rolled out. `rollouts:` of the configuration or `extproc rollout start` begins one."
_NO_LEDGER: Final = "There is no `ledger:` in the configuration, so nothing is rolled out."


class PageAnswer(NamedTuple):
    """Of HTTP. Attributes: status: its code; body: as JSON."""

    status: int
    body: Mapping[str, Any]


class VerdictBoard:
    """The verdicts that were reported last. Reports come from one thread, and any thread may ask.

    Args: clocks: seconds of a monotonic clock, and seconds since 1970.
    """

    def __init__(self, clocks: tuple[Callable[[], float], Callable[[], float]] = (time.monotonic, time.time)) -> None:
        self._clock_s, self._wall_s = clocks
        self._verdicts: Mapping[str, Mapping[str, Any]] = {}
        self._read_s: float | None = None

    def take(self, report: Mapping[str, Any]) -> None:
        """Take what the process that ships reports."""
        if "rollout_ids" in report:
            known = {**self._verdicts, **{one["id"]: one for one in report["rollout_verdicts"]}}
            self._verdicts = {one: known[one] for one in report["rollout_ids"] if one in known}
        if "rollouts" in report:
            self._read_s = self._clock_s()

    def answer(self, name: str, query: str = "") -> PageAnswer:
        """The verdict of the last rollout of a name, an id or a model.

        Args:
            query: of the URL. ``until``: verdicts, with commas; before it is one of these the answer is 503.
                ``fingerprint``: of the canary; one of another revision is not found.
        """
        asked = parse_qs(query)
        until = [one for given in asked.get("until", ()) for one in given.split(",")]
        if unknown := [one for one in until if one not in _VERDICTS]:
            return _refused(400, f"`until` has {unknown[0][:NAME_CHARS_MAX]!r}. There are: {', '.join(_VERDICTS)}.")
        if self._read_s is None:
            return _refused(503, _SILENT.format(when="yet"))
        age_s = max(self._clock_s() - self._read_s, 0.0)
        is_stale, verdicts = age_s > STALE_S, list(self._verdicts.values())  # the oldest first
        found = [one for one in verdicts if name in (one["name"], one["id"], one["model"])]
        if not found:
            return _refused(503, _silent_for(age_s)) if is_stale else _refused(404, _not_found(name, verdicts))
        last = found[-1]
        if (wrong := _other_revision(last, asked.get("fingerprint", ()))) is not None:
            return _refused(404, wrong)
        body = {**last, "at": _moment(self._wall_s() - age_s), "age_s": round(age_s, 1)}
        if is_stale:
            body |= {"verdict": ControllerVerdict.STALE.value, "healthy": 0, "reasons": [_silent_for(age_s)]}
        return PageAnswer(503 if until and body["verdict"] not in until else 200, body)


def without_ledger() -> PageAnswer:
    """The answer of a process that has no ledger."""
    return _refused(404, _NO_LEDGER)


def _refused(status: int, sentence: str) -> PageAnswer:
    return PageAnswer(status, {"error": sentence})


def _silent_for(age_s: float) -> str:
    return _SILENT.format(when=f"for {age_s:.0f} seconds")


def _not_found(name: str, verdicts: Sequence[Mapping[str, Any]]) -> str:
    if not verdicts:
        return _NONE_YET
    every = sorted({one["name"] for one in verdicts})
    hint = did_you_mean(name, every) or f"There are: {names(every)}."
    return f"There is no rollout {name[:NAME_CHARS_MAX]}. {hint}"


def _other_revision(last: Mapping[str, Any], wanted: Sequence[str]) -> str | None:
    is_it = not wanted or last["canary_fingerprint"] in wanted
    if is_it:
        return None
    return (
        f"The last rollout {last['name']} is of the revision {last['canary_fingerprint']} of {last['canary']}, not "
        f"{wanted[0][:NAME_CHARS_MAX]}: none of that one has begun."
    )


def _moment(at_s: float) -> str:
    return datetime.fromtimestamp(int(at_s), UTC).isoformat()
