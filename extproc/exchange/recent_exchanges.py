"""The exchanges that have ended lately, for feedback that comes before the ledger's store has their entries."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from extproc.domain.feedback import FeedbackClaim, RatedExchange
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.storable_names import storable_name

_Kept = tuple[int, str, str, str, VersionFacts | None, str]
"""When it ended [ns], team, project, route, version, the id of its response."""
_NS_PER_US: Final = 1_000


class RecentExchanges:
    """A bounded memory of exchanges that reached a model server; the oldest make room. A record sink.

    Written where exchanges end, and read by one other thread: each access of the table is one operation.
    """

    def __init__(self, exchanges_max: int) -> None:
        self._exchanges_max = exchanges_max
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the first of a dict is slow to find
        self._exchange_of: dict[tuple[str, str], str] = {}  # by team and the id of the response

    def exchange_ended(self, record: ExchangeRecord) -> None:
        """Remember one."""
        if not record.sent_ns or record.outcome is Outcome.LOCAL_REPLY or not self._exchanges_max:
            return
        if len(self._kept) >= self._exchanges_max:
            self._forget_oldest()
        team, response = storable_name(record.team), record.response_id
        self._kept[record.id] = record.ended_ns, team, record.project, record.route, record.version, response
        if response:
            self._exchange_of[team, response] = record.id

    def _forget_oldest(self) -> None:
        oldest, (_, team, _, _, _, response) = self._kept.popitem(last=False)
        if self._exchange_of.get((team, response)) == oldest:
            del self._exchange_of[team, response]

    def get(self, claim: FeedbackClaim, now_ns: int, utc_us: int) -> RatedExchange | None:
        """The exchange that a feedback names. Of several with one id of a response, the last one of the team.

        Args: now_ns: by the clock of exchanges; utc_us: the same time, since 1970. [us]
        """
        given = claim.given
        exchange = given.exchange or self._exchange_of.get((claim.team, given.response), "")
        found = self._kept.get(exchange)
        if found is None:
            return None
        ended_ns, team, project, route, version, _ = found
        ended_at_us = utc_us - (now_ns - ended_ns) // _NS_PER_US
        facts = ("", "", "", "", "")
        if version is not None:
            facts = (version.model, version.version, version.fingerprint, version.prompt, version.prompt_fingerprint)
        return RatedExchange(exchange, ended_at_us, team, storable_name(project), route, *facts)
