"""Up to where each sink has the spools, and the file in which a sink without transactions notes it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import orjson

from extproc.ledger.entry_sink import SinkFailed
from extproc.ledger.segments import first_sequence_of, records_in, segment_file, segments_of

PLACES_FORMAT: Final = 1
_SUFFIX: Final = ".places"


@dataclass(frozen=True, slots=True)
class SpoolPlace:
    """Up to where the spool of one process is stored.

    Attributes:
        segment, at_byte: what is read next.
        sequence: of the last record that was read.
        entries: that were added; ``repeated``: that were there already; ``damaged``: that could not be read.
        skipped: that were gone before a sink was configured; a database counts them as damaged.
    """

    spool: str
    segment: int = 0
    at_byte: int = 0
    sequence: int = 0
    entries: int = 0
    repeated: int = 0
    damaged: int = 0
    skipped: int = 0


class PlacesFile:
    """The places of one sink, in the folder of the spool; replaced whole, so it is never half written.

    Args: root: the folder of the spool.
    Raises: SinkFailed, in ``load`` and ``save``.
    """

    def __init__(self, root: Path, sink: str) -> None:
        self._root = root
        self._file = root / f"{sink}{_SUFFIX}"
        self.places: dict[str, SpoolPlace] = {}

    def load(self) -> dict[str, Any]:
        """Read the places. Returns: what else was saved; nothing of a file that is not there."""
        try:
            saved: dict[str, Any] = orjson.loads(self._file.read_bytes())
            if saved.pop("format") > PLACES_FORMAT:
                raise SinkFailed(f"{self._file}: a newer release wrote it")
            self.places = {one["spool"]: SpoolPlace(**one) for one in saved.pop("places")}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SinkFailed.of(error, self._file) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            hint = "If it is moved away, what the spool holds is shipped again"
            raise SinkFailed(f"{self._file}: it cannot be read. {hint}") from None
        return saved

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is noted; of one that is not known, where its oldest segment begins."""
        return self.places.get(spool) or _beginning_of(self._root / spool)

    def kept(self, places: Mapping[str, SpoolPlace]) -> dict[str, SpoolPlace]:
        """Those whose folders are there."""
        return {spool: place for spool, place in places.items() if (self._root / spool).exists()}

    def save(self, places: dict[str, SpoolPlace], **more: Any) -> None:
        """Note places, and what else a sink must know; they last from then on."""
        saved = {"format": PLACES_FORMAT, "places": [asdict(place) for place in places.values()], **more}
        new = self._file.with_suffix(".new")
        try:
            with new.open("wb") as stream:
                stream.write(orjson.dumps(saved))
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self._file)
            sync_folder(self._root)
        except OSError as error:
            raise SinkFailed.of(error, self._file) from None
        self.places = places


def sync_folder(folder: Path) -> None:
    """Wait until names of files in a folder are on the disk. Raises: OSError."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def table_values(place: SpoolPlace) -> dict[str, Any]:
    """What the table of a database has of a place."""
    return {one.name: getattr(place, one.name) for one in fields(SpoolPlace) if one.name != "skipped"}


def _beginning_of(folder: Path) -> SpoolPlace:
    with contextlib.suppress(FileNotFoundError, KeyError, TypeError, ValueError):
        for number in segments_of(folder)[:1]:
            for record in records_in(segment_file(folder, number).read_bytes()):
                before = (record.sequence or first_sequence_of(record)) - 1
                return SpoolPlace(folder.name, number, 0, before, skipped=before)
    return SpoolPlace(folder.name)
