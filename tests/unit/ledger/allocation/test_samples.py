"""Samples become bytes and the same samples again; bytes that are damaged, or of another release, do no harm."""

from __future__ import annotations

import random
import struct
import zlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples
from extproc.ledger.allocation.samples import (
    COLUMNS_MAX,
    FORMAT,
    SAMPLES_MAX,
    UnreadableSamples,
    decode_samples,
    encode_samples,
)
from tests.thorough import examples

HOUR_BYTES_MAX = 8_192
WIDTH = len(ServerSample._fields)
numbers = st.integers(-(2**63), 2**63 - 1)
some_samples = st.lists(st.builds(ServerSample, *[numbers] * WIDTH), max_size=40).map(ServerSamples.of)


def equal(one: ServerSamples, other: ServerSamples) -> bool:
    """Number by number."""
    return all(np.array_equal(*columns) for columns in zip(one, other, strict=True))


def busy_hour(scrape_s: int, seed: int) -> ServerSamples:
    """Of a server whose numbers nothing foresees: each interval has tokens of its own, and the clock is uneven."""
    chance = random.Random(seed)
    counts = [chance.randrange(1 << 40) for _ in range(7)]
    found = []
    for number in range(3_600 // scrape_s):
        counts = [before + chance.randrange(scrape_s * 10_000) for before in counts]
        at_us = 1_795_518_000_000_000 + number * scrape_s * 1_000_000 + chance.randrange(50_000)
        load = chance.randrange(256), chance.randrange(512)
        found.append(ServerSample(at_us, 1_795_000_000_123_456, 1_795_000_024_654_321, 8, 0, *load, *counts))
    return ServerSamples.of(found)


@settings(max_examples=examples(60), deadline=None)
@given(some_samples)
def test_samples_come_back_as_they_were(samples: ServerSamples) -> None:
    """Whatever the numbers: differences that do not fit 64 bits wrap around, and back."""
    assert equal(decode_samples(encode_samples(samples)), samples)


@pytest.mark.parametrize("seed", range(3))
def test_an_hour_is_small(seed: int) -> None:
    """Of a busy server, asked every 15 s, with numbers that are as random as they can be."""
    content = encode_samples(busy_hour(15, seed))
    assert len(content) <= HOUR_BYTES_MAX


def test_a_row_has_a_bound() -> None:
    """One sample a second."""
    most = ServerSamples.of([ServerSample(number) for number in range(SAMPLES_MAX)])
    assert equal(decode_samples(encode_samples(most)), most)
    with pytest.raises(ValueError, match="3601 samples in one row, at most 3600"):
        encode_samples(ServerSamples.of([ServerSample(number) for number in range(SAMPLES_MAX + 1)]))


def test_an_older_release_had_fewer_columns() -> None:
    """What it did not write is not known."""
    samples = ServerSamples.of([ServerSample(1, 2, 3, 4, 5), ServerSample(6, 7, 8, 9, 10)])
    content = _content(FORMAT, 5, 2, [list(map(int, column)) for column in samples[:5]])
    found = decode_samples(content)
    assert all(np.array_equal(found[place], samples[place]) for place in range(5))
    assert all(column.tolist() == [UNKNOWN] * 2 for column in found[5:])


def test_a_newer_release_has_more_columns() -> None:
    """They are passed over."""
    columns = [[place, place + 7] for place in range(WIDTH + 2)]
    found = decode_samples(_content(FORMAT, WIDTH + 2, 2, columns))
    assert [column.tolist() for column in found] == columns[:WIDTH]


def _content(form: int, width: int, count: int, columns: list[list[int]]) -> bytes:
    """Written without numpy: lowest bytes of a column first."""
    plain = bytearray()
    for column in columns:
        differences = [column[0], *(after - before for before, after in pairwise(column))]
        written = [struct.pack("<q", one) for one in differences]
        for place in range(8):
            plain += bytes(one[place] for one in written)
    return struct.pack("<BBI", form, width, count) + zlib.compress(bytes(plain))


GOOD = encode_samples(ServerSamples.of([ServerSample(1), ServerSample(2)]))
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "without a head"),
    "half a head": (GOOD[:3], "without a head"),
    "another format": (b"\x02" + GOOD[1:], "format 2, and this release knows 1"),
    "cut off": (GOOD[:-3], "another length"),
    "more behind it": (GOOD + b"x", "another length"),
    "no zlib": (GOOD[:6] + b"\0" * 20, "damaged"),
    "fewer samples than it says": (GOOD[:2] + struct.pack("<I", 3) + GOOD[6:], "another length"),
    "more samples than it says": (GOOD[:2] + struct.pack("<I", 1) + GOOD[6:], "another length"),
    "too many samples": (GOOD[:2] + struct.pack("<I", SAMPLES_MAX + 1) + GOOD[6:], "3601 samples in one row"),
    "too many columns": (GOOD[:1] + bytes([COLUMNS_MAX + 1]) + GOOD[2:], "65 columns"),
    "no columns": (GOOD[:1] + b"\0" + GOOD[2:], "0 columns"),
    "a bomb": (struct.pack("<BBI", 1, 1, 1) + zlib.compress(bytes(50_000_000)), "another length"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_bad_bytes_are_refused(content: bytes, said: str) -> None:
    """Before memory is spent on them."""
    with pytest.raises(UnreadableSamples, match=said):
        decode_samples(content)


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=40), st.data())
def test_any_bytes_are_samples_or_refused(tail: bytes, data: Any) -> None:
    """Damaged at any place."""
    content = bytearray(GOOD + tail if data.draw(st.booleans()) else GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_samples(bytes(content))
    except UnreadableSamples:
        return
    assert len({len(column) for column in found}) == 1
