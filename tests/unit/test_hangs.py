"""No test fails as the machine is busy: each waits long for what must come."""

from __future__ import annotations

import re
from pathlib import Path

from tests.hangs import HANG_S

TESTS = Path(__file__).parents[1]
MEASURE = ("attack", "bench", "tools")
"""Not tests: their limits are part of what they do."""
WAITS = re.compile(r"(?:\btimeout=|\.wait\(|\bsettimeout\(|\.communicate\()(\d+(?:\.\d+)?)(?=[,)])")
"""A number in place of ``HANG_S``; less than a second is a pause that a test means to make."""


def short_waits(text: str) -> list[str]:
    """What waits for a fixed time that a busy machine may need."""
    return [found.group() for found in WAITS.finditer(text) if 1 <= float(found.group(1)) < HANG_S]


def test_no_limit_is_a_guess_of_how_fast_a_machine_is() -> None:
    """CI runs three parts at once on two cores."""
    files = [file for file in TESTS.rglob("*.py") if file.relative_to(TESTS).parts[0] not in MEASURE]
    found = {str(file.relative_to(TESTS)): short_waits(file.read_text()) for file in files if file != Path(__file__)}
    assert {file: waits for file, waits in found.items() if waits} == {}


def test_what_is_looked_for() -> None:
    """The forms that there were."""
    assert short_waits("process.wait(10) == 1") == [".wait(10"]
    assert short_waits("urlopen(url, timeout=5)\nrun(x, timeout=2.5, check=True)") == ["timeout=5", "timeout=2.5"]
    assert short_waits("wait(HANG_S) wait({task}, timeout=0.05) pytest.mark.timeout(300)") == []
