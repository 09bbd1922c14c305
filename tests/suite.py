"""All tests, in parts: ``make test`` runs this.

Three parts run at once, which is what two cores bear: many tests wait for an Envoy, for a process, or for a model's
recorded pace. Every part runs to its end whatever another finds, and a summary of all of them comes last.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from extproc.demo.installation import TRANSPORT_VARIABLE

_PYTEST: Final = (sys.executable, "-m", "pytest", "-q")


@dataclass(frozen=True, slots=True)
class Part:
    """Tests that run in one process: its name, pytest's arguments, and what is added to the environment."""

    name: str
    arguments: Sequence[str]
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """How a part ended: pytest's exit code, and its counts; None: it did not come to its end."""

    part: Part
    code: int
    counts: dict[str, int] | None
    seconds: float = 0.0


COMMANDS: Final = ("tests/e2e/test_demo.py", "tests/e2e/test_up.py")
"""They wait for the recorded pace of a model, and start each Envoy anew; no transport makes a difference."""
_SERVED: Final = ("tests/e2e", *(f"--ignore={file}" for file in COMMANDS))
THROUGH_ENVOY: Final = (
    Part("through Envoy, transport grpc", _SERVED, {TRANSPORT_VARIABLE: "grpc"}),
    Part("through Envoy, transport fast", _SERVED),
)
WITH_PROCESSES: Final = ("tests/unit/server", "tests/unit/cli")
"""Unit tests that start many processes."""
OTHERS: Final = (
    (
        Part("unit tests with processes", WITH_PROCESSES),
        Part("commands that start an Envoy", COMMANDS),
    ),
    (
        Part("all others", ("--ignore=tests/e2e", "--ignore=tests/unit", "--ignore=tests/extending")),
        Part("other unit tests", ("tests/unit", *(f"--ignore={folder}" for folder in WITH_PROCESSES))),
    ),
)


def run(shown: Sequence[Part], others: Sequence[Sequence[Part]], folder: Path) -> list[Result]:
    """Run ``shown`` one after the other with their output, and meanwhile each row of ``others`` likewise.

    Args: folder: for what the parts report.
    """
    running: list[subprocess.Popen[bytes]] = []
    ending = threading.Event()
    with ThreadPoolExecutor(len(others) or 1) as rows:
        waiting = [
            rows.submit(_run_row, row, folder / str(number), running, ending) for number, row in enumerate(others)
        ]
        try:
            results = []
            for part in shown:
                print(f"--- {part.name}", flush=True)
                report = folder / "shown.xml"
                report.unlink(missing_ok=True)
                process = _started(part, report)
                running.append(process)
                results.append(_result(part, process.wait(), report))
            for row in waiting:
                for result, output in row.result():
                    print(f"--- {result.part.name}\n{output}", flush=True)
                    results.append(result)
            return results
        finally:
            ending.set()
            for process in running:
                process.terminate()


def _run_row(
    row: Sequence[Part], folder: Path, running: list[subprocess.Popen[bytes]], ending: threading.Event
) -> list[tuple[Result, str]]:
    """The result and the output of each part; no further one starts once all is to end."""
    folder.mkdir()
    ended = []
    for number, part in enumerate(row):
        log, report = folder / f"{number}.log", folder / f"{number}.xml"
        with log.open("wb") as writing:
            process = _started(part, report, writing)
        running.append(process)
        if ending.is_set():
            process.terminate()
        code = process.wait()
        ended.append((_result(part, code, report), log.read_text(errors="replace")))
        if ending.is_set():
            break
    return ended


def summary(results: Sequence[Result]) -> str:
    """One line for each part."""
    columns = max(len(result.part.name) for result in results)
    lines = ["--- summary"]
    for result in results:
        verdict = "passed" if result.code == 0 else "FAILED"
        if result.counts is None:
            told = f"ended early, with code {result.code}"
        else:
            told = ", ".join(f"{count} {name}" for name, count in result.counts.items() if count)
            told += f" in {result.seconds:.0f} s"
        lines.append(f"  {verdict}  {result.part.name.ljust(columns)}  {told}")
    return "\n".join(lines)


def main() -> NoReturn:
    """Run all parts. Ctrl-C ends them."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory() as folder:
        results = run(THROUGH_ENVOY, OTHERS, Path(folder))
    print(summary(results), flush=True)
    raise SystemExit(next((result.code for result in results if result.code), 0))


def _started(part: Part, report: Path, output: object = None) -> subprocess.Popen[bytes]:
    command = [*_PYTEST, f"--junitxml={report}", *part.arguments]
    return subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | part.environ)  # type: ignore[call-overload, no-any-return]


def _result(part: Part, code: int, report: Path) -> Result:
    suite = ElementTree.parse(report).getroot().find("testsuite") if report.exists() else None
    if suite is None:
        return Result(part, code, None)
    told = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    passed = told["tests"] - told["failures"] - told["errors"] - told["skipped"]
    counts = {"passed": passed, "failed": told["failures"], "errors": told["errors"], "skipped": told["skipped"]}
    return Result(part, code, counts, float(suite.get("time", 0)))


if __name__ == "__main__":
    main()
