"""The slots of open exchanges, and what of them is there after a process was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.ledger.open_exchanges import TEXT_BYTES_MAX, LeftOver, OpenExchanges, left_behind
from extproc.ledger.segments import FieldNames

NAMES = FieldNames(7, ("a",), ("b", "c"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where they are."""
    return tmp_path / "open"


def test_a_slot_holds_the_begin_and_then_the_end(file: Path) -> None:
    """Until it is freed; without a flush, as another process sees it."""
    slots = OpenExchanges(file, 16)
    first, second = slots.begin(b'["first"]'), slots.begin(b'["second"]')
    assert first is not None
    assert second is not None
    assert left_behind(file).slots == [LeftOver(b'["first"]', b""), LeftOver(b'["second"]', b"")]
    slots.end(second, b"[2]")
    assert left_behind(file).slots[1] == LeftOver(b'["second"]', b"[2]")
    slots.free(first)
    assert left_behind(file).slots == [LeftOver(b'["second"]', b"[2]")]
    slots.free(second)
    assert left_behind(file).slots == []


def test_a_freed_slot_shows_nothing_of_before(file: Path) -> None:
    """Also if the next text in it is shorter."""
    slots = OpenExchanges(file, 16)
    place = slots.begin(b'["a long beginning"]')
    assert place is not None
    slots.end(place, b'["a long end"]')
    slots.free(place)
    assert slots.begin(b"[1]") == place
    assert left_behind(file).slots == [LeftOver(b"[1]", b"")]


def test_a_slot_says_whether_its_exchange_waits(file: Path) -> None:
    """The next one in it does not, and its neighbors do not."""
    slots = OpenExchanges(file, 2)
    first, second = slots.begin(b"[1]"), slots.begin(b"[2]")
    assert first is not None
    assert second is not None
    slots.note_waiting(first)
    assert [slot.waits for slot in left_behind(file).slots] == [True, False]
    slots.free(first)
    assert slots.begin(b"x" * TEXT_BYTES_MAX) == first
    assert [slot.waits for slot in left_behind(file).slots] == [False, False]


def test_there_are_only_so_many(file: Path) -> None:
    """The next ones have none, until one is freed."""
    slots = OpenExchanges(file, 3)
    places = [slots.begin(b"[1]") for _ in range(3)]
    assert None not in places
    assert slots.begin(b"[1]") is None
    assert slots.free_slots == 0
    assert places[1] is not None
    slots.free(places[1])
    assert slots.begin(b"[1]") == places[1]


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_text_that_is_too_long_is_left_out(file: Path, more: int, fits: bool) -> None:
    """It takes no slot; an end leaves the slot as it was."""
    slots = OpenExchanges(file, 1)
    text = b"x" * (TEXT_BYTES_MAX + more)
    place = slots.begin(text)
    assert (place is not None) is fits
    if place is None:
        place = slots.begin(b"[1]")
        assert place is not None
    slots.end(place, text)
    assert len(left_behind(file).slots[0].end) == (len(text) if fits else 0)


def test_the_file_says_who_wrote_it_and_when_it_was_alive(file: Path) -> None:
    """For whoever reads it later, maybe a newer release."""
    slots = OpenExchanges(file, 1, NAMES)
    slots.alive(123_456_789)
    left = left_behind(file)
    assert (left.alive_wall_ns, left.fields) == (123_456_789, NAMES)
    slots.close()


@pytest.mark.parametrize("content", [b"", b"\0" * 9_000, b"something else"])
def test_a_file_that_was_not_finished_is_empty(file: Path, content: bytes) -> None:
    """The process was killed while it made it."""
    file.write_bytes(content)
    assert left_behind(file).slots == []


def test_a_file_is_never_taken_over(file: Path) -> None:
    """It may hold what another process left."""
    OpenExchanges(file, 1).close()
    with pytest.raises(FileExistsError):
        OpenExchanges(file, 1)


def test_each_slot_has_its_blocks_before_it_is_used(tmp_path: Path) -> None:
    """On a disk that is full by then, the kernel would end the process (SIGBUS) at the copy into a slot."""
    file = tmp_path / "open"
    OpenExchanges(file, 100).close()
    assert file.stat().st_blocks * 512 >= file.stat().st_size >= 100 * 2 * TEXT_BYTES_MAX
