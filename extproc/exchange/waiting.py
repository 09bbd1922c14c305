"""Tracks how long each channel of a stream has held text, for guards with a time limit on that."""

from __future__ import annotations

from extproc.domain.text import TextSource
from extproc.filters.chain import Channels


class Waiting:
    """The channels that hold text, longest wait first.

    A channel waits since the arrival of the oldest character that it still holds; if it holds no more than the last
    chunk brought, since that chunk.
    """

    __slots__ = ("_fed_chars", "_since_ns")

    def __init__(self) -> None:
        self._fed_chars: dict[TextSource, int] = {}  # characters of the current chunk
        self._since_ns: dict[TextSource, int] = {}

    def fed(self, source: TextSource, text: str) -> None:
        """A channel was fed."""
        self._fed_chars[source] = self._fed_chars.get(source, 0) + len(text)

    def overdue(self, now_ns: int, hold_ns_max: int, channels: Channels) -> list[TextSource]:
        """After a chunk was checked: the channels that still hold text which arrived ``hold_ns_max`` ago or earlier.

        Their wait restarts now. The cost is proportional to the channels fed and overdue.
        """
        since_ns = self._since_ns
        for source, chars in self._fed_chars.items():
            held_chars = channels.chain(source).held_chars()
            if not held_chars:
                since_ns.pop(source, None)
            elif source not in since_ns or held_chars <= chars:
                since_ns.pop(source, None)
                since_ns[source] = now_ns
        self._fed_chars.clear()
        found: list[TextSource] = []
        for source, since in since_ns.items():
            if now_ns - since < hold_ns_max:
                break
            found.append(source)
        for source in found:
            del since_ns[source]
            if channels.chain(source).held_chars():
                since_ns[source] = now_ns
        return [source for source in found if source in since_ns]
