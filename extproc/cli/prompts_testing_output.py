"""The results of golden cases: as a table, as JUnit XML, as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from extproc.cli.junit import JunitCase, JunitSuite, junit_xml
from extproc.cli.prompt_shapes import ComparedCaseJson, PromptResultJson, PromptTestJson, Verdict
from extproc.cli.prompts_testing_run import PromptResult, compared
from extproc.cli.tables import plain_text, print_line, print_lines, print_table

_NS: Final = 1_000_000_000
_MS_NS: Final = 1_000_000
_ANSWER_CHARS_MAX: Final = 300
_MARKS: Final = {
    "passed": ("PASS", "green"),
    "failed": ("FAIL", "bold red"),
    "error": ("ERROR", "bold red"),
    "skipped": ("SKIP", "yellow"),
}
_VERDICT_STYLES: Final[dict[Verdict, str]] = {"better": "green", "worse": "red", "same": "", "unknown": "yellow"}


@dataclass(frozen=True, slots=True)
class PromptTest:
    """All results, and those of the other prompt, in the same order.

    Attributes:
        against: the other prompt; empty: none.
    """

    url: str
    results: Sequence[PromptResult]
    took_ns: int
    against: str = ""
    against_results: Sequence[PromptResult] = ()

    @property
    def ok(self) -> bool:
        """Whether no case fails, and every one has its answer."""
        statuses = {one.status for one in self.results} | {one.status for one in self.against_results} - {"failed"}
        return not statuses & {"failed", "error"}

    @property
    def verdicts(self) -> list[Verdict]:
        """For each case, whether it is better with the tested prompt; empty without another one."""
        return list(map(compared, self.results, self.against_results))


def print_test(console: Console, tested: PromptTest) -> None:
    """What is not as expected, then a line for each case, and lines that sum up."""
    for one in (*tested.results, *tested.against_results):
        if one.status == "failed":
            _print_failed(console, one)
    for reason, cases in _reasons(tested):
        print_lines(console, [f"{cases}: {reason}"])
    print_table(console, _table(tested))
    counts = Counter(one.status for one in tested.results)
    errors = "1 error" if counts["error"] == 1 else f"{counts['error']} errors"
    said = f"{counts['passed']} passed, {counts['failed']} failed, {errors}, {counts['skipped']} skipped"
    style = "bold green" if tested.ok else "bold red"
    print_line(console, Text(f"{said} in {tested.took_ns / _NS:.1f} s", style))
    if tested.against:
        verdicts = Counter(tested.verdicts)
        told = ", ".join(f"{verdicts[one]} {one}" for one in _VERDICT_STYLES if verdicts[one])
        print_line(console, Text(f"against {tested.against}: {told}"))


def _print_failed(console: Console, one: PromptResult) -> None:
    print_line(console, Text("FAIL  ", "bold red").append(plain_text(f"{one.job.prompt.name}: {one.job.case.name}")))
    for short in one.shortfalls:
        print_lines(console, [f"      {short.key}"])
        for name, value in (("expected", short.expected), ("got", short.got)):
            print_lines(console, [f"        {name:<9}{_one_line(value)}"])
    if one.answer is not None:
        cut = ", cut at --max-tokens" if one.answer.cut_short else ""
        print_lines(console, [f"      answer{cut}", f"        {_one_line(one.answer.text)}"])


def _reasons(tested: PromptTest) -> Iterator[tuple[str, str]]:
    """Each reason of an error or of what was skipped, with the cases that have it."""
    every = [one for one in (*tested.results, *tested.against_results) if one.reason]
    for reason, found in groupby(sorted(every, key=lambda one: one.reason), lambda one: one.reason):
        names = list(dict.fromkeys(one.job.case.name for one in found))
        yield reason, names[0] if len(names) == 1 else f"{len(names)} cases"


def _table(tested: PromptTest) -> Table:
    table = Table(box=None, pad_edge=False)
    several = len({one.job.prompt.name for one in tested.results}) > 1
    columns = ["result", *(["prompt"] if several else []), "case", "time", "tokens"]
    for name in [*columns, *([f"than {tested.against}"] if tested.against else [])]:
        table.add_column(name, overflow="fold", justify="right" if name in ("time", "tokens") else "left")
    verdicts: Iterable[Verdict | None] = tested.verdicts or repeat(None)
    for one, verdict in zip(tested.results, verdicts, strict=False):
        mark, style = _MARKS[one.status]
        cells = [Text(mark, style), *([Text(plain_text(one.job.prompt.name))] if several else [])]
        cells += [Text(_one_line(one.job.case.name)), Text(f"{one.took_ns / _NS:.1f} s"), Text(_tokens(one))]
        table.add_row(*cells, *([Text(verdict, _VERDICT_STYLES[verdict])] if verdict else []))
    return table


def _tokens(one: PromptResult) -> str:
    usage = one.answer.usage if one.answer is not None else None
    return "-" if usage is None else f"{usage.prompt}+{usage.completion}"


def _one_line(text: str) -> str:
    line = plain_text(" ".join(text.split()))
    return line if len(line) <= _ANSWER_CHARS_MAX else f"{line[:_ANSWER_CHARS_MAX]}…"


# --- for programs --------------------------------------------------------------------------------------------------


def prompt_test_junit(tested: PromptTest) -> bytes:
    """JUnit XML: a suite for each prompt, without the other one."""
    suites = []
    for name, found in groupby(tested.results, lambda one: one.job.prompt.name):
        results = list(found)
        took_ns = sum(one.took_ns for one in results)
        suites.append(JunitSuite(name, [_junit_case(name, one) for one in results], took_ns))
    return junit_xml(suites)


def _junit_case(suite: str, one: PromptResult) -> JunitCase:
    return JunitCase(
        one.job.case.name,
        suite,
        {"time": f"{one.took_ns / _NS:.3f}"},
        [f"{short.key}: expected {short.expected}, got {short.got}" for short in one.shortfalls]
        if one.status == "failed"
        else (),
        one.reason if one.status == "error" else "",
        one.reason if one.status == "skipped" else "",
    )


def prompt_test_data(tested: PromptTest) -> PromptTestJson:
    """Of ``prompts test``."""
    counts = Counter(one.status for one in tested.results)
    verdicts: list[ComparedCaseJson] = [
        {"prompt": one.job.prompt.name, "case": one.job.case.name, "verdict": verdict}
        for one, verdict in zip(tested.results, tested.verdicts, strict=False)
    ]
    return {
        "ok": tested.ok,
        "url": tested.url,
        "passed": counts["passed"],
        "failed": counts["failed"],
        "errors": counts["error"],
        "skipped": counts["skipped"],
        "took_ms": tested.took_ns / _MS_NS,
        "results": [_result_data(one) for one in tested.results],
        "against": tested.against or None,
        "against_results": [_result_data(one) for one in tested.against_results],
        "compared": verdicts,
    }


def _result_data(one: PromptResult) -> PromptResultJson:
    answer = one.answer
    usage = answer.usage if answer is not None else None
    return {
        "prompt": one.job.prompt.name,
        "case": one.job.case.name,
        "status": one.status,
        "took_ms": one.took_ns / _MS_NS,
        "prompt_tokens": usage.prompt if usage is not None else None,
        "cached_tokens": usage.cached if usage is not None else None,
        "completion_tokens": usage.completion if usage is not None else None,
        "answer": answer.text if answer is not None else None,
        "cut_short": answer is not None and answer.cut_short,
        "shortfalls": [{"key": short.key, "expected": short.expected, "got": short.got} for short in one.shortfalls],
        "reason": one.reason,
    }
