"""Windows that the encoder is trained on: planted in honest texts, and in batches."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.tools.encoder.windows import TrainingWindow, batches, planted

TOKENS_MAX = 128
BEGIN, END, FULL_STOP = 101, 102, 1012
ATTACK, HONEST = 7, 8
"""Tokens that stand for what is said."""


def window(ids: list[int], label: int) -> TrainingWindow:
    """With its special tokens."""
    return TrainingWindow([BEGIN, *ids, END], 0, label, 1.0)


HOSTS = [window([HONEST, HONEST, HONEST, FULL_STOP] * count, 0) for count in (15, 31)]
ATTACKS = [window([ATTACK] * count, 1) for count in (1, 20, 60, 100)]


@given(st.integers(0, 2**32))
def test_an_attack_stands_whole_between_sentences(seed: int) -> None:
    """And stays an attack, in a window that is no longer than others."""
    short, long = ATTACKS[:3], ATTACKS[3]
    *found, of_long = planted([*HOSTS, *ATTACKS], 1.0, TOKENS_MAX, random.Random(seed))[len(HOSTS) :]
    for attack, one in zip(short, found, strict=True):
        assert (one.label, one.weight) == (attack.label, attack.weight)
        assert (one.ids[0], one.ids[-1]) == (BEGIN, END)
        assert len(attack.ids) < len(one.ids) <= TOKENS_MAX
        place = one.ids.index(ATTACK)
        assert one.ids[place : place + len(attack.ids) - 2] == attack.ids[1:-1]
        before, behind = one.ids[place - 1], one.ids[place + len(attack.ids) - 2]
        assert before in (BEGIN, FULL_STOP) or behind == END
    assert of_long == long


def test_honest_texts_are_planted_alike() -> None:
    """So that a seam between two texts says nothing."""
    chance = random.Random(0)
    (found,) = planted([*HOSTS, window([9, 9], 0)], 1.0, TOKENS_MAX, chance)[len(HOSTS) :]
    assert 9 in found.ids
    assert HONEST in found.ids


def test_nothing_is_planted_without_a_share_or_an_honest_text() -> None:
    """Windows stay as they are."""
    assert planted([*HOSTS, *ATTACKS], 0.0, TOKENS_MAX, random.Random(0)) == [*HOSTS, *ATTACKS]
    assert planted(ATTACKS, 1.0, TOKENS_MAX, random.Random(0)) == ATTACKS


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(70, 200), st.none() | st.integers(0, 9))
def test_a_batch_is_no_larger_than_asked(lengths: list[int], tokens_max: int, seed: int | None) -> None:
    """With its padding; and no window is lost."""
    windows = [window([ATTACK] * length, 1) for length in lengths]
    found = batches(windows, tokens_max, None if seed is None else random.Random(seed))
    assert all(max(len(one.ids) for one in batch) * len(batch) <= tokens_max for batch in found)
    assert sorted(len(one.ids) for batch in found for one in batch) == sorted(len(one.ids) for one in windows)
