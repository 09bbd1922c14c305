"""What the shipper needs of a place where entries go: the database, Parquet files, a receiver of CloudEvents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from extproc.ledger.entry import LedgerEntry

if TYPE_CHECKING:
    from extproc.ledger.places import SpoolPlace


class SinkFailed(Exception):
    """A sink could not take or keep entries. The message holds no secret and no text of a user.

    Attributes: pause_s: how long it asks to be left alone; 0: it does not say.
    """

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s

    @classmethod
    def of(cls, error: OSError, path: Path) -> Self:
        """That of the operating system, with the file."""
        return cls(f"{path}: {(error.strerror or 'input or output error').lower()}")


class EntrySink(Protocol):
    """Takes the entries of all spools, in order, and knows up to where it has them: also after any crash.

    The first three methods raise SinkFailed or StoreFailed. After that the sink is closed and opened again, and what
    is not stored comes again.
    """

    entries_max: int
    """How many it takes at a time."""

    def place_of(self, spool: str) -> SpoolPlace:
        """Up to where a spool is stored."""
        ...

    def add_of_spool(self, entries: list[LedgerEntry], place: SpoolPlace) -> SpoolPlace:
        """Take entries of a spool, and the place behind them. Returns: the place, with new counts."""
        ...

    def settle(self, now: bool) -> bool:
        """Store what was taken, if it is time. Returns: whether all of it is stored: places too.

        Args: now: do not wait for more.
        """
        ...

    def take_refused(self) -> int:
        """How many entries or parts of them it has set aside since the last call, as nobody takes them."""
        ...

    def close(self) -> None:
        """What is not stored is forgotten."""
        ...
