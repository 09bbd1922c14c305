"""The section of the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from extproc.config.section import FilePath, Section
from extproc.config.store_url import StoreUrl

EventsUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s@?#]+$"),
    Field(
        json_schema_extra={
            "patternErrorMessage": "an http:// or https:// URL without a password and `?` (else use `url_file`)",
            "environment": True,
        }
    ),
]
EventSource = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9:/?#@!$&'()*+,;=._~%-]+$", max_length=256),
    Field(json_schema_extra={"patternErrorMessage": "a URI or a part of one, such as `llm-extproc`"}),
]
EventText = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~](?:[ -~]*[!-~])?$", max_length=256),
    Field(json_schema_extra={"patternErrorMessage": "a text of 1 to 256 ASCII characters"}),
]


class ParquetFiles(Section):
    """Entries also as Parquet files, by day of their start (UTC): `FOLDER/day=2026-11-29/*.parquet`. Needs
    `pip install 'llm-extproc[parquet]'`.
    """

    folder: FilePath = Field(
        description="where the files go; relative to the configuration file. Several machines may share one"
    )
    every_s: int = Field(
        default=900,
        ge=1,
        le=86_400,
        description="how often files are written, one for each day that has new entries [s]",
    )
    rows_max: int = Field(
        default=100_000, ge=500, le=10_000_000, description="entries after which files are written before that time"
    )


class CloudEvents(Section):
    """Entries also as CloudEvents 1.0, posted in batches (`application/cloudevents-batch+json`) to a metering system:
    OpenMeter's `/api/v1/events`, for one.
    """

    url: EventsUrl | None = Field(default=None, description="where they are posted. Default: what `url_file` has")
    url_file: FilePath | None = Field(
        default=None, description="file with the URL, if that is a secret; read before each request"
    )
    token_file: FilePath | None = Field(
        default=None, description="file with a token, sent as `authorization: Bearer`; read before each request"
    )
    source: EventSource = Field(
        default="llm-extproc",
        description="`source` of each event, alike on all machines: receivers know an event again by source and id",
    )
    type: EventText = Field(default="prompt", description="`type` of each event, which chooses a meter of OpenMeter")
    one_per: Literal["token_type", "exchange"] = Field(
        default="token_type",
        description="token_type: an event for the tokens of the prompt and one for those of the answer, as OpenMeter's "
        "examples have it. exchange: one with all columns of the entry",
    )
    subject: Literal["team", "project", "budget_code"] = Field(
        default="team", description="who pays: the column that is the `subject` of an event"
    )
    unknown_subject: EventText = Field(default="unknown", description="`subject` where that column is empty")
    batch_max: int = Field(default=100, ge=1, le=1_000, description="exchanges in one request")


class Ledger(Section):
    """One durable entry for each exchange that reached a model. Needs `pip install 'llm-extproc[ledger]'`."""

    url: StoreUrl = Field(
        default="sqlite:///ledger.db",
        description="sqlite:///PATH, relative to the configuration file (sqlite:////... from the root), or "
        "postgresql://USER@HOST/NAME?passfile=PATH",
    )
    spool: FilePath = Field(
        default="ledger-spool",
        description="folder on a local disk for entries that are not in the store yet; relative to the configuration "
        "file",
    )
    fsync: Literal["each", "interval", "none"] = Field(
        default="interval",
        description="when the spool waits for the disk. each: after each write, a few milliseconds after an exchange "
        "ends. interval: every `fsync_interval_ms`. none: never. It only matters if the machine fails",
    )
    fsync_interval_ms: int = Field(default=100, ge=1, le=60_000, description="for `fsync: interval`")
    spool_mb_max: int = Field(
        default=1_024, ge=8, le=1_000_000, description="disk space of the spool, over all processes [MB]"
    )
    on_full: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="when the spool has that size, or its disk is full: refuse new requests (503), or drop entries "
        "and count them",
    )
    refused: bool = Field(default=False, description="whether requests that were refused have entries too")
    open_max: int = Field(
        default=1_024,
        ge=16,
        le=65_536,
        description="exchanges in flight, per process, whose entries outlive a process that is killed; 8 KiB each",
    )
    cloud_events: CloudEvents | None = Field(
        default=None, description="entries also as events for a metering system; default: no"
    )
    parquet: ParquetFiles | None = Field(default=None, description="entries also as Parquet files; default: no")
