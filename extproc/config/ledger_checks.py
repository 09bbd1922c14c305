"""Checks of `ledger`: where events are posted."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from extproc.config.document import Document
from extproc.config.ledger import CloudEvents
from extproc.config.problems import KeyPath, Places, Problem, Severity

_AT: KeyPath = ("ledger", "cloud_events")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ledger_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of the ledger in an otherwise valid document."""
    events = None if document.ledger is None else document.ledger.cloud_events
    if events is None:
        return
    if events.url is None and events.url_file is None:
        found, hint = "nothing says where events are posted", "Add `url`, or `url_file`."
        yield places.problem(_AT, found, hint=hint, at_key=True)
    if events.url is not None and events.url_file is not None:
        found, hint = "the URL is in `url` already", "Remove one of the two."
        yield places.problem((*_AT, "url_file"), found, hint=hint, at_key=True)
    if events.url is not None:
        yield from _url_problems(events, events.url, places)


def _url_problems(events: CloudEvents, url: str, places: Places) -> Iterator[Problem]:
    at = (*_AT, "url")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host:
        yield places.problem(
            at, f"found {places.quoted(at, url)}", expected="a URL with a host, and a port that exists"
        )
    elif events.token_file is not None and parts.scheme == "http" and host not in _LOOPBACK:
        found, hint = "the token goes there unencrypted", "Write `https://`, if the receiver has it."
        yield places.problem(at, found, hint=hint, severity=Severity.WARNING)
