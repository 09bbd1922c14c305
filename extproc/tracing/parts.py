"""What a process that serves has of OpenTelemetry. Nothing is imported without an ``otel`` section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.config.document import Document
from extproc.config.required_extras import require_extra

if TYPE_CHECKING:
    from extproc.tracing.sink import OtelSink


def open_otel(document: Document, file: Path, counts: Any, logger: Any) -> Sequence[OtelSink]:
    """The sink of a configuration, if it has one.

    Args:
        file: of the configuration; paths are relative to its folder.
        counts: ``Metrics``.
    Raises: ExtraMissing, OtelUnavailable.
    """
    if document.otel is None:
        return ()
    require_extra("otel")
    from extproc.tracing.sink import OtelSink

    return (OtelSink(document.otel, file.parent.resolve(), document.identity.label_values_max, counts, logger),)
