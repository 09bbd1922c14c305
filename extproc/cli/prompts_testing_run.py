"""Runs golden cases: asks a model server, compares its answers with what is expected, and asks a judge."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from extproc.cli.chat_server import ChatServer, ServerFailed
from extproc.cli.in_parallel import in_parallel
from extproc.cli.progress import progress
from extproc.cli.prompt_shapes import CaseStatus, Verdict
from extproc.config.prompt_cases import PromptCase
from extproc.config.prompt_catalog import KnownPrompt
from extproc.dryrun.prompt_answers import ModelAnswer, Shortfall, needs_only_judge, shortfalls
from extproc.dryrun.prompt_judge import JudgeUnclear, judge_request, judged
from extproc.dryrun.prompt_request import prompted_request

NO_JUDGE: Final = "no judge: --judge-url and --judge-model are not given"
_NS: Final = 1_000_000_000
_BAR_COLUMNS: Final = 20


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that judges answers."""

    server: ChatServer
    model: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What cases are run against. ``tokens_max``: largest length of an answer. [tokens]"""

    server: ChatServer
    tokens_max: int
    judge: Judge | None = None


@dataclass(frozen=True, slots=True)
class PromptJob:
    """One case with one prompt.

    Attributes:
        model: the name that the server knows.
        values: of the variables that the case does not set.
    """

    prompt: KnownPrompt
    case: PromptCase
    model: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PromptResult:
    """What came of a case.

    Attributes:
        reason: of an error, or why a case or its judge was skipped; else empty.
    """

    job: PromptJob
    status: CaseStatus
    took_ns: int
    shortfalls: tuple[Shortfall, ...] = ()
    answer: ModelAnswer | None = None
    reason: str = ""


def run_jobs(jobs: Sequence[PromptJob], tried: Tried, threads: int) -> list[PromptResult]:
    """Run all cases, at most so many at once. Returns: the results, in the order of the jobs."""
    results: dict[int, PromptResult] = {}
    with progress(_doing(len(jobs), results)) as line:
        for number, result in in_parallel([partial(run_job, job, tried) for job in jobs], threads):
            results[number] = result
            line.say(_doing(len(jobs), results))
    return [results[number] for number in range(len(jobs))]


def run_job(job: PromptJob, tried: Tried) -> PromptResult:
    """Run one case."""
    expect, began_ns = job.case.expect, time.perf_counter_ns()
    unjudged = NO_JUDGE if expect.judge is not None and tried.judge is None else ""
    if unjudged and needs_only_judge(expect):
        return PromptResult(job, "skipped", 0, reason=unjudged)
    body = prompted_request(job.prompt.compiled, job.case, job.values, job.model, tried.tokens_max)
    answer, short = None, list[Shortfall]()
    try:
        answer = tried.server.ask(body)
        short += shortfalls(expect, answer)
        if expect.judge is not None and tried.judge is not None:
            short += _judged(job.case, answer, tried.judge)
    except ServerFailed as failed:
        whose = "the server" if answer is None else "the judge"
        return PromptResult(job, "error", _since(began_ns), tuple(short), answer, f"{whose} {failed}")
    except JudgeUnclear as failed:
        return PromptResult(job, "error", _since(began_ns), tuple(short), answer, str(failed))
    return PromptResult(job, "failed" if short else "passed", _since(began_ns), tuple(short), answer, unjudged)


def compared(one: PromptResult, other: PromptResult) -> Verdict:
    """Whether the first result is better than that of the other prompt: with fewer shortfalls."""
    if one.status == other.status == "skipped":
        return "same"
    if {one.status, other.status} & {"error", "skipped"}:
        return "unknown"
    difference = len(one.shortfalls) - len(other.shortfalls)
    return "same" if difference == 0 else "better" if difference < 0 else "worse"


def _judged(case: PromptCase, answer: ModelAnswer, judge: Judge) -> list[Shortfall]:
    """Raises: ServerFailed, JudgeUnclear."""
    passes, reason = judged(judge.server.ask(judge_request(case, answer.text, judge.model)).text)
    return [] if passes else [Shortfall("judge", case.expect.judge or "", f"no: {reason}" if reason else "no")]


def _doing(total: int, results: Mapping[int, PromptResult]) -> str:
    """A bar, and what came of the cases so far."""
    done = len(results)
    bar = "=" * (done * _BAR_COLUMNS // total) if total else ""
    counts = Counter(result.status for result in results.values())
    bad = ", ".join(f"{counts[status]} {status}" for status in ("failed", "error") if counts[status])
    return f"Running the cases [{bar:<{_BAR_COLUMNS}}] {done} of {total}{f', {bad}' if bad else ''}"


def _since(began_ns: int) -> int:
    return time.perf_counter_ns() - began_ns
