"""The tables of the ledger. ``migrations`` creates and changes them; a test compares the two.

``ledger_entries`` has a column for each field of ``LedgerEntry``, and the day. ``ledger_spools`` says up to where the
segments of each process are stored. ``usage_slots`` has the sums of budgets: what was used, by quarter of an hour and
payer. ``budget_changes`` has grants, and what was crossed. ``feedback`` has what users said of exchanges. The views
``usage_daily``, ``usage_by_team`` and ``feedback_by_version`` are made for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Date,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from extproc.domain.feedback import FeedbackType

METADATA = MetaData()

_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only a column of exactly this type
LISTS = JSON().with_variant(JSONB(), "postgresql")

ENTRIES = Table(
    "ledger_entries",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),  # in the order in which they were stored
    Column("exchange", Text, nullable=False, unique=True),
    Column("day", Date, nullable=False),
    Column("started_at_us", BigInteger, nullable=False),
    Column("sent_at_us", BigInteger),
    Column("first_token_at_us", BigInteger),
    Column("ended_at_us", BigInteger, nullable=False),
    Column("revision", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("budget_code", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("use_case", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("identity_source", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("model_asked", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("prompt_fingerprint", Text, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("prompt_tokens_source", Text),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cached_tokens_source", Text),
    Column("completion_tokens", BigInteger, nullable=False),
    Column("completion_tokens_source", Text),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens_source", Text),
    Column("cost_micro_usd", BigInteger, nullable=False),
    Column("price_revision", Text, nullable=False),
    Column("choices", Integer, nullable=False),
    Column("finish_reasons", LISTS, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("finding_count", Integer, nullable=False),
    Column("findings", LISTS, nullable=False),
    Column("request_bytes", BigInteger, nullable=False),
    Column("response_bytes", BigInteger, nullable=False),
    Column("attempts", LISTS, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("signals", LISTS, nullable=False, server_default="{}"),
    Column("response_id", Text, nullable=False, server_default=""),
    Column("trace_id", Text, nullable=False, server_default=""),
    Column("rollout", Text, nullable=False, server_default=""),
    Column("rollout_step", Integer, nullable=False, server_default="0"),
    Column("arm", Text, nullable=False, server_default=""),
    Column("unit", Integer, nullable=False, server_default="0"),
    Column("server", Text, nullable=False, server_default=""),
)
Index("ledger_entries_response_id", ENTRIES.c.response_id)
Index("ledger_entries_day_team", ENTRIES.c.day, ENTRIES.c.team)
Index("ledger_entries_started_at_us", ENTRIES.c.started_at_us)

SPOOLS = Table(
    "ledger_spools",
    METADATA,
    Column("spool", Text, primary_key=True),  # of one process
    Column("segment", BigInteger, nullable=False),  # that is read next
    Column("at_byte", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # of the last record that was read
    Column("entries", BigInteger, nullable=False),  # that were added
    Column("repeated", BigInteger, nullable=False),  # that were there already
    Column("damaged", BigInteger, nullable=False),  # records that could not be read
)
SLOTS = Table(
    "usage_slots",
    METADATA,
    Column("slot_us", BigInteger, primary_key=True, autoincrement=False),  # when it begins; entries start in it
    Column("team", Text, primary_key=True),
    Column("project", Text, primary_key=True),
    Column("budget_code", Text, primary_key=True),
    Column("tokens", BigInteger, nullable=False),  # of prompts and answers
    Column("micro_usd", BigInteger, nullable=False),
)
CHANGES = Table(
    "budget_changes",
    METADATA,
    Column("number", _NUMBER, primary_key=True, autoincrement=True),
    Column("at_us", BigInteger, nullable=False),
    Column("budget", Text, nullable=False),
    Column("budget_key", Text, nullable=False),  # the team, project or budget code
    Column("period_start_us", BigInteger, nullable=False),
    Column("period_end_us", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("share_percent", Integer, nullable=False),
    Column("once", Text, unique=True),  # of what is noted once; None: a grant
    Column("made_by", Text, nullable=False),
    Column("note", Text, nullable=False),
)
Index("budget_changes_budget", CHANGES.c.budget, CHANGES.c.period_start_us)
FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("exchange", Text, primary_key=True),  # it may have no entry yet
    Column("user_id", Text, primary_key=True),  # a keyed hash; empty: users are not told apart
    Column("type", Text, primary_key=True),
    Column("created_at_us", BigInteger, nullable=False),
    Column("changed_at_us", BigInteger, nullable=False),
    Column("score", Float),  # in the client's own scale
    Column("comment_hash", Text, nullable=False),  # keyed; empty: there was no comment
    Column("team", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("prompt_fingerprint", Text, nullable=False),
)
Index("feedback_created_at_us", FEEDBACK.c.created_at_us)
_THUMBS = "('positive', 'negative')"
_OF_TYPES = ", ".join(f"sum(CASE WHEN type = '{one.value}' THEN 1 ELSE 0 END) AS {one.value}" for one in FeedbackType)
_FEEDBACK_BY_VERSION = f"""
SELECT model, version, fingerprint, prompt, prompt_fingerprint, route, {_OF_TYPES}, avg(score) AS mean_score
FROM feedback AS one
WHERE type NOT IN {_THUMBS} OR NOT EXISTS (
    SELECT 1 FROM feedback AS later
    WHERE later.exchange = one.exchange AND later.user_id = one.user_id AND later.type <> one.type
        AND later.type IN {_THUMBS}
        AND (later.changed_at_us > one.changed_at_us
            OR (later.changed_at_us = one.changed_at_us AND later.type < one.type))
)
GROUP BY model, version, fingerprint, prompt, prompt_fingerprint, route
"""
"""Of two opposite thumbs of one user only the later one counts."""
_SUMS = """
    count(*) AS exchanges,
    CAST(sum(prompt_tokens) AS BIGINT) AS prompt_tokens,
    CAST(sum(cached_tokens) AS BIGINT) AS cached_tokens,
    CAST(sum(completion_tokens) AS BIGINT) AS completion_tokens,
    CAST(sum(reasoning_tokens) AS BIGINT) AS reasoning_tokens,
    CAST(sum(cost_micro_usd) AS BIGINT) AS cost_micro_usd,
    sum(CASE WHEN prompt_tokens_source = 'estimated' OR completion_tokens_source = 'estimated' THEN 1 ELSE 0 END)
        AS estimated_exchanges,
    sum(CASE WHEN outcome IN ('completed', 'cut') THEN 0 ELSE 1 END) AS unfinished_exchanges
FROM ledger_entries WHERE outcome NOT IN ('refused', 'unreachable')
"""
VIEWS: Mapping[str, Mapping[str, str]] = {
    "usage_daily": dict.fromkeys(
        ("sqlite", "postgresql"),
        f"SELECT day, team, project, endpoint, model, version, {_SUMS}"
        "GROUP BY day, team, project, endpoint, model, version",
    ),
    "usage_by_team": {
        name: f"SELECT {month} AS month, team, {_SUMS} GROUP BY {month}, team"
        for name, month in (("sqlite", "substr(day, 1, 7)"), ("postgresql", "to_char(day, 'YYYY-MM')"))
    },
    "feedback_by_version": dict.fromkeys(("sqlite", "postgresql"), _FEEDBACK_BY_VERSION),
}
"""The statements of the views, by name and by database. Days and months are those of UTC."""


_OF_TABLE = frozenset({"number", "day"})


def create_views(connection: Connection) -> None:
    """Create the views, in place of those of an older release."""
    for name, statements in VIEWS.items():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {statements[connection.dialect.name]}")


def row_of(entry: Any) -> dict[str, Any]:
    """The row of an entry."""
    row = {name: getattr(entry, name) for name in ENTRIES.c.keys() if name not in _OF_TABLE}  # noqa: SIM118
    row["findings"], row["finish_reasons"] = dict(entry.findings), list(entry.finish_reasons)
    row["signals"] = dict(entry.signals)
    row["attempts"] = [one._asdict() for one in entry.attempts]
    return row | {"day": entry.day}
