"""Which revision of each slice holds."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from extproc.ledger.allocation.share_tables import GPU_SLICES

SliceKey = tuple[int, str]
"""When it begins [us since 1970], and its server."""


def last_revisions(connection: Connection, method: str, begin_us: int, end_us: int) -> dict[SliceKey, int]:
    """The number of the last revision of each slice that begins between two times."""
    columns = GPU_SLICES.c
    query = select(columns.begin_us, columns.server, func.max(columns.revision)).where(
        columns.begin_us >= begin_us, columns.begin_us < end_us, columns.method == method
    )
    rows = connection.execute(query.group_by(columns.begin_us, columns.server))
    return {(begin_us, server): revision for begin_us, server, revision in rows}
