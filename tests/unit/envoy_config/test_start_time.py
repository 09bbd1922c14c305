"""A start may take longer on a busy machine, and its end is told with the load."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from extproc.demo.processor_process import ProcessorNotReadyError, ProcessorProcess
from extproc.envoy_config.start_time import BUSY_FACTOR_MAX, TimeLimit, busy_factor, load_told


class Machine:
    """A machine with two CPUs, a load and a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.load, self.now_s = 0.0, 100.0
        monkeypatch.setattr(os, "getloadavg", lambda: (self.load, 9.0, 9.0))
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """An idle one."""
    return Machine(monkeypatch)


@pytest.mark.parametrize(("load", "factor"), [(0.0, 1.0), (2.0, 1.0), (5.0, 2.5), (100.0, BUSY_FACTOR_MAX)])
def test_the_factor_is_the_load_of_each_cpu(machine: Machine, load: float, factor: float) -> None:
    """Never less than 1, and bounded."""
    machine.load = load
    assert busy_factor() == factor


def test_an_idle_machine_gets_the_time_that_was_asked_for(machine: Machine) -> None:
    """And no more."""
    limit = TimeLimit(20)
    machine.now_s += 19.9
    assert not limit.is_over()
    machine.now_s += 0.2
    assert limit.is_over()
    assert load_told() == ""


def test_a_busy_machine_gets_more(machine: Machine) -> None:
    """Also after its load has fallen again: the work was late by then."""
    limit = TimeLimit(20)
    machine.load = 8.0
    machine.now_s += 79
    assert not limit.is_over()
    assert load_told() == " (the machine is busy: load 8.0 on 2 CPUs)"
    machine.load = 0.0
    assert not limit.is_over()
    machine.now_s += 2
    assert limit.is_over()
    assert limit.waited_s == 81


def test_a_processor_that_does_not_get_ready_is_told_with_the_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with how long it was waited for; it is an error of its own, as the machine may be to blame."""
    monkeypatch.setattr(os, "getloadavg", lambda: (30.0, 9.0, 9.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    never = tmp_path / "python"
    never.write_text("#!/bin/sh\nexec sleep 60\n")
    never.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(never))
    processor = ProcessorProcess(tmp_path / "config.yaml", "127.0.0.1:1", tmp_path / "log")
    told = r"not ready after \d+ s \(the machine is busy: load 30.0 on 2 CPUs\)"
    with pytest.raises(ProcessorNotReadyError, match=told):
        processor.start(ready_s_max=0.1)
