"""Work in threads: all of it is done, so many at once, and a failure is raised."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from extproc.cli.in_parallel import in_parallel
from tests.hangs import HANG_S


def test_every_work_has_its_result() -> None:
    """With its number."""
    assert dict(in_parallel([partial(pow, number, 2) for number in range(9)], 4)) == {n: n * n for n in range(9)}
    assert list(in_parallel([], 4)) == []


def test_so_many_are_done_at_once() -> None:
    """Each waits for the others; with fewer threads this would not end."""
    together = threading.Barrier(3, timeout=HANG_S)
    assert len(list(in_parallel([together.wait] * 6, 3))) == 6


def test_never_more_are_done_at_once() -> None:
    """However much there is to do."""
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    list(in_parallel([work] * 50, 2))
    assert 1 <= most <= 2


def test_a_failure_is_raised_where_results_are_read() -> None:
    """And not lost in a thread."""
    with pytest.raises(ZeroDivisionError):
        list(in_parallel([partial(divmod, 1, 0)], 1))
