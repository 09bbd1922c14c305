"""Every kind of sink that entries are shipped to. A new one is a section of ``ledger`` with its name, a module with its
``EntrySink``, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from extproc.config.ledger import Ledger
from extproc.ledger.entry_sink import EntrySink

DATABASE: Final = "database"
"""The name of the sink that every ledger has."""


class SinkPace(NamedTuple):
    """How often a sink is shipped to.

    Attributes:
        pause_s: between looks at the spool.
        back_off_s: after one failure, after two in a row, and so on.
    """

    pause_s: float
    back_off_s: tuple[float, ...]


class SinkRow(NamedTuple):
    """One kind of sink.

    Attributes:
        opened: opens it, with its section, the folder of relative paths, and that of the spool; raises SinkFailed. What
            it needs is imported then.
    """

    opened: Callable[[Any, Path, Path], EntrySink]
    pace: SinkPace


def _parquet(*terms_and_folders: Any) -> EntrySink:
    from extproc.ledger.parquet_sink import ParquetSink

    return ParquetSink(*terms_and_folders)


def _cloud_events(*terms_and_folders: Any) -> EntrySink:
    from extproc.ledger.cloud_events_sink import CloudEventsSink

    return CloudEventsSink(*terms_and_folders)


DATABASE_PACE: Final = SinkPace(0.25, (0.25, 0.5, 1.0, 2.0, 5.0))
FURTHER: Final[Mapping[str, SinkRow]] = {
    "cloud_events": SinkRow(_cloud_events, SinkPace(1.0, (1.0, 5.0, 15.0, 60.0))),
    "parquet": SinkRow(_parquet, SinkPace(1.0, (1.0, 5.0, 15.0, 60.0))),
}
"""By the key of their section."""


def further_sinks(terms: Ledger) -> list[str]:
    """Those that a configuration has besides the database."""
    return [name for name in FURTHER if getattr(terms, name) is not None]
