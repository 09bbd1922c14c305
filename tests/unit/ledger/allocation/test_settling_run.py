"""A run, as its parent sees it: what it said, or how it ended."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from extproc.ledger.allocation.settling_run import SettledDays, SettlingRun
from tests.unit.ledger.allocation.test_sampling import until


def result(program: str, settings: dict[str, Any] | None = None) -> SettledDays:
    """Of a run of another program."""
    run = SettlingRun(settings or {}, (sys.executable, "-c", program))
    until(lambda: run.result)
    assert run.result is not None
    return run.result


def test_it_is_told_the_settings_and_says_what_it_found() -> None:
    """However much they are: a server has some hundred bytes, and a pipe is full with 64 KiB."""
    program = (
        "import json, sys; length = len(json.loads(sys.stdin.readline())['section'])\n"
        "print(json.dumps({'problems': [str(length)], 'too_large': ['2026-11-29'], 'unknown': {'10.0.0.9:8000': 3}}))"
    )
    assert result(program, {"section": "x" * 300_000}) == SettledDays(["300000"], ["2026-11-29"], {"10.0.0.9:8000": 3})


@pytest.mark.parametrize(
    ("program", "how"),
    [
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("print('something else')", "ended with exit code 0"),
        ("print('[]')", "ended with exit code 0"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGALRM)", "was ended by SIGALRM"),
    ],
)
def test_one_that_says_nothing(program: str, how: str) -> None:
    """Is a problem, with how it ended."""
    assert result(program) == SettledDays([f"the process that allocates {how}"], [], {})


def test_it_is_stopped() -> None:
    """While it runs; its parent waits for no more than its end."""
    run = SettlingRun({}, (sys.executable, "-c", "import sys; sys.stdin.read()"))
    run.stop()
    assert run.result == SettledDays(["the process that allocates was ended by SIGKILL"], [], {})


def test_a_program_that_is_not_there() -> None:
    """Is an error of who starts it."""
    with pytest.raises(OSError, match="nowhere"):
        SettlingRun({}, ("/nowhere",))
