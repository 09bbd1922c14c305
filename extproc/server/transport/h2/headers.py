"""Header blocks: decoded by the HPACK library, validated once, cached; the few that we send are constants.

The meaning of a block depends on its bytes and on the decoder's table. A block that only references the table, or has
literals without indexing, leaves the table unchanged; so its meaning is cached until a block changes the table. Whether
a block does is decided here from its bytes, without the library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from hpack import Decoder, Encoder, HPACKError, OversizedHeaderListError

_REMEMBERED_MAX: Final = 64
_REMEMBERED_BLOCK_BYTES_MAX: Final = 1024
_NEEDED: Final = (b":method", b":scheme", b":path")
_PSEUDO: Final = frozenset({*_NEEDED, b":authority"})
_OF_A_CONNECTION: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_NAME_BYTES: Final = bytes(byte for byte in range(0x21, 0x7F) if byte != ord(":") and not 0x41 <= byte <= 0x5A)
_GRPC_MESSAGE_SAFE: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_GRPC_MESSAGE_CHARACTERS_MAX: Final = 1024  # fits in one frame of any peer, even percent-encoded
_CONTENT_LENGTH_DIGITS_MAX: Final = 18
TABLE_EMPTIED: Final = b"\x20"  # the encoder's table has no room left


class Undecodable(Exception):
    """The block cannot be decoded: the compression state is out of sync."""


class TooLarge(Exception):
    """The headers exceed the size limit."""


class Malformed(Exception):
    """The headers violate a rule of HTTP/2: the stream is unusable."""


class HeaderReader:
    """Decodes the blocks of one connection, in order."""

    __slots__ = ("_decoder", "_remembered")

    def __init__(self, list_bytes_max: int) -> None:
        self._decoder = Decoder(max_header_list_size=list_bytes_max)
        self._remembered: dict[bytes, Mapping[bytes, bytes]] = {}

    def read_request(self, block: bytes) -> Mapping[bytes, bytes]:
        """Decode request headers. Raises: Undecodable, TooLarge, Malformed (only after the block was decoded)."""
        known = self._remembered.get(block)
        if known is not None:
            return known
        headers = self._decode(block)
        request = _checked_request(headers)
        if len(block) <= _REMEMBERED_BLOCK_BYTES_MAX and not changes_table(block):
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[block] = request
        return request

    def read_trailers(self, block: bytes) -> None:
        """Decode to stay in sync; trailers are otherwise ignored. Raises: Undecodable, TooLarge, Malformed."""
        for name, value in self._decode(block):
            _check_field(name, value)

    def _decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        if self._remembered and changes_table(block):
            self._remembered.clear()
        try:
            return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as error:
            raise TooLarge from error
        except (HPACKError, IndexError, ValueError) as error:
            raise Undecodable from error


def changes_table(block: bytes) -> bool:
    """Whether a block inserts into the decoder's table or resizes it; True if it is truncated. Source: RFC 7541, 6."""
    position, end = 0, len(block)
    while position < end:
        first = block[position]
        if first & 0x80:  # indexed
            _, position = _integer(block, position, 0x7F)
        elif first & 0x60:  # literal with indexing, or a size update
            return True
        else:  # literal without indexing
            index, position = _integer(block, position, 0x0F)
            for _ in range(1 if index else 2):
                if position >= end:
                    return True
                length, position = _integer(block, position, 0x7F)
                position += length
    return position > end


def _integer(block: bytes, position: int, mask: int) -> tuple[int, int]:
    """An integer with a prefix, and its end; past the block if it is truncated or too long. Source: RFC 7541, 5.1."""
    number = block[position] & mask
    position += 1
    if number < mask:
        return number, position
    for shift in range(0, 35, 7):
        if position >= len(block):
            break
        byte = block[position]
        position += 1
        number += (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    return number, len(block) + 1


def content_bytes(headers: Mapping[bytes, bytes]) -> int:
    """The announced content length; -1 if there is none. Raises: Malformed. Source: RFC 9113, 8.1.1."""
    told = headers.get(b"content-length")
    if told is None:
        return -1
    if not told.isdigit() or len(told) > _CONTENT_LENGTH_DIGITS_MAX:
        raise Malformed("content-length is no number")
    return int(told)


def _check_field(name: bytes, value: bytes) -> None:
    """Raises: Malformed. Source: RFC 9113, 8.2."""
    if not name or name.translate(None, _NAME_BYTES):
        raise Malformed("a name has a character that is not allowed")
    if name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
        raise Malformed("a header is not allowed in HTTP/2")
    _check_value(value)


def _check_value(value: bytes) -> None:
    if b"\0" in value or b"\r" in value or b"\n" in value or value != value.strip(b" \t"):
        raise Malformed("a value has a character that is not allowed")


def _checked_request(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    regular = False
    for name, value in headers:
        if name[:1] == b":":
            if regular or name not in _PSEUDO or name in found:
                raise Malformed("a pseudo-header is unknown, repeated, or late")
            _check_value(value)
        else:
            regular = True
            _check_field(name, value)
        found[name] = found[name] + b"," + value if name in found else value
    if not all(found.get(name) for name in _NEEDED):
        raise Malformed("a pseudo-header is missing")
    return found


def _encoded(*headers: tuple[str, str]) -> bytes:
    """A block that adds nothing to the peer's table, so it can be sent at any time."""
    encoder = Encoder()
    return bytes(encoder.encode([(name, value, True) for name, value in headers], huffman=False))


def _response_headers(http_status: int) -> bytes:
    return _encoded((":status", str(http_status)), ("content-type", "application/grpc"))


RESPONSE_HEADERS: Final = _response_headers(200)
_OK_TRAILERS: Final = _encoded(("grpc-status", "0"))


def trailers(status: int, message: str, headers_sent: bool, http_status: int = 200) -> bytes:
    """The block that ends a call; without previous headers it is the whole response (Trailers-Only).

    Args:
        message: for humans; percent-encoded as gRPC requires.
        http_status: other than 200 for clients that do not speak gRPC.
    """
    if status == 0 and headers_sent:
        return _OK_TRAILERS
    block = _encoded(("grpc-status", str(status)))
    if message:
        text = quote(message[:_GRPC_MESSAGE_CHARACTERS_MAX], safe=_GRPC_MESSAGE_SAFE, errors="replace")
        block += _encoded(("grpc-message", text))
    if headers_sent:
        return block
    return (RESPONSE_HEADERS if http_status == 200 else _response_headers(http_status)) + block
