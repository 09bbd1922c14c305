"""What a model server says of itself, again and again: whole numbers, of all its engines together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from extproc.statistics.arrays import Ints

UNKNOWN: Final = -1
"""In place of a number that a server does not say."""


class ServerSample(NamedTuple):
    """One answer. Numbers are ``UNKNOWN`` where the server does not say them.

    Attributes:
        at_us: when it was asked, by the clock of who asked [us since 1970].
        start_us: when its process started, by its own clock; likewise.
        ready_us: when its engines were ready; likewise. Both change when it starts again.
        engines: how many there are.
        asleep: engines that sleep: they hold their GPUs, and nothing runs.
        running, waiting: requests, at the last step.
        steps: of the engines that wrote a token, since their start, as all that follow.
        computed: tokens of prompts that were not in a cache.
        written: tokens of answers.
        preemptions: requests that lost what was computed of them.
        drafts, draft_tokens, accepted_tokens: of speculation.
    """

    at_us: int
    start_us: int = UNKNOWN
    ready_us: int = UNKNOWN
    engines: int = 1
    asleep: int = 0
    running: int = 0
    waiting: int = 0
    steps: int = UNKNOWN
    computed: int = UNKNOWN
    written: int = UNKNOWN
    preemptions: int = UNKNOWN
    drafts: int = UNKNOWN
    draft_tokens: int = UNKNOWN
    accepted_tokens: int = UNKNOWN


class ServerSamples(NamedTuple):
    """Answers of one server, by time, as arrays of one length; see ``ServerSample``."""

    at_us: Ints
    start_us: Ints
    ready_us: Ints
    engines: Ints
    asleep: Ints
    running: Ints
    waiting: Ints
    steps: Ints
    computed: Ints
    written: Ints
    preemptions: Ints
    drafts: Ints
    draft_tokens: Ints
    accepted_tokens: Ints

    @classmethod
    def of(cls, samples: Sequence[ServerSample]) -> Self:
        """Samples in any order; of two at one time the later one counts."""
        found = np.array(samples, dtype=np.int64).reshape(len(samples), len(cls._fields))
        return cls(*found.T)._by_time()

    @classmethod
    def joined(cls, parts: Sequence[ServerSamples]) -> Self:
        """Likewise of several parts; none is no samples."""
        return cls.of(()) if not parts else cls(*map(np.concatenate, zip(*parts, strict=True)))._by_time()

    def between(self, begin_us: int, end_us: int) -> Self:
        """Those of a time."""
        first, last = np.searchsorted(self.at_us, (begin_us, end_us))
        return type(self)(*(column[first:last] for column in self))

    def _by_time(self) -> Self:
        order = np.argsort(self.at_us, kind="stable")
        times = self.at_us[order]
        is_last = np.ones(len(times), dtype=np.bool_)
        is_last[:-1] = times[1:] > times[:-1]
        return type(self)(*(column[order[is_last]] for column in self))
