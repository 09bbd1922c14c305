"""Label values are bounded at any time; a real one is not kept out for ever, and a flood of them is cheap."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from extproc.sinks.bounded_labels import LABEL_CHARS_MAX, LABEL_IDLE_NS, OTHER, BoundedLabels

MS = 1_000_000


def test_a_label_has_a_longest_value() -> None:
    """A header may be 60 KB; a label may not. What is too long takes no place either."""
    labels = BoundedLabels(1)
    assert labels.bound("x" * (LABEL_CHARS_MAX + 1), 0) == OTHER
    assert labels.bound("x" * LABEL_CHARS_MAX, 0) == "x" * LABEL_CHARS_MAX


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 90)), max_size=60),
    st.integers(1, 5),
    st.none() | st.integers(1, 8),
)
def test_labels_are_bounded_all_the_time(
    comes: list[tuple[int, int]], values_max: int, admitted_max: int | None
) -> None:
    """Never more values than may be; one that was seen within the hour is itself; idle ones are forgotten once."""
    living: set[str] = set()
    last_ns: dict[str, int] = {}
    admitted, now_ns = 0, 0

    def forget(values: Set[str]) -> None:
        assert values <= living
        assert all(last_ns[value] + LABEL_IDLE_NS <= now_ns for value in values)
        living.difference_update(values)

    labels = BoundedLabels(values_max, forget, admitted_max)
    for number, minutes in comes:
        now_ns += minutes * 60_000 * MS
        name = f"team{number}"
        used = labels.bound(name, now_ns)
        assert used == name if name in living else used in (name, OTHER)
        if used == name:
            admitted += name not in living
            living.add(name)
            last_ns[name] = now_ns
        else:
            full = len(living) >= values_max and all(last_ns[each] + LABEL_IDLE_NS > now_ns for each in living)
            assert full or admitted == admitted_max
        assert len(living) <= values_max
    assert admitted_max is None or admitted <= admitted_max


def test_a_flood_of_names_costs_little() -> None:
    """Whether one makes room is not looked for again before it can be."""
    labels, looked = BoundedLabels(10_000), 0

    class Looked(dict[str, int]):
        def items(self) -> Any:
            nonlocal looked
            looked += 1
            return super().items()

    for number in range(10_000):
        labels.bound(f"team{number}", 0)
    labels._seen_ns = Looked(labels._seen_ns)
    for number in range(10_000):
        assert labels.bound(f"flood{number}", MS * number) == OTHER
    assert looked <= 1
