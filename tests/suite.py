"""All tests, in parts: ``make test`` runs this.

Three parts run at once, which is what two cores bear: many tests wait for an Envoy or for a process. Whichever of the
three is free takes the next part, so none idles before the end. Every part runs to its end whatever another finds, and
a summary of all of them comes last.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

from extproc.demo.installation import TRANSPORT_VARIABLE

AT_ONCE: Final = 3
MEMORY: Final = Path("/dev/shm")
FREE_BYTES_MIN: Final = 2**31
"""Several times what the tests' files take at a time."""
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


def _rest_of(folder: str, *others: Part | str) -> tuple[str, ...]:
    """The tests of a folder but for those of other parts, and those in other folders."""
    taken = (one for other in others for one in ([other] if isinstance(other, str) else other.arguments))
    return (folder, *(f"--ignore={one}" for one in taken))


COMMANDS: Final = Part("commands that start an Envoy", ("tests/e2e/test_demo.py", "tests/e2e/test_up.py"))
THROUGH_ENVOY: Final = (
    Part("through Envoy, transport fast", _rest_of("tests/e2e", COMMANDS)),
    Part("through Envoy, transport grpc", ("tests/e2e", "-m", "transport"), {TRANSPORT_VARIABLE: "grpc"}),
)
SERVER: Final = Part("unit tests of the server", ("tests/unit/server", "tests/unit/launch"))
CLI: Final = Part("unit tests of commands", ("tests/unit/cli",))
DETECTORS: Final = Part("unit tests of detectors", ("tests/unit/detectors",))
FILTERS: Final = Part("unit tests of filters and dialects", ("tests/unit/filters", "tests/unit/payload"))
PLAYBOOKS: Final = Part("playbooks", ("tests/playbooks",))
EXTENDING: Final = Part("what CONTRIBUTING adds", ("tests/extending",))
STORES: Final = Part("unit tests of ledger and rate limits", ("tests/unit/ledger", "tests/unit/rate_limits"))
OTHER_UNITS: Final = Part("other unit tests", _rest_of("tests/unit", SERVER, CLI, DETECTORS, FILTERS, STORES))
OTHERS: Final = Part("all others", _rest_of("tests", "tests/e2e", "tests/unit", PLAYBOOKS, EXTENDING))
PARTS: Final = (
    THROUGH_ENVOY[0],
    OTHER_UNITS,
    STORES,
    CLI,
    OTHERS,
    COMMANDS,
    SERVER,
    THROUGH_ENVOY[1],
    DETECTORS,
    FILTERS,
    PLAYBOOKS,
    EXTENDING,
)
"""The longest first, so that the last ones are short and all end together. Those that mostly wait (Envoy, commands, the
server) come beside those that compute (the rest): the processors are then busy to the end.
"""


def folder_of_tests(memory: Path = MEMORY, free_bytes_min: int = FREE_BYTES_MIN) -> Path | None:
    """Where the tests write: in memory, since hundreds of databases would else be synced to a disk.

    Returns: None where it has too little room, or runs no programs; tests then write where they do by themselves.
    """
    try:
        room, terms = shutil.disk_usage(memory).free, os.statvfs(memory).f_flag
    except OSError:
        return None
    return memory if room >= free_bytes_min and not terms & os.ST_NOEXEC else None


def run(parts: Sequence[Part], folder: Path, at_once: int = AT_ONCE) -> list[Result]:
    """Run the parts, so many at once, and print the output of each as soon as it has ended.

    Args: folder: for what the parts report.
    """
    running: list[subprocess.Popen[bytes]] = []
    ending = threading.Event()
    with ThreadPoolExecutor(at_once) as workers:
        try:  # from here on, a signal ends what has begun
            submitted = [
                workers.submit(_run_part, part, folder / str(number), running, ending)
                for number, part in enumerate(parts)
            ]
            for ended in as_completed(submitted):
                result, output = ended.result()
                _tell(f"--- {result.part.name}\n{output}")
            return [each.result()[0] for each in submitted]
        finally:
            ending.set()
            for process in running:
                process.terminate()


def _run_part(
    part: Part, stem: Path, running: list[subprocess.Popen[bytes]], ending: threading.Event
) -> tuple[Result, str]:
    """The result and the output. None starts once all is to end."""
    if ending.is_set():
        return Result(part, -signal.SIGTERM, None), ""
    log, report = stem.with_suffix(".log"), stem.with_suffix(".xml")
    command = [*_PYTEST, f"--junitxml={report}", *part.arguments]
    _tell(f"running: {part.name}")
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | part.environ)
    running.append(process)
    if ending.is_set():
        process.terminate()
    return _result(part, process.wait(), report), log.read_text(errors="replace")


def _tell(text: str) -> None:
    """Print lines in one piece: several threads do."""
    print(f"{text}\n", end="", flush=True)


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
    with tempfile.TemporaryDirectory(prefix="t-", dir=folder_of_tests()) as folder:
        os.chmod(folder, 0o711)  # a PostgreSQL server is another user
        os.environ["TMPDIR"] = folder
        results = run(PARTS, Path(folder))
    print(summary(results), flush=True)
    raise SystemExit(next((result.code for result in results if result.code), 0))


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
