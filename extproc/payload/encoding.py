"""Compressed bodies, decoded with a limit: gzip, deflate and br.

A compressed request is decoded, checked and forwarded uncompressed (vLLM accepts nothing else). The server is asked for
uncompressed responses; if it compresses anyway, the response is decoded too. A body that expands beyond the limit is
refused as a decompression bomb.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import brotli

ENCODINGS: Final = frozenset({"gzip", "x-gzip", "deflate", "br"})
_RATIO_GRACE_BYTES: Final = 65_536  # small bodies may compress very well
_STEP_BYTES: Final = 65_536


class BadEncoding(Exception):
    """The body does not match its content-encoding, or expands too much. The message says which."""


class Decoder(Protocol):
    """Incremental: chunk boundaries may be anywhere."""

    def feed(self, chunk: bytes) -> bytes:
        """Raises: BadEncoding."""
        ...

    def close(self) -> None:
        """The body is over. Raises: BadEncoding if it was truncated."""
        ...


class _Codec(Protocol):
    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """The decoded bytes of a chunk, in pieces of about ``_STEP_BYTES``."""
        ...

    def finished(self) -> bool:
        """Whether the end of the compressed data has been reached."""
        ...


class _Zlib:
    def __init__(self, gzip: bool) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16) if gzip else None

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        if self._inflate is None:
            # HTTP's "deflate" is the zlib format; some servers send raw deflate. The first byte distinguishes them.
            bare = (chunk[0] & 0x0F) != 8
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS)
        while True:
            try:
                plain = self._inflate.decompress(chunk, _STEP_BYTES)
            except zlib.error:
                raise BadEncoding("the body is not valid gzip or deflate") from None
            yield plain
            chunk = self._inflate.unconsumed_tail
            if self._inflate.unused_data:
                raise BadEncoding("data follows the end of the compressed body")
            if not chunk and len(plain) < _STEP_BYTES:
                return

    def finished(self) -> bool:
        return self._inflate is not None and self._inflate.eof


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        while True:
            try:
                plain = self._decompressor.process(chunk, output_buffer_limit=_STEP_BYTES)
            except brotli.error:
                raise BadEncoding("the body is not valid br") from None
            yield plain
            # It may accept more input while it still holds output: only a short piece is certainly the last.
            more = len(plain) >= _STEP_BYTES or not self._decompressor.can_accept_more_data()
            if self._decompressor.is_finished() or not more:
                return
            chunk = b""

    def finished(self) -> bool:
        return bool(self._decompressor.is_finished())


class _LimitedDecoder:
    """Counts input and output bytes."""

    def __init__(self, codec: _Codec, ratio_max: int, bytes_max: int) -> None:
        self._codec = codec
        self._ratio_max = ratio_max
        self._bytes_max = bytes_max
        self._in_bytes = 0
        self._out_bytes = 0

    def feed(self, chunk: bytes) -> bytes:
        """Raises: BadEncoding."""
        if not chunk:
            return b""
        self._in_bytes += len(chunk)
        pieces: list[bytes] = []
        for piece in self._codec.pieces(chunk):
            self._count(len(piece))
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Raises: BadEncoding."""
        if self._in_bytes and not self._codec.finished():
            raise BadEncoding("the compressed body is truncated")

    def _count(self, out_bytes: int) -> None:
        self._out_bytes += out_bytes
        if self._out_bytes > self._bytes_max:
            raise BadEncoding(f"the body is larger than {self._bytes_max} bytes")
        if self._out_bytes > _RATIO_GRACE_BYTES + self._in_bytes * self._ratio_max:
            raise BadEncoding(f"the body expands more than {self._ratio_max} times")


def decoder(encoding: str, ratio_max: int, bytes_max: int) -> Decoder:
    """A decoder for a name in ``ENCODINGS``.

    Args:
        ratio_max: the largest allowed ratio of decoded to compressed size.
        bytes_max: the largest allowed decoded size. [bytes]
    """
    codec: _Codec = _Brotli() if encoding == "br" else _Zlib(gzip=encoding != "deflate")
    return _LimitedDecoder(codec, ratio_max, bytes_max)
