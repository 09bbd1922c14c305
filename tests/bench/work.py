"""What Python does for an exchange: calls, and memory at most. Both are the same on every machine.

So the test suite compares them with ``work.json``, and a step more in the path is seen, however noisy the machine.
``python -m tests.bench.work`` prints them, ``--record`` writes the file.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any, Final

from tests.bench.exchanges import SUBJECTS, InProcess, Script, scripts

RECORDED: Final = Path(__file__).parent / "work.json"
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Other versions of Python make other calls."""
_WARM_UP: Final = 60
_EXCHANGES: Final = 40
Work = dict[str, float]


def measure_work() -> Work:
    """``MEASURE.SUBJECT.SCRIPT``, an exchange: calls of functions in Python and in C, and KB at most."""
    found: Work = {}
    for subject, guarded in SUBJECTS.items():
        for script in scripts():
            processor = InProcess(guarded=guarded)
            for _ in range(_WARM_UP):
                processor.run(script)
            in_python, in_c = _calls(processor, script)
            name = f"{subject}.{script.name}"
            found |= {f"calls.{name}": in_python, f"c_calls.{name}": in_c, f"kb.{name}": _peak_kb(processor, script)}
    return found


def _calls(processor: InProcess, script: Script) -> tuple[float, float]:
    counts = {"call": 0, "c_call": 0}

    def count(_frame: Any, event: str, _argument: Any) -> None:
        if event in counts:
            counts[event] += 1

    sys.setprofile(count)
    try:
        for _ in range(_EXCHANGES):
            processor.run(script)
    finally:
        sys.setprofile(None)
    return counts["call"] / _EXCHANGES, counts["c_call"] / _EXCHANGES


def _peak_kb(processor: InProcess, script: Script) -> float:
    tracemalloc.start()
    try:
        processor.run(script)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        processor.run(script)
        return (tracemalloc.get_traced_memory()[1] - before) / 1_000
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    measured = {name: round(value, 1) for name, value in measure_work().items()}
    print(json.dumps(measured, indent=1))
    if "--record" in sys.argv:
        RECORDED.write_text(json.dumps({"python": PYTHON, **measured}, indent=1) + "\n")
