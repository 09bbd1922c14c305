"""The results of cases: as a table, as JUnit XML, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from rich.console import Console
from rich.text import Text

from extproc.cli.dryrun_data import unasked_data
from extproc.cli.dryrun_output import print_unasked
from extproc.cli.shapes import CaseFileJson, CaseJson, CasesJson
from extproc.cli.tables import plain_text, print_line
from extproc.cli.testing_run import FileRun
from extproc.dryrun.cases import CaseResult, Difference

_NS: Final = 1_000_000_000
_INVALID_IN_XML: Final = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


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
    root = Element("testsuites")
    for one in tested:
        suite = SubElement(
            root,
            "testsuite",
            name=str(one.file),
            tests=str(len(one.results)),
            failures=str(one.failed),
            errors="0",
            time=f"{one.took_ns / _NS:.3f}",
        )
        for result in one.results:
            case = SubElement(suite, "testcase", name=_xml(result.name), classname=str(one.file))
            case.set("file", str(one.file))
            case.set("line", str(result.line))
            if not result.ok:
                said = [_sentence(difference) for difference in result.differences]
                SubElement(case, "failure", message=_xml(said[0])).text = _xml("\n".join(said))
    written: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _sentence(one: Difference) -> str:
    cuts = f" ({one.cuts})" if one.cuts else ""
    return f"{one.key}{cuts}: expected {one.expected}, got {one.got}"


def _xml(text: str) -> str:
    return text.translate(_INVALID_IN_XML)


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
