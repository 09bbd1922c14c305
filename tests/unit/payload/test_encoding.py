"""Compressed bodies: any cut gives the same bytes; what is damaged, goes on too long or grows too much is refused."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.payload.encoding import ENCODINGS, BadEncoding, decoder


def raw_deflate(plain: bytes) -> bytes:
    """What some servers call deflate: no header, no checksum."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(plain) + compressor.flush()


ENCODERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
}
EACH = pytest.mark.parametrize(("encoding", "encode"), ENCODERS.values(), ids=ENCODERS.keys())


def decoded(encoding: str, chunks: list[bytes], ratio_max: int = 10_000, bytes_max: int = 10_000_000) -> bytes:
    """All of a body."""
    reader = decoder(encoding, ratio_max, bytes_max)
    plain = b"".join([reader.feed(chunk) for chunk in chunks])
    reader.close()
    return plain


def test_every_encoding_is_tested() -> None:
    """The names of HTTP that we say we know."""
    assert {encoding for encoding, _ in ENCODERS.values()} == ENCODINGS


@EACH
@given(plain=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode() * 50), data=st.data())
def test_any_cut_gives_the_same_bytes(
    encoding: str, encode: Callable[[bytes], bytes], plain: bytes, data: st.DataObject
) -> None:
    """Also an empty chunk, and one byte at a time."""
    body = encode(plain)
    size = data.draw(st.integers(1, len(body)))
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    chunks.insert(data.draw(st.integers(0, len(chunks))), b"")
    assert decoded(encoding, chunks) == plain


@EACH
@pytest.mark.parametrize("step", [1, 7, 1_000_000])
def test_a_body_cut_short_is_refused(encoding: str, encode: Callable[[bytes], bytes], step: int) -> None:
    """Wherever it ends too early."""
    body = encode(b"jane.doe@example.com, " * 20 + bytes(range(256)))
    for end in range(1, len(body), 11):
        with pytest.raises(BadEncoding, match="truncated"):
            decoded(encoding, [body[start : min(start + step, end)] for start in range(0, end, step)])


@EACH
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("size", [1, 30_000])
def test_what_follows_the_end_is_refused(
    encoding: str, encode: Callable[[bytes], bytes], together: bool, size: int
) -> None:
    """A second body behind the first would be read by one parser and not by another."""
    body = encode(b"plain" * size)
    for more in (b"garbage", body):
        chunks = [body + more] if together else [body, more]
        with pytest.raises(BadEncoding, match=r"follows|not valid"):
            decoded(encoding, chunks)


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_what_is_not_compressed_is_refused(encoding: str) -> None:
    """The message says nothing of the body."""
    with pytest.raises(BadEncoding) as caught:
        decoded(encoding, [b'{"content":"jane.doe@example.com"}' * 3])
    assert "jane" not in str(caught.value)


def test_no_body_is_no_body() -> None:
    """A body of no bytes has nothing to decode."""
    assert decoded("gzip", [b""]) == b""


@cache
def bomb_of(encode: Callable[[bytes], bytes]) -> bytes:
    """Some kB."""
    return encode(bytes(30_000_000))


@EACH
@pytest.mark.parametrize(
    ("ratio_max", "bytes_max", "reason"), [(20, 10**9, "more than 20 times"), (10**6, 1_000_000, "larger than 1000000")]
)
def test_a_bomb_is_refused_before_it_goes_off(
    encoding: str, encode: Callable[[bytes], bytes], ratio_max: int, bytes_max: int, reason: str
) -> None:
    """30 MB of zeros in some kB: no more than the limit is ever held in memory."""
    bomb = bomb_of(encode)
    tracemalloc.start()
    try:
        with pytest.raises(BadEncoding, match=reason):
            decoded(encoding, [bomb], ratio_max, bytes_max)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 6_000_000


@EACH
def test_a_small_body_may_compress_well(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """The ratio is judged only past 64 KiB."""
    assert decoded(encoding, [encode(b"a" * 60_000)], ratio_max=2) == b"a" * 60_000


@EACH
def test_a_body_of_exactly_the_limit_passes(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    """One byte more does not."""
    assert len(decoded(encoding, [encode(bytes(200_000))], bytes_max=200_000)) == 200_000
    with pytest.raises(BadEncoding):
        decoded(encoding, [encode(bytes(200_001))], bytes_max=200_000)


@EACH
@pytest.mark.parametrize("chunk_bytes", [5, 4_096, 10_000_000])
def test_a_large_body_comes_out_whole(encoding: str, encode: Callable[[bytes], bytes], chunk_bytes: int) -> None:
    """Bodies that come out in many bounded pieces: none of them is forgotten."""
    plain = bytes(200_000) + bytes(number * number % 251 for number in range(20_000)) + bytes(98_272)
    body = encode(plain)
    chunks = [body[start : start + chunk_bytes] for start in range(0, len(body), chunk_bytes)]
    assert decoded(encoding, chunks) == plain
