"""Lines of several processes on one pipe stay whole, however long they are."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from extproc.server.workers.log import WholeLines
from tests.hangs import HANG_S
from tests.unit.server.processes import ROOT

WRITER = """
import sys
from pathlib import Path
from extproc.server.workers.log import WholeLines
lines = WholeLines(1, Path(sys.argv[1]))
for number in range(60):
    lines.write(sys.argv[2] * (100_000 if number % 3 == 0 else 50) + "\\n")
"""


def test_long_lines_and_short_ones_are_not_mixed(tmp_path: Path) -> None:
    """Three processes write at once, some lines longer than the system keeps whole by itself."""
    reading, writing = os.pipe()
    letters = "abc"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), letter], stdout=writing, cwd=ROOT)
        for letter in letters
    ]
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = stream.read().splitlines()
    assert [writer.wait(HANG_S) for writer in writers] == [0, 0, 0]
    assert select.PIPE_BUF < 100_000
    assert sorted((line[0], len(line)) for line in lines) == sorted(
        (letter, 100_000 if number % 3 == 0 else 50) for letter in letters for number in range(60)
    )
    assert all(line == line[0] * len(line) for line in lines)


def test_a_reader_that_has_gone_is_an_error_that_the_log_bears(tmp_path: Path) -> None:
    """``OSError``, and others can write on: nothing stays locked."""
    reading, writing = os.pipe()
    os.close(reading)
    lines = WholeLines(writing, tmp_path)
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            lines.write("x" * 10_000 + "\n")
    os.close(writing)
