"""A child ends with its parent, however that ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from extproc.envoy_config import until_parent_ends
from extproc.envoy_config.deferred_signals import ended_with_us
from tests.e2e.harness import wait_until
from tests.unit.cli.programs import environment, is_gone

PARENT = """
import subprocess, sys
from extproc.envoy_config.deferred_signals import ended_with_us

code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
subprocess.run(ended_with_us([sys.executable, "-c", code]))
"""


def test_it_ends_with_its_parent() -> None:
    """Also if the parent is killed and can end nobody."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
    wait_until(lambda: is_gone(pid), "the child is gone")


def test_it_is_the_program_itself() -> None:
    """Its arguments, its output, its exit code."""
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    ran = subprocess.run(ended_with_us([sys.executable, "-c", code, "a b", "-I"]), capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (7, b"['a b', '-I']\n", b"")


def test_a_parent_that_died_before_starts_nothing() -> None:
    """Nobody would end it."""
    program = (sys.executable, "-c", "print('started')")
    orphan = (sys.executable, until_parent_ends.__file__, "1", *program)
    assert subprocess.run(orphan, capture_output=True, check=True).stdout == b""


def test_a_program_that_is_not_there_is_an_error() -> None:
    """Of the system, before anything is started."""
    with pytest.raises(FileNotFoundError, match="No such file or directory: '/no/such/program'"):
        ended_with_us(["/no/such/program"])
