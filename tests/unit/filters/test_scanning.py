"""A stage that replaces or rejects what a scan finds, and says what it found in which text."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.scanned import Scanned
from extproc.domain.finding import Finding
from extproc.filters.scanning import ScanStage
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import Heard

WORD = "abc"
TEXTS = st.lists(st.sampled_from(["abc", "ab", "a", "c", " "]), max_size=12).map("".join)


class Place(NamedTuple):
    """Where the word is."""

    start: int
    end: int

    def moved(self, chars: int) -> Place:
        """In a longer text."""
        return Place(self.start + chars, self.end + chars)


class WordScan:
    """Finds one word."""

    def __init__(self, undecided: str = "") -> None:
        self.undecided = undecided

    def push(self, text: str, *, closing: bool = False) -> Scanned[Place]:
        """The words in what is undecided and the piece; a last part of the word stays undecided."""
        joined, found, position = self.undecided + text, [], 0
        while (start := joined.find(WORD, position)) >= 0:
            position = start + len(WORD)
            found.append(Place(start, position))
        rest = 0 if closing else max(chars for chars in range(len(WORD)) if joined[position:].endswith(WORD[:chars]))
        settled = len(joined) - rest
        self.undecided = joined[settled:]
        return Scanned(joined, found, settled)

    def copy(self) -> WordScan:
        """Another in the same state."""
        return WordScan(self.undecided)


def finding_of(place: Place) -> Finding:
    """As it is reported."""
    return Finding("WORD", place.start, place.end, 1.0, "test.word")


def played(pieces: list[str], mask: str | None) -> tuple[str, int, bool]:
    """What is released, how many findings are told, and whether the text was rejected."""
    told: list[Finding] = []
    stage = ScanStage(WordScan(), mask, finding_of, Heard(told.append))
    released = ""
    for piece in pieces:
        released += stage.feed(piece)
        if stage.rejected:
            return released, len(told), True
    released += stage.close()
    return released, len(told), stage.rejected


@given(cut(TEXTS))
def test_each_finding_is_replaced_and_told_once(pieces: list[str]) -> None:
    """However the text is cut."""
    text = "".join(pieces)
    assert played(pieces, "***") == (text.replace(WORD, "***"), text.count(WORD), False)


@given(cut(TEXTS))
def test_without_a_mask_the_first_finding_ends_the_text(pieces: list[str]) -> None:
    """What stands before it is released, and it is the only one that is told."""
    text = "".join(pieces)
    before, found, _ = text.partition(WORD)
    assert played(pieces, None) == (before, int(bool(found)), bool(found))


def test_a_fork_tells_nobody_and_goes_its_own_way() -> None:
    """It only finds out what would become of a text."""
    told: list[Finding] = []
    stage = ScanStage(WordScan(), "***", finding_of, Heard(told.append))
    stage.feed("xab")
    fork = stage.fork()
    assert fork.feed("c") == "***"
    assert told == []
    assert stage.held() == "ab"
    assert stage.close() == "ab"
