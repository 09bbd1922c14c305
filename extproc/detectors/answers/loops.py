"""Detects degenerate loops: the same run of characters repeated over and over.

Only the tail of a text is checked. A run counts by how much of the tail it fills, not by the number of repetitions: a
word four times may be a song, four hundred characters of it are not. Only exact repetition is detected; a loop with a
counter is not.
"""

from __future__ import annotations

from typing import Final

TAIL_CHARS_MAX: Final = 2_048
REPEATS_MIN: Final = 4
_PROBE_CHARS: Final = 32
_PERIODS_MAX: Final = 3  # a run may contain the probe several times; this many positions are tried
_WITHOUT_LETTERS: Final = (
    4  # rules, dots and number columns repeat legitimately: they must continue this many times longer
)


def loop_chars(tail: str, chars_min: int) -> int:
    """Length of the run that the end of a text repeats, or 0. [characters]

    Args:
        tail: the last ``TAIL_CHARS_MAX`` characters, or all of a shorter text.
        chars_min: minimum characters filled by repetitions, of which there must be at least ``REPEATS_MIN``.
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
