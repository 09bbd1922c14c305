"""What a store of rate limits has admitted, read from its MONITOR: each call of the scripts, by the store's own time.

The clients' clock does not do: a request that is asked before the end of a minute may be admitted after it.
"""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from redis import Redis

from extproc.rate_limits.scripts import RESERVE, SETTLE
from tests.tools.valkey import Valkey

_ASKED, _SETTLED = 7, 5
"""Arguments of each limit in a call of RESERVE and SETTLE."""
_SHAS: Final = {hashlib.sha1(script.encode()).hexdigest(): script for script in (RESERVE, SETTLE)}
_END: Final = b"the watch ends"
_ARGUMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Admission:
    """An amount that was admitted of a key.

    Attributes:
        at_us: when, by the store's clock. [µs]
        reserved: at first.
        used: after it was settled.
    """

    __slots__ = ("at_us", "reserved", "used")

    def __init__(self, at_us: int, amount: int) -> None:
        self.at_us = at_us
        self.reserved = amount
        self.used = amount


class _Key:
    """What is known of a key: its admissions, and by their marks those that may be settled."""

    def __init__(self) -> None:
        self.admissions: list[Admission] = []
        self.by_mark: dict[str, Admission] = {}

    def admit(self, at_us: int, amount: int, mark: str) -> None:
        found = self.by_mark[mark] = Admission(at_us, amount)
        self.admissions.append(found)

    def settle(self, at_us: int, change: int, mark: str) -> None:
        found = self.by_mark.get(mark)
        if found is not None:
            found.used += change
        elif change > 0:  # decided without the store, which has reserved nothing
            told = Admission(at_us, 0)
            told.used = change
            self.admissions.append(told)


def admissions_in(lines: Iterable[str]) -> dict[str, list[Admission]]:
    """By key, in the order of the store's time."""
    keys: defaultdict[str, _Key] = defaultdict(_Key)
    script, given = "", list[str]()
    for line in lines:
        match _ARGUMENT.findall(line):
            case ["EVALSHA", sha, *given]:
                script = _SHAS.get(sha, "")
            case ["SET", key, text, *_] if " lua] " in line and script:
                _, at_us, total, born = text.split()[:4]
                _take(keys[key], key, script, given, int(at_us), f"{total} {born}")
    return {key: found.admissions for key, found in keys.items()}


def _take(found: _Key, key: str, script: str, given: Sequence[str], at_us: int, mark: str) -> None:
    """A key was written. Args: given: to the script. mark: of a claim that was reserved now."""
    count = int(given[0])
    number = given.index(key) - 1
    if script == RESERVE:
        found.admit(at_us, int(given[1 + count + 2 + number * _ASKED]), mark)
        return
    own = given[1 + count + number * _SETTLED :]
    found.settle(at_us, int(own[0]), own[_SETTLED - 1])


def most_in(window_us: int, admissions: Sequence[Admission]) -> int:
    """The most that was used of what one window admitted, wherever it begins. Args: window_us: its length. [µs]"""
    most = within = first = 0
    for one in admissions:
        within += one.used
        while one.at_us - admissions[first].at_us > window_us:
            within -= admissions[first].used
            first += 1
        most = max(most, within)
    return most


def used_between(admissions: Sequence[Admission], from_us: int, to_us: int) -> int:
    """What was used of what a time admitted."""
    return sum(one.used for one in admissions if from_us <= one.at_us < to_us)


def beyond_reservations(admissions: Sequence[Admission]) -> int:
    """What was used beyond what was reserved: nobody knew of it when further requests were admitted."""
    return sum(max(one.used - one.reserved, 0) for one in admissions)


class StoreMonitor:
    """Writes what the store does into a file. ``admissions`` may be read at the end."""

    def __init__(self, store: Valkey, file: Path) -> None:
        self._file = file
        self._clock = Redis.from_url(store.url)
        self._connection = socket.create_connection(("127.0.0.1", store.port))
        self._connection.sendall(b"MONITOR\r\n")
        if not self._connection.recv(64).startswith(b"+OK"):
            raise AssertionError("the store refuses MONITOR")
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    @property
    def now_us(self) -> int:
        """The store's time. [µs]"""
        seconds, rest_us = self._clock.time()
        return int(seconds) * 1_000_000 + int(rest_us)

    def end(self) -> None:
        """Write what has come so far, and stop."""
        self._clock.echo(_END)
        self._thread.join()
        self._clock.close()
        self._connection.close()

    def admissions(self) -> dict[str, list[Admission]]:
        """By key."""
        with self._file.open(encoding="latin-1") as lines:
            return admissions_in(lines)

    def _write(self) -> None:
        with self._file.open("wb") as file, self._connection.makefile("rb") as lines:
            for line in lines:
                file.write(line)
                if _END in line:
                    return


@contextmanager
def monitored(store: Valkey, file: Path) -> Iterator[StoreMonitor]:
    """While it is watched."""
    monitor = StoreMonitor(store, file)
    try:
        yield monitor
    finally:
        monitor.end()
