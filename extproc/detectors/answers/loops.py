"""Texts that have got stuck: the same run of characters again and again.

Judged at the end of a text's tail, which is all that is ever looked at. A run counts by how much of the tail it fills,
not by how often it comes: a word four times is a song, four hundred characters of it are none. Only exact repetition
is seen; a loop that counts upwards is not.
"""

from __future__ import annotations

TAIL_CHARS_MAX = 2_048
REPEATS_MIN = 4
_PROBE_CHARS = 32
_PERIODS_MAX = 3  # a run may hold the probe several times; that many of its places are tried
_WITHOUT_LETTERS = 4  # rules, dots and columns of numbers repeat by right: they must go on so many times longer


def loop_chars(tail: str, chars_min: int) -> int:
    """How long the run is that a text's end repeats, or 0 if it repeats none. [characters]

    Args:
        tail: the last ``TAIL_CHARS_MAX`` characters, or the whole of a shorter text.
        chars_min: how much of the tail repetitions must fill, and at least ``REPEATS_MIN`` of them.
    """
    if len(tail) < chars_min:
        return 0
    probe = tail[-_PROBE_CHARS:]
    end = len(tail) - 1
    for _ in range(_PERIODS_MAX):
        place = tail.rfind(probe, 0, end)
        if place < 0:
            return 0
        period = len(tail) - _PROBE_CHARS - place
        if _fills(tail, period, chars_min):
            return period
        end = place + _PROBE_CHARS - 1
    return 0


def _fills(tail: str, period: int, chars_min: int) -> bool:
    has_letters = any(map(str.isalpha, tail[-period:]))
    chars = max(chars_min if has_letters else chars_min * _WITHOUT_LETTERS, REPEATS_MIN * period)
    return chars <= len(tail) and tail[-chars:-period] == tail[period - chars :]
