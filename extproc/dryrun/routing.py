"""Which routes an exchange tried, and why it takes the last of them."""

from __future__ import annotations

from extproc.config.compiled_routes import NO_ROUTE
from extproc.config.route_reasons import RouteVerdict, route_verdicts
from extproc.domain.errors import PayloadRefused
from extproc.domain.record import ExchangeRecord
from extproc.dryrun.message import RequestMessage
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import ExchangeFacts
from extproc.filters.version import route_facts
from extproc.payload.dialect import Dialect


def routes_tried(
    snapshot: Snapshot,
    request: RequestMessage,
    dialect: Dialect | None,
    record: ExchangeRecord,
    utc_s: float,
    exhausted: frozenset[str],
) -> tuple[RouteVerdict, ...]:
    """The routes up to the one that an exchange takes; empty if it takes none.

    Args:
        record: of the exchange after its request.
        exhausted: budgets for which routes ask, of which nothing is left.
    """
    if record.route == NO_ROUTE or dialect is None:
        return ()
    try:
        view = dialect.read_request(request.body, snapshot.requests)
    except PayloadRefused:
        return ()
    known = ExchangeFacts(dialect, request.headers, snapshot.models, utc_s=utc_s, exhausted=exhausted)
    facts = route_facts(view, record, known, snapshot.routes)
    return tuple(route_verdicts([(route.name, route.conditions) for route in snapshot.routes.routes], facts))
