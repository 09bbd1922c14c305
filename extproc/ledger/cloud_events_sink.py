"""Entries as CloudEvents, posted to a receiver in batches, one after the other.

What happens to a batch depends on the answer. 2xx: it is stored. 400, 413, 422: the receiver does not take what is in
it, so its halves are sent, down to the events at fault. They are set aside in a file, if the receiver takes another
event of the batch, or else the last one that it took before. A receiver that takes none is at fault itself: the batch
waits, and is sent again. So it is after any other answer, a redirect too.

A batch may be sent twice: after a crash between the answer and the note of it, or where an answer got lost. Its events
have the same source and ids then, by which receivers know them again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from extproc.config.ledger import CloudEvents
from extproc.ledger.cloud_event_shapes import events_of
from extproc.ledger.entry import LedgerEntry
from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.http_post import NotTaken, post, secret_of
from extproc.ledger.places import PlacesFile, SpoolPlace

NAME: Final = "cloud_events"
REFUSED: Final = f"{NAME}.refused.jsonl"
"""File in the spool of events that the receiver does not take."""
REFUSED_BYTES_MAX: Final = 16_000_000
REFUSED_IN_A_ROW_MAX: Final = 8
"""After so many of a batch it is asked whether the receiver takes any event."""
PAUSE_S_MAX: Final = 300.0
"""Longest `retry-after` that is heeded."""
_OF_CONTENT: Final = frozenset({400, 413, 422})
_HEADERS: Final = {"content-type": "application/cloudevents-batch+json", "user-agent": "llm-extproc"}

CloudEvent = dict[str, Any]


class CloudEventsSink:
    """An ``EntrySink``.

    Args:
        folder: base of relative paths of the configuration.
        root: the folder of the spool.
    """

    def __init__(self, terms: CloudEvents, folder: Path, root: Path) -> None:
        """Raises: SinkFailed."""
        self.entries_max = terms.batch_max
        self._terms = terms
        self._url_file = None if terms.url_file is None else folder / terms.url_file
        self._token_file = None if terms.token_file is None else folder / terms.token_file
        self._refused_file = root / REFUSED
        self._refused = 0
        self._noted = PlacesFile(root, NAME)
        self._taken_last: CloudEvent | None = self._noted.load().get("taken_last")

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a receiver has a spool."""
        return self._noted.place_of(spool)

    def add_of_spool(self, entries: list[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Send entries, and note it. Raises: SinkFailed."""
        events = [event for entry in entries for event in events_of(entry, self._terms)]
        if events:
            self._send(events)
        counted = replace(place, entries=place.entries + len(entries))
        places = self._noted.kept({**self._noted.places, place.spool: counted})
        self._noted.save(places, taken_last=self._taken_last)
        return counted

    def settle(self, now: bool) -> bool:
        """Each batch is noted when it was taken."""
        return True

    def take_refused(self) -> int:
        """How many events were set aside since the last call."""
        refused, self._refused = self._refused, 0
        return refused

    def close(self) -> None:
        """Nothing is open."""

    def _send(self, events: list[CloudEvent]) -> None:
        """Send a batch, in parts where some of it is refused."""
        works, refused, waiting = False, list[CloudEvent](), [events]
        while waiting:
            part = waiting.pop()
            reason = self._refusal_of(part)
            if not reason:
                works, self._taken_last = True, part[-1]
            elif len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
            else:
                refused += part
            if not works and (len(refused) == REFUSED_IN_A_ROW_MAX or not waiting):
                works = self._taken_last is not None and not self._refusal_of([self._taken_last])
                if not works:
                    raise SinkFailed(f"the receiver takes no event ({reason})")
        if refused:
            self._set_aside(refused)

    def _refusal_of(self, events: Sequence[CloudEvent]) -> str:
        """Post events. Returns: why their content is not taken; empty: they are. Raises: SinkFailed."""
        headers = dict(_HEADERS)
        if self._token_file is not None:
            headers["authorization"] = f"Bearer {_secret_of(self._token_file)}"
        url = self._terms.url if self._url_file is None else _secret_of(self._url_file)
        try:
            post(url or "", orjson.dumps(events), headers)
        except NotTaken as failed:
            if failed.status in _OF_CONTENT:
                return str(failed)
            raise SinkFailed(str(failed), min(failed.retry_after_s, PAUSE_S_MAX)) from None
        return ""

    def _set_aside(self, events: Sequence[CloudEvent]) -> None:
        """Keep what the receiver does not take; without room for it, nothing goes on."""
        lines = b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in events)
        try:
            opened = os.open(self._refused_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with open(opened, "ab") as file:
                if file.tell() + len(lines) > REFUSED_BYTES_MAX:
                    raise SinkFailed(f"{self._refused_file}: it is full. Move it away, and see why events are refused")
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SinkFailed.of(error, self._refused_file) from None
        self._refused += len(events)


def _secret_of(file: Path) -> str:
    try:
        return secret_of(file)
    except OSError as error:
        raise SinkFailed.of(error, file) from None
    except ValueError:
        raise SinkFailed(f"{file}: it holds what is no ASCII text") from None
