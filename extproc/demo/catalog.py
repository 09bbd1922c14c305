"""Recorded responses of a real vLLM server, and how they are split into writes.

A recording consists of three files: NAME.request.http and NAME.response.http, the bytes of one exchange, and
NAME.timing.json, pairs ``[n, t]``: n bytes of the response had arrived t seconds after the request. They are a package
of their own, ``packages/demo``, which documents their origin. The response is replayed byte for byte, including chunked
framing; only cuts and pace vary.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Cut = Literal["recorded", "event"] | int
"""Where a response is cut: as recorded, after each SSE event, or after every N bytes (N > 0)."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes to write at once, `due_s` seconds after the start of the response; `events` is the total number of events
    sent then.
    """

    data: bytes
    due_s: float
    events: int


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded exchange.

    `timing` holds (response bytes, seconds) pairs; `chunk_ends` the offset after each non-empty HTTP chunk, which
    is one SSE event (none in an unstreamed response); `closes` means that the server closed the connection at the
    end.
    """

    name: str
    request: bytes
    response: bytes
    timing: tuple[tuple[int, float], ...]
    head_bytes: int
    chunk_ends: tuple[int, ...]
    closes: bool

    @classmethod
    def read(cls, folder: Path, name: str) -> Recording:
        """Read one recording. Raises `ValueError` if the files disagree, `OSError` if one is missing."""
        request = (folder / f"{name}.request.http").read_bytes()
        response = (folder / f"{name}.response.http").read_bytes()
        timing = tuple((int(n), float(t)) for n, t in json.loads((folder / f"{name}.timing.json").read_text()))
        if not timing or timing[-1][0] != len(response) or list(timing) != sorted(timing):
            raise ValueError(
                f"recording {name} in {folder}: the timing must rise to the {len(response)} bytes of the response"
            )
        head_bytes = response.index(b"\r\n\r\n") + 4
        chunk_ends, closes = _framing(response, head_bytes)
        return cls(name, request, response, timing, head_bytes, chunk_ends, closes)

    def writes(self, cut: Cut, speed: float) -> Iterator[Write]:
        """The response in pieces, due at the recorded times divided by `speed` (0: all at once)."""
        begin = 0
        arrivals = [n for n, _ in self.timing]
        for end in self._cuts(cut):
            due_s = self.timing[bisect_left(arrivals, end)][1] / speed if speed else 0.0
            yield Write(self.response[begin:end], due_s, bisect_right(self.chunk_ends, end))
            begin = end

    def _cuts(self, cut: Cut) -> list[int]:
        if cut == "recorded":
            return [n for n, _ in self.timing]
        if cut == "event":
            return sorted({self.head_bytes, *self.chunk_ends, len(self.response)})
        return [*range(cut, len(self.response), cut), len(self.response)]


def _framing(response: bytes, head_bytes: int) -> tuple[tuple[int, ...], bool]:
    """The end of each non-empty chunk, and whether the connection closes after the response."""
    head = response[:head_bytes].lower()
    closes = b"\r\nconnection: close\r\n" in head
    if b"\r\ntransfer-encoding: chunked\r\n" not in head:
        return (), closes
    ends: list[int] = []
    at = head_bytes
    while (line_end := response.find(b"\r\n", at)) >= 0:
        size = int(response[at:line_end].split(b";")[0], 16)
        at = line_end + 2 + size + 2
        if size == 0:
            return tuple(ends), closes
        ends.append(at)
    return tuple(ends), True


class Catalog:
    """The recordings of one folder, by name."""

    def __init__(self, recordings: Mapping[str, Recording]) -> None:
        self._recordings = dict(recordings)

    @classmethod
    def read(cls, folder: Path) -> Catalog:
        """Read every recording of `folder`. Raises `ValueError` for one whose files disagree."""
        names = sorted(file.name.removesuffix(".timing.json") for file in folder.glob("*.timing.json"))
        return cls({name: Recording.read(folder, name) for name in names})

    @property
    def names(self) -> frozenset[str]:
        """The name of every recording."""
        return frozenset(self._recordings)

    def __getitem__(self, name: str) -> Recording:
        """The recording named `name`. Raises `KeyError` with the known names."""
        try:
            return self._recordings[name]
        except KeyError:
            raise KeyError(f"no recording is called {name!r}; there are: {', '.join(sorted(self.names))}") from None


@cache
def shipped() -> Catalog:
    """The recordings of the demo, read once. Raises: ModuleNotFoundError if they are not installed."""
    import extproc_demo

    return Catalog.read(Path(extproc_demo.__file__).with_name("recordings"))
