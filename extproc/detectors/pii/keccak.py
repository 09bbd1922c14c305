"""Keccak-256 as used by Ethereum: SHA-3 with its original padding, so ``hashlib`` does not have it.

For one block only (at most 135 bytes): an address has 40.
"""

from __future__ import annotations

from typing import Final

_MASK: Final = (1 << 64) - 1
_RATE_BYTES: Final = 136


def _round_constants() -> list[int]:
    """The 24 constants, from the generator of the standard (FIPS 202, 3.2.5)."""
    constants, state = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            if state & 1:
                constant |= 1 << ((1 << power) - 1)
            state = (state << 1) ^ (0x171 if state & 0x80 else 0)
        constants.append(constant)
    return constants


def _moves() -> list[tuple[int, int, int]]:
    """For each lane but the first, in the order of the permutation: from, to, and rotation [bits]."""
    moves, x, y, rotation = [], 1, 0, 0
    for step in range(24):
        rotation = (rotation + step + 1) % 64
        new_x, new_y = y, (2 * x + 3 * y) % 5
        moves.append((x + 5 * y, new_x + 5 * new_y, rotation))
        x, y = new_x, new_y
    return moves


_CONSTANTS: Final = _round_constants()
_MOVES: Final = _moves()


def keccak256(message: bytes) -> bytes:
    """The digest [32 bytes] of at most 135 bytes.

    Raises: ValueError for a longer message.
    """
    if len(message) >= _RATE_BYTES:
        raise ValueError("more than one block")
    padded = bytearray(message.ljust(_RATE_BYTES, b"\0"))
    padded[len(message)] ^= 0x01
    padded[-1] ^= 0x80
    lanes = [int.from_bytes(padded[at : at + 8], "little") for at in range(0, _RATE_BYTES, 8)] + [0] * 8
    moved = [0] * 25
    for constant in _CONSTANTS:
        a, b, c, d, e = (lanes[i] ^ lanes[i + 5] ^ lanes[i + 10] ^ lanes[i + 15] ^ lanes[i + 20] for i in range(5))
        columns = (
            e ^ (b << 1 | b >> 63), a ^ (c << 1 | c >> 63), b ^ (d << 1 | d >> 63), c ^ (e << 1 | e >> 63),
            d ^ (a << 1 | a >> 63),
        )  # fmt: skip
        moved[0] = (lanes[0] ^ columns[0]) & _MASK
        for source, target, rotation in _MOVES:
            lane = (lanes[source] ^ columns[source % 5]) & _MASK
            moved[target] = (lane << rotation | lane >> (64 - rotation)) & _MASK
        for row in range(0, 25, 5):
            a, b, c, d, e = moved[row : row + 5]
            lanes[row : row + 5] = a ^ (~b & c), b ^ (~c & d), c ^ (~d & e), d ^ (~e & a), e ^ (~a & b)
        lanes[0] ^= constant
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])
