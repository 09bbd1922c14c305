"""Look long for bytes that break the HTTP/2 connection: sessions made at random, damaged, cut, and held to the laws.

Each session comes from a number, which is printed with the failure; ``--seed N --sessions 1`` repeats it.

    python -m tests.tools.fuzz_h2 --seconds 600
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter

from hpack import Encoder

from extproc.server.transport.h2 import frames
from extproc.server.transport.h2.connection import H2Connection
from extproc.server.transport.h2.events import H2Event
from extproc.server.transport.h2.frames import ErrorCode
from extproc.server.transport.h2.limits import H2Limits
from tests.unit.server.transport.h2.laws import SMALL, LawfulConnection
from tests.unit.server.transport.h2.wire import HELLO, REQUEST, data, grpc, headers

SECOND_NS = 1_000_000_000
NUMBERS = [0, 1, 5, 100, 16_384, 65_535, 100_000, 2**31 - 1, 2**31, 2**32 - 1]


class SessionWriter:
    """Writes one session: mostly what a client would send, with an encoder that is in step."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.encoder = Encoder()
        self.next_id = 1
        self.careless = chance.random() < 0.3  # frames that end the connection; else sessions last

    def session(self) -> list[bytes]:
        """Frames after the preface."""
        writers = [self.call, *[self.message] * 4, *[self.window] * 3, self.end, self.settings]
        if self.careless:
            writers.append(self.anything)
        return [self.call(), *(self.chance.choice(writers)() for _ in range(self.chance.randrange(60)))]

    def stream_id(self) -> int:
        """One that was used, mostly."""
        if self.careless and self.chance.random() < 0.03:
            return self.chance.choice([0, 2, self.next_id, 2**31 - 1])
        return max(1, self.next_id - 2 * self.chance.randrange(1, 6))

    def call(self) -> bytes:
        """HEADERS, whole or in pieces."""
        extra = [("x-n", str(self.chance.randrange(4)), self.chance.random() < 0.5)] * self.chance.randrange(3)
        if self.chance.random() < 0.1:
            size = self.chance.choice([0, 100, 1_000, 4_096])
            if size != self.encoder.header_table_size:
                self.encoder.header_table_size = size
        block = self.encoder.encode([*((name, value, False) for name, value in REQUEST), *extra])
        stream_id, self.next_id = self.next_id, self.next_id + 2
        ends = frames.END_STREAM if self.chance.random() < 0.1 else 0
        if self.chance.random() < 0.8:
            return headers(stream_id, block, frames.END_HEADERS | ends)
        place = self.chance.randrange(len(block) + 1)
        rest = frames.frame(frames.CONTINUATION, frames.END_HEADERS, stream_id, block[place:])
        return headers(stream_id, block[:place], ends) + rest

    def message(self) -> bytes:
        """DATA: messages, or a part of one."""
        size = self.chance.choice([0, 1, 10, 1_000, 16_000, 40_000, 301_000])
        octets = grpc(self.chance.choice([b"m", b"*", b"!", b"~"]) + b"m" * size)
        if self.chance.random() < 0.2:
            octets = octets[: self.chance.randrange(len(octets))]
        ends = frames.END_STREAM if self.chance.random() < 0.2 else 0
        stream_id, room = self.stream_id(), 16_000
        pieces = [octets[start : start + room] for start in range(0, len(octets), room)]
        return b"".join(data(stream_id, p, ends if p is pieces[-1] else 0) for p in pieces[:6])

    def window(self) -> bytes:
        """WINDOW_UPDATE."""
        return frames.window_update(
            self.chance.choice([0, self.stream_id()]), self.chance.choice([1, 100, 20_000, 70_000])
        )

    def end(self) -> bytes:
        """RST_STREAM, or trailers."""
        if self.chance.random() < 0.5 or not self.careless:
            return frames.reset(self.stream_id(), ErrorCode.CANCEL)
        block = self.encoder.encode([("x-t", str(self.chance.randrange(3)))])
        return headers(self.stream_id(), block, frames.END_HEADERS | frames.END_STREAM)

    def settings(self) -> bytes:
        """SETTINGS, or PING."""
        if self.chance.random() < 0.3:
            return frames.frame(frames.PING, 0, 0, self.chance.randbytes(8))
        values = {
            frames.INITIAL_WINDOW_SIZE: self.chance.choice([0, 10, 65_535, 100_000]),
            frames.MAX_FRAME_SIZE: self.chance.choice([16_384, 20_000]),
            frames.HEADER_TABLE_SIZE: self.chance.choice([0, 4_096]),
        }
        return frames.settings(dict(self.chance.sample(sorted(values.items()), self.chance.randrange(3))))

    def anything(self) -> bytes:
        """A frame that may be wrong in any way."""
        payload = self.chance.choice(
            [self.chance.randbytes(self.chance.randrange(20)), self.chance.choice(NUMBERS).to_bytes(4)]
        )
        return frames.frame(self.chance.randrange(12), self.chance.randrange(256), self.stream_id(), payload)


def damaged(chance: random.Random, octets: bytes) -> bytes:
    """A few bytes changed, lost, doubled or put in."""
    changed = bytearray(octets)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(4):
            case 0:
                changed[place : place + 1] = chance.randbytes(1)
            case 1:
                del changed[place : place + chance.randrange(1, 20)]
            case 2:
                changed[place:place] = changed[place : place + chance.randrange(1, 40)]
            case _:
                changed[place:place] = chance.randbytes(chance.randrange(1, 10))
    return bytes(changed)


def pieces_of(chance: random.Random, octets: bytes) -> list[bytes]:
    """The same bytes, cut."""
    places = sorted(chance.randrange(len(octets) + 1) for _ in range(chance.randrange(12)))
    return [octets[start:end] for start, end in zip([0, *places], [*places, len(octets)], strict=True)]


def unanswered(pieces: list[bytes]) -> tuple[list[H2Event], bytes]:
    """What a connection tells and writes when nobody answers."""
    connection = H2Connection(SMALL)
    events = [event for piece in pieces for event in connection.receive(piece, 0)]
    return events, connection.take_output()


def run(seed: int, seen: Counter[str]) -> None:
    """One session. Raises: AssertionError, or whatever the connection should not have raised."""
    chance = random.Random(seed)
    octets = HELLO + b"".join(SessionWriter(chance).session())
    if chance.random() < 0.2:
        octets = damaged(chance, octets)
    pieces = pieces_of(chance, octets)
    assert unanswered(pieces) == unanswered([octets]), "a cut changes what is read"
    connection = LawfulConnection(chance.choice([SMALL, SMALL, H2Limits()]))
    for turn, piece in enumerate(pieces):
        connection.receive(piece, turn * SECOND_NS // 4)
    seen.update(type(event).__name__ for event in connection.events)
    for event in connection.events[-1:]:
        code = getattr(event, "code", None)
        seen[f"connection {code.name}" if isinstance(code, ErrorCode) else "connection goes on"] += 1


def main() -> int:
    """Exits 1 at the first session that breaks a law."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sessions", type=int, default=2**63)
    parser.add_argument("--seed", type=int, default=None, help="of the first session; at random unless told")
    asked = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    end = time.monotonic() + asked.seconds
    seen: Counter[str] = Counter()
    seed = first
    while time.monotonic() < end and seed - first < asked.sessions:
        try:
            run(seed, seen)
        except Exception:  # whatever it is, it is what is looked for
            traceback.print_exc()
            print(f"broken by: python -m tests.tools.fuzz_h2 --sessions 1 --seed {seed}", file=sys.stderr)
            return 1
        seed += 1
    print(f"{seed - first} sessions from {first}, no law broken")
    for name, count in sorted(seen.items()):
        print(f"  {count:>9} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
