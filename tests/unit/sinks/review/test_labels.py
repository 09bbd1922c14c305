"""Labels of several findings at once, of several people, and from files; on both kinds of stores."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from extproc.sinks.review.entries import FindingQuery, ImportCounts, ImportedLabel, Label, ReviewLabel
from extproc.sinks.review.imports import OtherFinding
from extproc.sinks.review.labels import NoSuchFinding
from extproc.sinks.review.store import Store
from tests.unit.sinks.review.samples import confirm, entry, reject

ANY = FindingQuery()


def filled(store: Store, count: int = 3) -> list[int]:
    """The numbers of findings that wait."""
    store.add([entry(exchange=f"x-{number}") for number in range(count)])
    return store.numbers(ANY)


def verdicts(store: Store) -> list[ReviewLabel | None]:
    """In the order of the numbers."""
    return [stored.verdict for stored, _ in store.find_all(ANY)]


# --- several -------------------------------------------------------------------------------------------------------


def test_several_are_labeled_at_once(store: Store) -> None:
    """More than fit into one statement, with different labels."""
    numbers = filled(store, 1_203)
    labels = {number: confirm() if number % 2 else reject() for number in numbers}
    store.label_all(labels)
    assert verdicts(store) == [labels[number].verdict for number in numbers]
    assert store.get(numbers[700])[1] == [labels[numbers[700]]]


def test_all_or_none(store: Store) -> None:
    """Every number that is not there is told, and nothing is stored."""
    first, *_ = filled(store)
    with pytest.raises(NoSuchFinding) as refused:
        store.label_all({first: confirm(), 98: confirm(), 97: reject()})
    assert refused.value.numbers == (97, 98)
    assert verdicts(store) == [None] * 3
    assert store.get(first)[1] == []


def test_nothing_to_label_is_fine(store: Store) -> None:
    """And changes nothing."""
    store.label_all({})
    assert verdicts(store) == []


# --- several people ------------------------------------------------------------------------------------------------


def test_a_waiting_finding_gets_the_first_label_only(store: Store) -> None:
    """The second person is told of the first."""
    first, *_ = filled(store)
    assert store.label_waiting(first, confirm(by="ann")) is None
    assert store.label_waiting(first, reject(by="bob")) == confirm(by="ann")
    assert store.get(first)[1] == [confirm(by="ann")]
    with pytest.raises(NoSuchFinding):
        store.label_waiting(99, confirm())


def test_of_many_people_one_is_first(url: str) -> None:
    """Whoever asks at the same time."""
    people = [Store(url, Path("/")) for _ in range(6)]
    (number,) = filled(people[0], 1)
    told: list[Label | None] = []
    threads = [
        threading.Thread(target=lambda who=who: told.append(people[who].label_waiting(number, confirm(by=f"p{who}"))))
        for who in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (label,) = people[0].get(number)[1]
    assert told.count(None) == 1
    assert [one for one in told if one is not None] == [label] * 5
    for store in people:
        store.close()


def test_a_label_is_taken_back(store: Store) -> None:
    """What was said before counts again."""
    first, *_ = filled(store)
    store.label(first, reject(by="ann"))
    store.label(first, confirm(by="bob"))
    assert store.take_back(first, confirm(by="bob")) is None
    assert (verdicts(store)[0], store.get(first)[1]) == (ReviewLabel.REJECT, [reject(by="ann")])
    assert store.take_back(first, reject(by="ann")) is None
    assert (verdicts(store)[0], store.get(first)[1]) == (None, [])


def test_a_label_of_another_stays(store: Store) -> None:
    """Only the last one can be taken back, by who gave it."""
    first, *_ = filled(store)
    store.label(first, confirm(by="ann"))
    store.label(first, reject(by="bob"))
    assert store.take_back(first, confirm(by="ann")) == reject(by="bob")
    assert (verdicts(store)[0], len(store.get(first)[1])) == (ReviewLabel.REJECT, 2)
    with pytest.raises(NoSuchFinding):
        store.take_back(99, confirm())


# --- from files ----------------------------------------------------------------------------------------------------


def line(number: int, label: Label, *, has_time: bool = True, **identity: str) -> ImportedLabel:
    """A line of a file."""
    return ImportedLabel(number, number, label, has_time, identity)


def test_a_file_may_be_imported_twice(store: Store) -> None:
    """The second time nothing is new, with a time or without."""
    one, two, _ = filled(store)
    lines = [line(one, confirm(at_ms=5)), line(two, reject(at_ms=5), has_time=False)]
    again = [lines[0], line(two, reject(at_ms=9), has_time=False)]
    assert store.import_labels(lines) == ImportCounts(2, 0, 0)
    assert store.import_labels(again) == ImportCounts(0, 2, 0)
    assert verdicts(store) == [ReviewLabel.CONFIRM, ReviewLabel.REJECT, None]
    assert [len(store.get(number)[1]) for number in (one, two)] == [1, 1]


def test_an_older_label_does_not_replace_a_newer_one(store: Store) -> None:
    """A file of last week; a newer one does."""
    one, *_ = filled(store)
    store.label(one, confirm(by="bob", at_ms=10))
    assert store.import_labels([line(one, reject(at_ms=9))]) == ImportCounts(0, 0, 1)
    assert verdicts(store)[0] is ReviewLabel.CONFIRM
    assert store.import_labels([line(one, reject(at_ms=11))]) == ImportCounts(1, 0, 0)
    assert verdicts(store)[0] is ReviewLabel.REJECT


def test_the_file_of_another_store_is_refused(store: Store) -> None:
    """Its numbers mean other findings: nothing is stored."""
    one, two, _ = filled(store)
    good = line(one, confirm(), exchange="x-0", guard="injection", kind="PROMPT_INJECTION")
    with pytest.raises(OtherFinding, match=f"finding {two} has another exchange in this store") as refused:
        store.import_labels([good, line(two, confirm(), exchange="y-1")])
    assert refused.value.line == two
    assert verdicts(store) == [None] * 3
    assert store.import_labels([good]) == ImportCounts(1, 0, 0)


def test_findings_that_are_gone_are_all_told(store: Store) -> None:
    """And nothing is stored."""
    one, *_ = filled(store)
    with pytest.raises(NoSuchFinding) as refused:
        store.import_labels([line(one, confirm()), line(77, confirm()), line(66, confirm())])
    assert refused.value.numbers == (77, 66)
    assert verdicts(store) == [None] * 3
