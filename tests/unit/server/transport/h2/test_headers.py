"""Header blocks: what is remembered is never stale, and what breaks a rule of HTTP/2 resets its stream only."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.server.transport.h2.headers import HeaderReader, Malformed, TooLarge, Undecodable, changes_table
from tests.unit.server.transport.h2.wire import PLAIN_REQUEST, REQUEST, Wire, data, end_of, grpc, headers, messages

FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "x-request-id", "user-agent", "cookie"]),
        st.sampled_from(["", "1", "2", "three", "v" * 900, "w" * 1_900]),
        st.booleans(),  # never indexed
    ),
    max_size=5,
)
STEPS = st.lists(st.one_of(FIELDS, st.sampled_from([0, 60, 1_000, 4_096])), min_size=2, max_size=25)


@given(STEPS, st.booleans())
def test_a_remembered_block_is_never_stale(steps: list[list[tuple[str, str, bool]] | int], huffman: bool) -> None:
    """An encoder that inserts, evicts and resizes: what is read is what was written, and what a plain decoder reads."""
    encoder, reader, plain = Encoder(), HeaderReader(65_536), Decoder(max_header_list_size=65_536)
    for step in steps:
        if isinstance(step, int):
            if step != encoder.header_table_size:  # the library's encoder forgets a change that is made twice
                encoder.header_table_size = step
            continue
        block = encoder.encode([*((name, value, False) for name, value in REQUEST), *step], huffman=huffman)
        joined: dict[bytes, bytes] = {}
        for name, value in plain.decode(block, raw=True):
            joined[bytes(name)] = joined[bytes(name)] + b"," + bytes(value) if name in joined else bytes(value)
        assert reader.read_request(block) == joined
        assert joined[b":path"] == b"/a.Service/Method"


def test_the_same_bytes_mean_something_else_after_an_insertion() -> None:
    """The entry that an indexed block points at moves; the block is read anew."""
    reader = HeaderReader(65_536)
    reader.read_request(PLAIN_REQUEST + b"\x40\x01a\x03one")
    pointing = PLAIN_REQUEST + b"\xbe"
    assert reader.read_request(pointing)[b"a"] == b"one"
    assert reader.read_request(pointing) is reader.read_request(pointing)
    reader.read_request(PLAIN_REQUEST + b"\x40\x01a\x03two")
    assert reader.read_request(pointing)[b"a"] == b"two"
    reader.read_trailers(b"\x40\x01a\x05three")
    assert reader.read_request(pointing)[b"a"] == b"three"
    with pytest.raises(Malformed):
        reader.read_request(b"\x40\x01a\x04four")  # malformed, and in the table all the same
    assert reader.read_request(pointing)[b"a"] == b"four"
    reader.read_trailers(b"\x20\x3f\xe1\x1f")  # the table shrinks to nothing and grows again
    with pytest.raises(Undecodable):
        reader.read_request(pointing)


def test_what_envoy_sends_is_remembered_from_its_second_stream_on() -> None:
    """Blocks captured from Envoy: the path is a literal that is never indexed, all else is in the table by then."""
    path = "04a560b5773fa5d05b3b98855cbe5315761c8bf7657c1e525b2a1d1aec390a841ec635d8721508"
    first = bytes.fromhex(
        f"83{path}4188a28a622f94d761c98640027465864d833505b11f5f8b1d75d0620d263d4c4d6564408cf2b16aee7f4b1aa496ca8747834d96"
        "97408bf2b4a7b3c0ec90b22d29ec870be25c0b89717f"
    )
    second = bytes.fromhex(f"83{path}c286c1c0bfbe")
    reader = HeaderReader(65_536)
    begun = reader.read_request(first)
    assert begun[b":path"] == b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
    assert reader.read_request(second) == begun
    assert reader.read_request(second) is reader.read_request(second)


@given(STEPS)
def test_whether_a_block_changes_the_table(steps: list[list[tuple[str, str, bool]] | int]) -> None:
    """Told from the bytes alone; it agrees with the table of a decoder before and after."""
    encoder, decoder = Encoder(), Decoder()
    for step in steps:
        if isinstance(step, int):
            if step != encoder.header_table_size:
                encoder.header_table_size = step
            continue
        block = encoder.encode(step)
        table = decoder.header_table
        before = (table.maxsize, [id(entry) for entry in table.dynamic_entries])
        decoder.decode(block)
        changed = before != (table.maxsize, [id(entry) for entry in table.dynamic_entries])
        assert changes_table(block) or not changed


@pytest.mark.parametrize(
    "cut_off", [b"\xff", b"\xff\xff", b"\x10", b"\x10\x05ab", b"\x10\x01a", b"\x10\x01a\x05b", b"\x0f"]
)
def test_a_block_that_is_cut_off_may_have_changed_anything(cut_off: bytes) -> None:
    """So nothing is remembered past it."""
    assert changes_table(cut_off)


@given(st.binary(max_size=40))
def test_any_block_is_read_or_refused(block: bytes) -> None:
    """Random bytes are headers, or one of the three refusals; and a decoder's table changes only when that is told."""
    reader = HeaderReader(1_000)
    table = reader._decoder.header_table
    with suppress(Malformed, TooLarge, Undecodable):
        reader.read_request(block)
    assert changes_table(block) or not table.dynamic_entries


@pytest.mark.parametrize("tail", [b"", b"\xff" * 6, b"\xff" * 5_000, b"\x10\x7f" + b"\xff" * 5_000, b"\x10\x01a\x7f"])
def test_a_number_without_end(tail: bytes) -> None:
    """HPACK's numbers have no bound of their own; a block with one is undecodable, and takes no long time."""
    with pytest.raises((Undecodable, Malformed)):
        HeaderReader(65_536).read_request(b"\x83" + tail)


def test_what_is_remembered_is_bounded() -> None:
    """Blocks that differ on each stream push each other out; large ones are not kept."""
    reader = HeaderReader(65_536)
    for number in range(1_000):
        reader.read_request(PLAIN_REQUEST + b"\x10\x01n\x04%04d" % number)
        assert len(reader._remembered) <= 64
    large = PLAIN_REQUEST + b"\x10\x01n\x7f\x80\x0a" + b"v" * (127 + 1280)
    reader.read_request(large)
    assert large not in reader._remembered


def encoded(*fields: tuple[str, str]) -> bytes:
    """A block that leaves the table alone."""
    return Encoder().encode([(name, value, True) for name, value in fields], huffman=False)


WITHOUT = {name: [field for field in REQUEST if field[0] != name] for name, _ in REQUEST}
MALFORMED = {
    "a pseudo-header after a header": [*WITHOUT[":path"], (":path", "/late")],
    "an unknown pseudo-header": [(":status", "200"), *REQUEST],
    "a pseudo-header twice": [(":path", "/again"), *REQUEST],
    "a pseudo-header of another kind of request": [(":protocol", "websocket"), *REQUEST],
    "an empty :method": [(":method", ""), *WITHOUT[":method"]],
    "an empty :scheme": [(":scheme", ""), *WITHOUT[":scheme"]],
    ":method twice": [(":method", "POST"), *REQUEST],
    ":authority twice": [(":authority", "extproc"), *REQUEST],
    "a pseudo-header in upper case": [*WITHOUT[":path"], (":PATH", "/")],
    "no :method": WITHOUT[":method"],
    "no :scheme": WITHOUT[":scheme"],
    "no :path": WITHOUT[":path"],
    "an empty :path": [(":path", ""), *WITHOUT[":path"]],
    "CONNECT": [(":method", "CONNECT"), (":authority", "x")],
    "upper case": [*REQUEST, ("X-Upper", "1")],
    "a space in a name": [*REQUEST, ("a b", "1")],
    "a colon in a name": [*REQUEST, ("a:b", "1")],
    "an empty name": [*REQUEST, ("", "1")],
    "a name that is not ASCII": [*REQUEST, ("é", "1")],
    "a line break in a value": [*REQUEST, ("a", "1\r\nb: 2")],
    "a NUL in a value": [*REQUEST, ("a", "1\0")],
    "a line break in :path": [(":path", "/a\nb"), *WITHOUT[":path"]],
    "a value that begins with a space": [*REQUEST, ("a", " 1")],
    "a value that ends with a tab": [*REQUEST, ("a", "1\t")],
    "connection": [*REQUEST, ("connection", "close")],
    "keep-alive": [*REQUEST, ("keep-alive", "1")],
    "proxy-connection": [*REQUEST, ("proxy-connection", "close")],
    "upgrade": [*REQUEST, ("upgrade", "h2c")],
    "content-length twice": [*REQUEST, ("content-length", "1"), ("content-length", "1")],
    "an empty content-length": [*REQUEST, ("content-length", "")],
    "transfer-encoding": [*REQUEST, ("transfer-encoding", "chunked")],
    "te": [*WITHOUT["te"], ("te", "gzip")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_malformed_headers_reset_their_stream(fields: list[tuple[str, str]]) -> None:
    """RFC 9113, 8.2 and 8.3: PROTOCOL_ERROR on the stream, no event; a call beside it goes on, and the next begins."""
    wire = Wire()
    wire.open(1)
    events = wire.send(headers(3, encoded(*fields)))
    assert events == []
    assert end_of(wire, events) == "stream PROTOCOL_ERROR"
    assert messages(wire.send(data(1, grpc(b"still")))) == [b"still"]
    wire.open(5)


def test_repeated_headers_are_joined() -> None:
    """In their order, with commas, as RFC 9110 says of lists."""
    wire = Wire()
    (begun,) = wire.send(headers(1, PLAIN_REQUEST + encoded(("a", "1"), ("b", "x"), ("a", "2"), ("a", ""))))
    assert getattr(begun, "headers", {})[b"a"] == b"1,2,"
