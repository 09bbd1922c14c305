"""Checks of `ledger`: where events are posted."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.document import Document
from extproc.config.problems import Places, Problem


def ledger_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of the ledger in an otherwise valid document."""
    events = None if document.ledger is None else document.ledger.cloud_events
    if events is None:
        return
    if events.url is None and events.url_file is None:
        found, hint = "nothing says where events are posted", "Add `url`, or `url_file`."
        yield places.problem(("ledger", "cloud_events"), found, hint=hint, at_key=True)
    if events.url is not None and events.url_file is not None:
        path = ("ledger", "cloud_events", "url_file")
        yield places.problem(path, "the URL is in `url` already", hint="Remove one of the two.", at_key=True)
