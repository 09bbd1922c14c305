"""The exit codes of all commands, in one place; the reference's table is made from here."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ExitCode(IntEnum):
    """How a command ended; ``meaning`` is its row in the reference."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """A code and its meaning."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = (0, "Done. Also when a signal ends `serve` after its drain, or `demo --serve` after its tour.")
    FAILED = (
        1,
        "The demo is not as expected, the Envoy of `check --against` does not know a part of the configuration,"
        " a version is not as locked (`check --locked`), `report --reconcile` leaves something unexplained,"
        " `try` or `explain` found that an exchange is refused or cut, a case of `test` or `prompts test` fails, the"
        " server of `prompts test` does not answer, `ledger verify` found a problem,"
        " what `calibrate` fitted cannot be used,"
        " a decision of `rollout explain` does not follow from its numbers, the processor of `status` is not"
        " ready, `doctor` found an error, the reader of the output is gone, or an internal error with a traceback.",
    )
    UNUSABLE = (2, "Wrong usage, bad configuration, unusable file or value, or missing package.")
    ADDRESS_TAKEN = (3, "`serve`, `run`: an address is in use, or cannot be bound.")
    WORKERS_FAILED = (4, "`serve`, `run`: no worker can start, or Envoy or the processor does not stay up.")
    STORE_FAILED = (
        5,
        "`review`, `ledger`, `report`, `budget`, `allocate`, `savings`, `calibrate`, `drift`, `rollout`: the store"
        " fails.",
    )
    HUNG_UP = (129, "Ended by SIGHUP: the terminal is gone.")
    INTERRUPTED = (130, "Ended by SIGINT (Ctrl-C) before it was done.")
    TERMINATED = (143, "Ended by SIGTERM before it was done.")
