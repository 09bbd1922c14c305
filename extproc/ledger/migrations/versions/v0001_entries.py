"""The tables of the first release."""

from __future__ import annotations

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

NUMBER = BigInteger().with_variant(Integer, "sqlite")
LISTS = JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "ledger_entries",
        Column("number", NUMBER, primary_key=True, autoincrement=True),
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
    )
    op.create_index("ledger_entries_day_team", "ledger_entries", ["day", "team"])
    op.create_index("ledger_entries_started_at_us", "ledger_entries", ["started_at_us"])
    op.create_table(
        "ledger_spools",
        Column("spool", Text, primary_key=True),
        Column("segment", BigInteger, nullable=False),
        Column("at_byte", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("entries", BigInteger, nullable=False),
        Column("repeated", BigInteger, nullable=False),
        Column("damaged", BigInteger, nullable=False),
    )
