"""Work in several threads, which Ctrl-C does not wait for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(works: Sequence[Callable[[], Result]], threads: int) -> Iterator[tuple[int, Result]]:
    """Do everything, at most so many at once. Yields: the number of a work and its result, as each is done.

    The threads of ``concurrent.futures`` keep a process from ending until each has done its work.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result | BaseException]] = queue.SimpleQueue()
    for number in range(len(works)):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, works[number]()))
            except BaseException as error:  # it is raised where the results are read
                done.put((number, error))

    for _ in range(min(threads, len(works))):
        threading.Thread(target=work, name="work", daemon=True).start()
    for _ in works:
        number, result = done.get()
        if isinstance(result, BaseException):
            raise result
        yield number, result
