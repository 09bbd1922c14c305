"""Logs marks of a hop in front that are not accepted: each reason once, as the metric counts how often."""

from __future__ import annotations

from typing import Any, Final

from extproc.domain.hop_results import MarkResult
from extproc.domain.record import ExchangeRecord

HINTS: Final = {
    MarkResult.ABSENT: "the gateway has no `hops`, is older, or is bypassed",
    MarkResult.MALFORMED: "the hop in front may be of another release",
    MarkResult.UNKNOWN_KEY: "name the key with which the hop in front signs in `hops.key_files` here",
    MarkResult.FORGED: "somebody can reach this hop around the gateway, and tries marks",
    MarkResult.EXPIRED: "compare the clocks, and `hops.age_s_max` with the time that a request takes to get here",
    MarkResult.OTHER_VERSION: "`guard_version` here is not the version to which the gateway routes this address",
    MarkResult.OTHER_ENDPOINT: "something between the hops changes the path",
    MarkResult.OTHER_BODY: "something between the hops changes the body, or somebody has copied a mark",
    MarkResult.USED: "somebody has copied a mark and its request, or the gateway has sent the request again",
}


class HopLog:
    """A sink of records. ``logger`` writes one JSON line per call."""

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._logged: set[MarkResult] = set()

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Log why a mark was not accepted, if that is new."""
        mark = record.mark
        if mark is None or mark is MarkResult.GOOD or mark in self._logged:
            return
        self._logged.add(mark)
        self._logger.warning(
            "no mark of a hop in front: guarded and counted here; later ones are only counted",
            result=mark.value,
            hint=HINTS[mark],
            exchange=record.id,
        )
