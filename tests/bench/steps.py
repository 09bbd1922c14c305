"""What each step of an exchange costs, and the parts of it: CPU of this process alone, without transport or Envoy.

Steps are timed as they are. Their parts are timed in a second run, in which each is wrapped; a wrapper takes a third
of a microsecond itself, so of parts only the order of size counts.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, cast
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from extproc.exchange import ending, request, request_steps, state, whole_response
from extproc.exchange.machine import TABLE
from extproc.payload.chat import Chat
from extproc.payload.view import RequestView
from extproc.server.transport import session as sessions
from tests.bench.exchanges import SUBJECTS, InProcess, Script, scripts
from tests.bench.figures import Figures
from tests.bench.subjects import Places

ROUNDS: Final = 200
PREFIX: Final = "step_us"
PART: Final = "part_us"
WHOLE: Final = "whole"
ENDS: Final = "end"
_TITLES: Final = {PREFIX: "Steps of an exchange: CPU in us", PART: "Parts of the steps: CPU in us, roughly"}
_PARTS: Final[dict[str, tuple[Any, str]]] = {
    "message decoded": (sessions, "decode"),
    "replies encoded": (sessions, "encode"),
    "caller": (request_steps, "note_caller"),
    "request parsed": (Chat, "read_request"),
    "policy chosen": (request, "choose_policy"),
    "request sized": (request_steps, "size_of"),
    "usage bounded": (request_steps, "note_usage_bounds"),
    "request written": (RequestView, "body_after"),
    "request sent on": (request, "forward"),
    "response parsed": (whole_response, "_read_response"),
    "response measured": (ending, "measure_response"),
    "response judged": (whole_response, "_guard_response"),
    "record ended": (state.ExchangeState, "end"),
    "message counted": (sessions.Session, "settle"),
}


def measure_steps(_places: Places | None = None) -> Figures:
    """``step_us_SUBJECT_SCRIPT_STEP`` and ``part_us_SUBJECT_SCRIPT_PART``. [us]"""
    found: Figures = {}
    for subject, guarded in SUBJECTS.items():
        for script in scripts():
            of = f"{subject}_{script.name}"
            found |= {f"{PREFIX}_{of}_{step}": us for step, us in _steps(InProcess(guarded=guarded), script).items()}
            found |= {f"{PART}_{of}_{part}": us for part, us in _parts(InProcess(guarded=guarded), script).items()}
    return found


def _steps(processor: InProcess, script: Script) -> dict[str, float]:
    """The median of each step, all messages of it together; ``end`` is that of Envoy's stream. [us]"""
    taken: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        began_ns = time.thread_time_ns()
        session = processor.open()
        for step, messages in script.messages.items():
            step_ns = time.thread_time_ns()
            for message in messages:
                session.receive(message)
                session.settle()
            taken[step].append((time.thread_time_ns() - step_ns) / 1_000)
        ends_ns = time.thread_time_ns()
        session.closed()
        ended_ns = time.thread_time_ns()
        taken[ENDS].append((ended_ns - ends_ns) / 1_000)
        taken[WHOLE].append((ended_ns - began_ns) / 1_000)
    return {step: statistics.median(us) for step, us in taken.items()}


class _Clock:
    """Times nested parts: what a part calls that is a part itself is not counted twice."""

    def __init__(self) -> None:
        self.taken_ns: dict[str, int] = defaultdict(int)
        self._inner_ns = [0]

    def timed(self, name_of: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed. Args: name_of: the part's name, of the arguments of a call."""

        def call(*arguments: Any, **named: Any) -> Any:
            self._inner_ns.append(0)
            began_ns = time.perf_counter_ns()
            try:
                return function(*arguments, **named)
            finally:
                took_ns = time.perf_counter_ns() - began_ns
                self.taken_ns[name_of(*arguments)] += took_ns - self._inner_ns.pop()
                self._inner_ns[-1] += took_ns

        return call


def _parts(processor: InProcess, script: Script) -> dict[str, float]:
    """The mean of each part. [us]"""
    clock = _Clock()
    for _ in range(ROUNDS // 4):
        processor.run(script)
    with _wrapped(clock, processor):
        for _ in range(ROUNDS):
            processor.run(script)
    return {part: took_ns / 1_000 / ROUNDS for part, took_ns in clock.taken_ns.items()}


@contextmanager
def _wrapped(clock: _Clock, processor: InProcess) -> Iterator[None]:
    with ExitStack() as patches:
        for part, (owner, name) in _PARTS.items():
            function = getattr(owner, name)
            patches.enter_context(patch.object(owner, name, clock.timed(lambda *_, part=part: part, function)))
        judge = clock.timed(lambda owner, *_: f"filter {owner.name}", request._judge)
        patches.enter_context(patch.object(request, "_judge", judge))
        for rows in TABLE.values():
            timed = {
                event: row._replace(act=clock.timed(lambda _, event, *__: f"rest of {type(event).__name__}", row.act))
                for event, row in rows.items()
            }
            patches.enter_context(patch.dict(cast(dict[Any, Any], rows), timed))
        for sink in processor.sinks:
            name = f"sink {type(sink).__name__}"
            ended = clock.timed(lambda *_, name=name: name, sink.exchange_ended)
            patches.enter_context(patch.object(sink, "exchange_ended", ended))
        yield


def print_steps(console: Console, found: Figures) -> None:
    """A table of steps, and one of parts; a column for each exchange."""
    for prefix, title in _TITLES.items():
        columns = [f"{subject}_{script.name}" for subject in SUBJECTS for script in scripts()]
        rows: dict[str, dict[str, float]] = defaultdict(dict)
        for name, us in found.items():
            for column in columns:
                if name.startswith(f"{prefix}_{column}_"):
                    rows[name.removeprefix(f"{prefix}_{column}_")][column] = us
        if not rows:
            continue
        table = Table(title=title)
        table.add_column("")
        for column in columns:
            table.add_column(column, justify="right")
        for row, cells in sorted(rows.items(), key=lambda each: -max(each[1].values())):
            table.add_row(row, *(f"{cells[column]:,.1f}" if column in cells else "-" for column in columns))
        console.print(table)
