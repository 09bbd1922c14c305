"""``extproc serve`` that notes each pause of Python's garbage collector: a launcher of the benchmark's own.

``python -m tests.bench.collector_pauses CONFIG FILE``; when it ends, FILE holds one line a pause: when it began (the
monotonic clock [ns]), how long it took [ns], and its generation.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from extproc.cli import main

PAUSES_MAX = 1_000_000


class Pauses:
    """The pauses so far."""

    def __init__(self) -> None:
        self.seen: deque[tuple[int, int, int]] = deque(maxlen=PAUSES_MAX)
        self._began_ns = 0

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        """The collector starts or stops."""
        now_ns = time.monotonic_ns()
        if phase == "start":
            self._began_ns = now_ns
        else:
            self.seen.append((self._began_ns, now_ns - self._began_ns, info["generation"]))

    def write(self, file: Path) -> None:
        """One line a pause."""
        file.write_text("".join(f"{began_ns} {took_ns} {generation}\n" for began_ns, took_ns, generation in self.seen))


if __name__ == "__main__":
    config, noted = sys.argv[1:]
    pauses = Pauses()
    gc.callbacks.append(pauses)
    sys.argv = ["extproc", "serve", "--config", config]
    try:
        main()
    finally:
        pauses.write(Path(noted))
