"""``extproc serve`` that notes what each turn of its event loop takes: a launcher of the benchmark's own.

A turn is what one read from Envoy leads to: messages are judged, replies written, ended exchanges counted. Others wait
for its end, so turns are the work of the queue that ``extproc/sizing/waiting.py`` simulates. Their CPU time is taken,
since other programs on the machine make them longer but not more work.

``python -m tests.bench.turn_times CONFIG FILE``; when it ends, FILE holds the turns, in ns, as an array of numpy.
"""

from __future__ import annotations

import sys
import time
from array import array

import numpy as np

from extproc.cli import main
from extproc.server.transport.fast.connection import FastConnection

TURNS_MAX = 2_000_000


def note_turns(noted: array[int]) -> None:
    """Let every connection of this process note its turns [ns of CPU]; beyond ``TURNS_MAX`` none is noted."""
    taken = FastConnection.data_received

    def data_received(self: FastConnection, data: bytes) -> None:
        began_ns = time.thread_time_ns()
        taken(self, data)
        if len(noted) < TURNS_MAX:
            noted.append(time.thread_time_ns() - began_ns)

    FastConnection.data_received = data_received  # type: ignore[method-assign]


if __name__ == "__main__":
    config, file = sys.argv[1:]
    turns = array("q")
    note_turns(turns)
    sys.argv = ["extproc", "serve", "--config", config]
    try:
        main()
    finally:
        with open(file, "wb") as output:
            np.save(output, np.asarray(turns, dtype=np.int64))
