"""What counters of GPU time are to rise by: what was stored of some days since this process began to count.

Both what the process allocated that does so by itself, and what a command did. A revision counts with what it has
more than the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from extproc.ledger.allocation.revisions import SliceKey, last_revisions
from extproc.ledger.allocation.rising_sums import RisingSums
from extproc.ledger.allocation.sample_tables import GPU_SERVERS
from extproc.ledger.allocation.share_tables import GPU_DAYS, GPU_SHARES, GPU_SLICES
from extproc.ledger.allocation.slice_rows import UNPAID

NO_MODEL: Final = "none"
WINDOW_US: Final = 6 * 3_600_000_000
"""Of the share that is not explained: one hour says little."""
SERVERS_MAX: Final = 256
"""Of whose time the share that is not explained is told; those with most of it."""
_S: Final = GPU_SLICES.c
_LAST_US: Final = 1 << 62


class UnexplainedShare(NamedTuple):
    """Attributes: share: of the GPU time of a server, from 0 to 1."""

    model: str
    server: str
    share: float


class TimeCounts:
    """Args:
    models: the model of each endpoint.
    """

    def __init__(self, method: str, models: Mapping[str, str]) -> None:
        self._method = method
        self.models = models
        self._counted: dict[SliceKey, int] = {}
        self._changed: dict[SliceKey, int] = {}
        self._endpoints: dict[str, str] = {}
        self.used = RisingSums()
        self.unpaid = RisingSums()

    def begin(self, connection: Connection, from_us: int) -> None:
        """Count from what is stored now on."""
        self._counted = last_revisions(connection, self._method, from_us, _LAST_US)

    def find(self, connection: Connection, from_us: int) -> None:
        """Look for what is new. Args: from_us: what begins before it is left out from now on."""
        self._counted = {key: revision for key, revision in self._counted.items() if key[0] >= from_us}
        found = last_revisions(connection, self._method, from_us, _LAST_US)
        self._changed = {key: revision for key, revision in found.items() if revision != self._counted.get(key)}
        self._endpoints = {}
        rows = connection.execute(select(GPU_SERVERS.c.server, GPU_SERVERS.c.endpoint).order_by(GPU_SERVERS.c.since_us))
        for server, endpoint in rows:
            self._endpoints[server] = endpoint

    def count(self, connection: Connection) -> bool:
        """Count slices of one hour that are new: some thousand rows at most. Returns: whether there are more."""
        if not self._changed:
            return False
        begin_us = min(self._changed)[0]
        changed = {server: revision for (at_us, server), revision in self._changed.items() if at_us == begin_us}
        signs = dict.fromkeys(changed.items(), 1)
        signs |= {
            (server, self._counted[begin_us, server]): -1 for server in changed if (begin_us, server) in self._counted
        }
        used, unpaid = self._rows(connection, begin_us)
        for server, revision, time, *labels in used:
            if sign := signs.get((server, revision)):
                self.used.add(tuple(labels), sign * int(time))
        for server, revision, *times in unpaid:
            sign = signs.get((server, revision), 0)
            for state, time in zip(UNPAID, times, strict=True) if sign else ():
                self.unpaid.add((self.model_of(server), state), sign * time)
        for server, revision in changed.items():
            self._counted[begin_us, server] = revision
            del self._changed[begin_us, server]
        return bool(self._changed)

    def model_of(self, server: str) -> str:
        """Of an address behind a name: the name's."""
        endpoint = self._endpoints.get(server, server)
        return self.models.get(server) or self.models.get(endpoint) or NO_MODEL

    def unexplained(self, connection: Connection, until_us: int) -> list[UnexplainedShare]:
        """Of the hours before a time: how much of each server's GPU time no entry explains."""
        span_us = until_us - WINDOW_US, until_us
        holds = last_revisions(connection, self._method, *span_us)
        columns = [_S[name] for name in ("busy", *UNPAID)]
        query = select(_S.begin_us, _S.server, _S.revision, _S.unexplained, *columns)
        rows = connection.execute(
            query.where(_S.method == self._method, _S.begin_us >= span_us[0], _S.begin_us < until_us)
        )
        sums: dict[str, list[int]] = {}
        for begin_us, server, revision, unexplained, *times in rows:
            if holds.get((begin_us, server)) == revision:
                of_server = sums.setdefault(server, [0, 0])
                of_server[0] += unexplained
                of_server[1] += sum(times)
        found = [
            UnexplainedShare(self.model_of(server), server, unexplained / time)
            for server, (unexplained, time) in sums.items()
            if time
        ]
        found.sort(key=lambda one: (-one.share, one.server))
        return found[:SERVERS_MAX]

    def until_us(self, connection: Connection) -> int | None:
        """Up to when time was allocated. None: none was."""
        return connection.execute(select(func.max(GPU_DAYS.c.end_us)).where(GPU_DAYS.c.method == self._method)).scalar()

    def _rows(self, connection: Connection, begin_us: int) -> tuple[Sequence[Any], Sequence[Any]]:
        shares = GPU_SHARES.c
        labels: Iterable[ColumnElement[Any]] = shares.team, shares.project, shares.model, shares.version
        by = shares.server, shares.revision
        used = select(*by, func.sum(shares.gpu_us), *labels).where(
            shares.begin_us == begin_us, shares.method == self._method
        )
        unpaid = select(_S.server, _S.revision, *(_S[state] for state in UNPAID)).where(
            _S.begin_us == begin_us, _S.method == self._method
        )
        return connection.execute(used.group_by(*by, *labels)).all(), connection.execute(unpaid).all()
