"""A journal is whole, or it is told where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.rollout.journal import JournalBroken, JournalEntry, appended, broken_at
from tests.thorough import examples


def journal(count: int, rollout: str = "r1") -> list[JournalEntry]:
    """Entries, a second apart."""
    entries: list[JournalEntry] = []
    for number in range(count):
        before = entries[-1] if entries else None
        entries.append(appended(before, rollout, number * 1_000_000, {"kind": "looked", "by": "extproc", "n": number}))
    return entries


def test_an_entry_after_the_other() -> None:
    """Numbers begin at 1, and the content is what was given, with the time and the rollout."""
    entries = journal(3)
    assert [one.number for one in entries] == [1, 2, 3]
    assert entries[2].values["n"] == 2
    assert entries[2].values["at_us"] == 2_000_000
    assert broken_at("r1", entries) is None


@settings(max_examples=examples(60))
@given(st.integers(1, 6), st.data())
def test_any_byte_that_is_changed_is_noticed(count: int, data: st.DataObject) -> None:
    """In a content or in a hash, in any entry; what stands before it is whole."""
    entries = journal(count)
    place = data.draw(st.integers(0, count - 1))
    name = data.draw(st.sampled_from(("content", "hash")))
    text = getattr(entries[place], name)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from('0123456789abcdef{}":, x').filter(lambda one: one != text[at]))
    entries[place] = entries[place]._replace(**{name: text[:at] + other + text[at + 1 :]})
    broken = broken_at("r1", entries)
    assert broken is not None
    assert broken.number == place + 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda entries: entries[1:], JournalBroken(1, "entry 1 is missing")),
        (lambda entries: [*entries[:1], *entries[2:]], JournalBroken(2, "entry 2 is missing")),
        (
            lambda entries: [*entries[:2], entries[2]._replace(at_us=5)],
            JournalBroken(3, "entry 3 has another number or time than was written"),
        ),
        (
            lambda entries: [entries[0], *journal(3, "r2")[1:]],
            JournalBroken(2, "entry 2 is not what was written, or the one before it is not"),
        ),
        (lambda _: journal(1, "r2"), JournalBroken(1, "entry 1 is of another rollout")),
    ],
)
def test_what_is_missing_or_of_another_journal(
    change: Callable[[list[JournalEntry]], list[JournalEntry]], told: JournalBroken
) -> None:
    """It says which entry, and what is wrong with it."""
    assert broken_at("r1", change(journal(3))) == told


def test_a_torn_end_is_a_shorter_journal() -> None:
    """The hashes of what is there fit; who kept the last hash elsewhere sees that it is another one."""
    whole = journal(3)
    assert broken_at("r1", whole[:2]) is None
    assert whole[1].hash != whole[2].hash


def test_an_entry_of_another_release() -> None:
    """Its hash fits, and its format does not."""
    entry = appended(None, "r1", 0, {"kind": "looked"})
    other = entry.content.replace('"format":1', '"format":9')
    rehashed = appended(None, "r1", 0, {"kind": "looked", "format": 9})
    assert rehashed.content == other
    broken = broken_at("r1", [rehashed])
    assert broken == JournalBroken(1, "entry 1: the content of an entry is of another release, or damaged")
