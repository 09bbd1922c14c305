"""Many streams at once through a subject, open until the block ends: the counterpart of ``go/streams``."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.loads import request
from tests.bench.subjects import CHAT, KEY, Subject

PRIVATE = "bob@example.com"  # what a held stream of `go/upstream` says, and a guard masks
HOLD_AFTER = 8  # events; the last word that a guard holds back is then well behind the private one
ENDLESS = 1_000_000  # events; their clients leave long before
_REPORT_S_MAX = 30.0
_LEAVE_S_MAX = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clients saw: streams since their start; events, seconds and delays since the last report."""

    begun: int
    ended: int
    failed: int
    failure: str
    shown: int  # streams in which the forbidden text came through
    events: int
    seconds: float
    p50_ms: float  # delay of an event, from the model server to the client
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Kind:
    """Streams that are alike.

    Args:
        together: streams of one connection; more than 1: over HTTP/2.
        begins_with: events after which a stream counts as begun.
        slow_bytes: that a client reads a second; 0: as they come.
    """

    name: str
    body: bytes
    together: int = 1
    begins_with: int = 1
    slow_bytes: int = 0


def held() -> Kind:
    """Streams that say something private and then nothing more."""
    body = request(1_024, max_tokens=ENDLESS, stream=True, seed=1_000, hold_after=HOLD_AFTER)
    return Kind("held", body, together=100, begins_with=HOLD_AFTER)


def paced(events_per_s: float, gate: int = 0) -> Kind:
    """Endless streams of so many events a second each, on a connection each.

    Args:
        gate: number of a gate, used once; after their first event all wait for ``open_gate``. 0: they do not wait.
    """
    body = request(1_024, max_tokens=ENDLESS, stream=True, seed=round(1e6 / events_per_s), gate=gate, stamped=True)
    return Kind(f"paced_{events_per_s:g}", body)


def open_gate(upstream: str, gate: int) -> None:
    """Let the streams go on that wait for it. Raises: OSError."""
    opening = urllib.request.Request(f"http://{upstream}/gates/{gate}", method="POST")
    with urllib.request.urlopen(opening, timeout=_REPORT_S_MAX):
        pass


def burst(events: int, slow_bytes: int) -> Kind:
    """Streams that the model server writes as fast as it can, to clients that read ``slow_bytes`` a second."""
    return Kind(f"burst_{events}", request(1_024, max_tokens=events, stream=True, seed=0), slow_bytes=slow_bytes)


class Clients:
    """The running clients of one kind of streams. ``begun``: what they saw until every stream had begun or failed."""

    def __init__(self, process: subprocess.Popen[str], title: str, begin_s_max: float) -> None:
        self._process = process
        self._title = title
        self.begun = self._line(begin_s_max)

    def report(self) -> Seen:
        """What came since the last report. Raises: RuntimeError, when the clients are gone or do not answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise RuntimeError(f"the clients of {self._title} have ended") from error
        return self._line(_REPORT_S_MAX)

    def _line(self, s_max: float) -> Seen:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], s_max)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            what = "ended" if ready else f"did not have all streams within {s_max:g} s"
            raise RuntimeError(f"the clients of {self._title} {what}")
        return Seen(**json.loads(line))


@contextlib.contextmanager
def streams(
    program: Path, subject: Subject, kind: Kind, count: int, folder: Path, *, opening: int = 32, begin_s_max: float = 60
) -> Iterator[Clients]:
    """Open ``count`` streams through a subject and keep them; at the end of the block all clients leave.

    Args:
        program: the built ``go/streams``.
        opening: streams that are being opened at a time.
        begin_s_max: how long until all have begun or failed [s].

    Raises: RuntimeError, when they have not, or none has begun.
    """
    body = folder / f"{kind.name}.request"
    body.write_bytes(kind.body)
    options = {
        "url": subject.base_url + CHAT,
        "key": KEY,
        "body": body,
        "forbidden": PRIVATE,
        "begins_with": kind.begins_with,
    }
    options |= {"slow_bytes": kind.slow_bytes, "streams": count, "together": kind.together, "opening": opening}
    command = [str(program), *(f"-{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        clients = Clients(process, f"{subject.title}, {kind.name}", begin_s_max)
        if not clients.begun.begun:
            raise RuntimeError(f"{subject.title}: no stream began: {clients.begun.failure}")
        yield clients
    finally:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(_LEAVE_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
