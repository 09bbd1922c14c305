"""Asks the servers of two versions the same stored requests."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from extproc.cli.chat_server import ChatServer, ServerFailed
from extproc.cli.in_parallel import in_parallel
from extproc.cli.progress import progress
from extproc.dryrun.pair_judge import OrderedVerdict, PairVerdict, both_orders, pair_judged, pair_request
from extproc.dryrun.prompt_judge import JudgeUnclear
from extproc.dryrun.replayed import AnswerSeen, ReplayedVersion, StoredRequest

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ReplaySide:
    """A version, and the server that it is asked at."""

    version: ReplayedVersion
    server: ChatServer


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a request at one side. Attributes: problem: why there is no answer; empty: there is one."""

    seen: AnswerSeen | None
    took_s: float | None
    problem: str = ""


AnswerPair = tuple[Replayed, Replayed]


@dataclass(frozen=True, slots=True)
class PairJudge:
    """A model that compares the answers of both sides by a rubric."""

    server: ChatServer
    model: str
    rubric: str


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """What the judge says. Attributes: problem: why it says nothing; empty: it does."""

    verdict: PairVerdict | None
    reason: str = ""
    problem: str = ""


def judge_all(
    requests: Sequence[StoredRequest], pairs: Sequence[AnswerPair], judge: PairJudge, threads: int
) -> list[JudgedPair | None]:
    """Let a judge compare the answers to each request. Returns: None for one that lacks an answer."""
    works = [partial(judge_pair, request, pair, judge) for request, pair in zip(requests, pairs, strict=True)]
    done: dict[int, JudgedPair | None] = {}
    with progress("Judging") as line:
        for number, result in in_parallel(works, threads):
            done[number] = result
            line.say(f"Judging: {len(done)} of {len(works)} pairs")
    return [done[number] for number in range(len(works))]


def judge_pair(request: StoredRequest, pair: AnswerPair, judge: PairJudge) -> JudgedPair | None:
    """Ask in both orders."""
    base, against = (one.seen for one in pair)
    if base is None or against is None:
        return None
    orders = (base.text, against.text), (against.text, base.text)
    try:
        told = [_ordered(request, *order, judge) for order in orders]
    except ServerFailed as failed:
        return JudgedPair(None, problem=f"the judge {failed}")
    except JudgeUnclear as unclear:
        return JudgedPair(None, problem=str(unclear))
    return JudgedPair(both_orders(*told), told[0].reason)


def _ordered(request: StoredRequest, first: str, second: str, judge: PairJudge) -> OrderedVerdict:
    """Raises: ServerFailed, JudgeUnclear."""
    body = pair_request(request.body["messages"], first, second, judge.rubric, judge.model)
    return pair_judged(judge.server.ask(body).text)


def replay_all(
    requests: Sequence[StoredRequest], sides: tuple[ReplaySide, ReplaySide], threads: int
) -> list[AnswerPair]:
    """Send each request to both, at most so many at once. Returns: what came of them, in the same order."""
    works = [partial(replay, request, side) for request in requests for side in sides]
    done: dict[int, Replayed] = {}
    with progress(_doing(len(works), done)) as line:
        for number, result in in_parallel(works, threads):
            done[number] = result
            line.say(_doing(len(works), done))
    return [(done[2 * number], done[2 * number + 1]) for number in range(len(requests))]


def replay(request: StoredRequest, side: ReplaySide) -> Replayed:
    """Send a request to one side."""
    run = side.version.sent(request)
    if run.model is None or run.is_refused:
        code = run.record.reason or "refused"
        return Replayed(None, None, f"it is not sent: {code}")
    began_ns = time.perf_counter_ns()
    try:
        answer = side.server.fetched(run.model)
    except ServerFailed as failed:
        return Replayed(None, None, f"the server {failed}")
    took_s = (time.perf_counter_ns() - began_ns) / _NS
    try:
        return Replayed(side.version.seen(request, answer), took_s)
    except ValueError:
        return Replayed(None, took_s, "the server answers no chat completion")


def _doing(total: int, done: Mapping[int, Replayed]) -> str:
    failed = sum(one.seen is None for one in done.values())
    return f"Asking: {len(done)} of {total} answers{f', {failed} failed' if failed else ''}"
