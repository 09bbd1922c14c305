"""How long a channel has held text: since its oldest character came, and again since it was told."""

from __future__ import annotations

from extproc.domain.text import Kind, TextSource
from extproc.exchange.waiting import Waiting
from extproc.filters.chain import Channels
from extproc.payload.view import response_source
from tests.unit.filters.fakes import FakeFilter, exchange_of

ONE, OTHER = response_source(Kind.CONTENT, 0), response_source(Kind.CONTENT, 1)
MAX_NS = 100


class Stream:
    """Channels whose filter holds the last characters."""

    def __init__(self, holds: int) -> None:
        holding = FakeFilter("fake", holds=holds)
        holding.hold_ns_max = MAX_NS
        self.channels = Channels([holding], exchange_of(), 8)
        self.waiting = Waiting()

    def says(self, now_ns: int, *texts: tuple[TextSource, str]) -> list[TextSource]:
        """One chunk. Returns: the channels that are overdue behind it."""
        for source, text in texts:
            self.channels.chain(source).feed(text)
            self.waiting.fed(source, text)
        return self.waiting.overdue(now_ns, MAX_NS, self.channels)


def test_a_text_waits_from_when_it_came() -> None:
    """Chunks that bring nothing for it let it wait on."""
    stream = Stream(holds=4)
    assert stream.says(0, (ONE, "abc")) == []
    assert stream.says(MAX_NS - 1, (OTHER, "abc")) == []
    assert stream.says(MAX_NS) == [ONE]
    assert stream.says(2 * MAX_NS - 1) == [OTHER]


def test_a_wait_that_was_told_begins_again() -> None:
    """The channel still holds its text: nobody made it give up."""
    stream = Stream(holds=4)
    stream.says(0, (ONE, "abc"))
    assert stream.says(MAX_NS) == [ONE]
    assert stream.says(2 * MAX_NS - 1) == []
    assert stream.says(2 * MAX_NS) == [ONE]


def test_a_channel_that_holds_only_what_just_came_waits_since_then() -> None:
    """What it held before has gone out."""
    stream = Stream(holds=2)
    stream.says(0, (ONE, "ab"))
    stream.says(MAX_NS // 2, (ONE, "cdef"))
    assert stream.says(MAX_NS) == []
    assert stream.says(MAX_NS + MAX_NS // 2) == [ONE]


def test_a_channel_that_holds_nothing_does_not_wait() -> None:
    """However long it says nothing."""
    stream = Stream(holds=0)
    stream.says(0, (ONE, "abc"))
    assert stream.says(10 * MAX_NS) == []


def test_the_longest_wait_is_told_first() -> None:
    """Channels that are due together come in the order of their texts."""
    stream = Stream(holds=4)
    stream.says(0, (OTHER, "abc"))
    stream.says(1, (ONE, "abc"))
    assert stream.says(2 * MAX_NS) == [OTHER, ONE]
