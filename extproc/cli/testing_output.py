"""The results of cases: as a table, as JUnit XML, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from extproc.cli.dryrun_data import unasked_data
from extproc.cli.dryrun_output import print_unasked
from extproc.cli.junit import JunitCase, JunitSuite, junit_xml
from extproc.cli.shapes import CaseFileJson, CaseJson, CasesJson
from extproc.cli.tables import plain_text, print_line
from extproc.cli.testing_run import FileRun
from extproc.dryrun.cases import CaseResult, Difference

_NS: Final = 1_000_000_000


def print_results(console: Console, tested: Sequence[FileRun], only_failed: bool) -> None:
    """One line for each case, below it what differs, and a line that sums up."""
    for one in tested:
        for result in one.results:
            if not (only_failed and result.ok):
                _print_result(console, one, result)
        print_unasked(console, [unasked for result in one.results for unasked in result.unasked])
    cases, failed = sum(len(one.results) for one in tested), sum(one.failed for one in tested)
    took_s = sum(one.took_ns for one in tested) / _NS
    said = f"{cases - failed} passed, {failed} failed in {took_s:.2f} s"
    print_line(console, Text(said, "bold red" if failed else "bold green"))


def _print_result(console: Console, tested: FileRun, result: CaseResult) -> None:
    mark = Text("PASS  ", "green") if result.ok else Text("FAIL  ", "bold red")
    mark.append(plain_text(result.name.replace("\n", " ")))
    if not result.ok:
        mark.append(f"  {tested.file}:{result.line}", "dim")
    print_line(console, mark)
    for one in result.differences:
        cuts = f"  ({one.cuts})" if one.cuts else ""
        print_line(console, Text(f"      {one.key}", "bold").append(plain_text(cuts)))
        for name, value, style in (("expected", one.expected, "green"), ("got", one.got, "red")):
            visible = plain_text(value.replace("\n", "\\n"))
            print_line(console, Text(f"        {name:<9}", "dim").append(visible, style))


def junit(tested: Sequence[FileRun]) -> bytes:
    """JUnit XML: a suite for each file."""
    return junit_xml(
        JunitSuite(str(one.file), [_junit_case(one, result) for result in one.results], one.took_ns) for one in tested
    )


def _junit_case(tested: FileRun, result: CaseResult) -> JunitCase:
    file, said = str(tested.file), [_sentence(difference) for difference in result.differences]
    return JunitCase(result.name, file, {"file": file, "line": str(result.line)}, said)


def _sentence(one: Difference) -> str:
    cuts = f" ({one.cuts})" if one.cuts else ""
    return f"{one.key}{cuts}: expected {one.expected}, got {one.got}"


def tested_data(tested: Sequence[FileRun]) -> CasesJson:
    """Of ``test``."""
    return {
        "ok": not any(one.failed for one in tested),
        "passed": sum(len(one.results) - one.failed for one in tested),
        "failed": sum(one.failed for one in tested),
        "took_ms": sum(one.took_ns for one in tested) / 1_000_000,
        "files": [_file_data(one) for one in tested],
    }


def _file_data(tested: FileRun) -> CaseFileJson:
    return {
        "file": str(tested.file),
        "config": str(tested.config),
        "revision": tested.revision,
        "cases": [_case_data(result) for result in tested.results],
    }


def _case_data(result: CaseResult) -> CaseJson:
    return {
        "name": result.name,
        "line": result.line,
        "ok": result.ok,
        "differences": [
            {"key": one.key, "expected": one.expected, "got": one.got, "cuts": one.cuts} for one in result.differences
        ],
        "unasked": unasked_data(result.unasked),
    }
