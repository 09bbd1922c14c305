"""Runs one exchange through the machine as Envoy would: headers, bodies, pieces of a stream, and the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import pairwise
from typing import Final

from extproc.domain.classification import BlockingCheck, FoundInText
from extproc.domain.feedback import FeedbackClaim, FeedbackResult
from extproc.domain.finding import Evidence, Finding
from extproc.domain.record import Action, Coverage
from extproc.domain.review import FindingNotes
from extproc.domain.text import Direction
from extproc.dryrun.assumed_budgets import AssumedBudgets, assumed_exhausted
from extproc.dryrun.message import AnswerMessage, RequestMessage
from extproc.dryrun.outcome import DryRun, GuardFinding, StreamPiece, Unasked, with_owners
from extproc.dryrun.texts import TextReader
from extproc.exchange.budget_memory import BudgetKeeper
from extproc.exchange.events import (
    Abort,
    BodyMode,
    Command,
    ContinueBody,
    ContinueChunk,
    ContinueHeaders,
    Event,
    FeedbackAnswered,
    ImmediateResponse,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    SendChunk,
    Step,
    StreamClosed,
    VerdictReceived,
)
from extproc.exchange.limit_memory import LimitMemory
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from extproc.payload.endpoints import ENDPOINTS

EXCHANGE_ID: Final = "dry-run"
Verdicts = Mapping[str, Sequence[Finding]]
"""What classifiers would find, by guard."""

_MILLISECOND_NS: Final = 1_000_000
_CHARS_MAX: Final = 1 << 30  # the whole text is kept with each finding
_EVENT_END: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def dry_run(
    snapshot: Snapshot,
    request: RequestMessage,
    answer: AnswerMessage | None = None,
    *,
    cuts: Iterable[int] | None = None,
    verdicts: Verdicts | None = None,
    exchange_id: str = EXCHANGE_ID,
    utc_s: float = 0.0,
    exhausted: Iterable[str] = (),
) -> DryRun:
    """Run a request, and what a model server would answer, through a snapshot of ``compile_dry``.

    Args:
        cuts: where the answer's body is cut into chunks [bytes]; None: whole, or a stream at its events.
        verdicts: of awaited classifiers; without one a request goes on as if nothing was found.
        exchange_id: decides what is drawn by chance: samples.
        utc_s: when it is taken to begin, since 1970. [s]
        exhausted: names of budgets that are taken to be exhausted.
    Raises: ValueError, if none of that name acts.
    """
    budgets = AssumedBudgets(assumed_exhausted(snapshot, exhausted))
    run = _Run(snapshot, request, answer, verdicts or {}, exchange_id, utc_s, budgets)
    run.send_request()
    if answer is not None and run.model is not None and run.reply is None:
        run.send_answer(answer, cuts)
    run.hear(StreamClosed())
    return run.outcome()


def chunks_of(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """A body in pieces; places outside of it do not count."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(body)}), len(body)]
    return [body[start:end] for start, end in pairwise(places)]


def event_cuts(stream: bytes) -> list[int]:
    """The ends of a stream's events."""
    return [match.end() for match in _EVENT_END.finditer(stream)]


def drawn_cuts(length: int, seed: str) -> list[int]:
    """Places in a body, some close together and some far apart; the same for the same seed."""
    cuts: list[int] = []
    place = number = 0
    while place < length:
        draw = int.from_bytes(blake2b(f"{seed} {number}".encode(), digest_size=4).digest(), "big")
        place += 1 + draw % (4 if draw & 1 << 20 else 160)
        number += 1
        cuts.append(place)
    return cuts


class _Run:
    """One exchange: what each side has got so far."""

    def __init__(
        self,
        snapshot: Snapshot,
        request: RequestMessage,
        answer: AnswerMessage | None,
        verdicts: Verdicts,
        exchange_id: str,
        utc_s: float,
        budgets: BudgetKeeper,
    ) -> None:
        self._snapshot = snapshot
        self._request = request
        self._upstream = answer
        self._verdicts = verdicts
        self._exchange = Exchange(snapshot, exchange_id, 0, utc_s=utc_s, limiter=LimitMemory(), budgets=budgets)
        self._utc_s = utc_s
        self._exchange.record.notes = FindingNotes(_CHARS_MAX, self._note)
        self._now_ns = 0
        self._found: list[GuardFinding] = []
        self._unasked: list[Unasked] = []
        self._changes: list[ContinueHeaders | ContinueBody] = []
        self._errors: list[BaseException] = []
        self._pieces: list[StreamPiece] = []
        self._answer_headers: dict[str, str] | None = None
        self._client = bytearray()
        self._closed = False  # nothing more is sent to the client
        self._broken_off = False
        self.model: bytes | None = None
        self.reply: ImmediateResponse | None = None

    def send_request(self) -> None:
        """The headers, the body, and the verdicts that the request waits for."""
        request = self._request
        self.hear(RequestHeaders(request.headers, end=not request.body))
        if self._exchange.awaits_request:
            waits = self.hear(RequestBody(request.body)).waits
            for wait in waits:
                if self.reply is None and isinstance(wait, BlockingCheck):
                    self.hear(self._verdict(wait))
                elif isinstance(wait, FeedbackClaim):  # as if its exchange existed: nobody has asked the ledger
                    exchange = wait.given.exchange or EXCHANGE_ID
                    self.hear(FeedbackAnswered(replace(wait, exchange=exchange, result=FeedbackResult.CREATED)))

    def send_answer(self, answer: AnswerMessage, cuts: Iterable[int] | None) -> None:
        """The headers, and the body in the mode that the processor asks for."""
        headers = dict(answer.headers)
        if answer.streamed or cuts is not None:
            headers.pop("content-length", None)
        else:
            headers["content-length"] = str(len(answer.body))
        commands = self.hear(ResponseHeaders(headers, end=not answer.body, details="via_upstream")).commands
        mode = next((one.response_body for one in commands if isinstance(one, ContinueHeaders)), None)
        if mode is None or self.reply is not None or self._broken_off:
            return
        self._answer_headers = _without(headers, commands)
        if mode is BodyMode.NONE:
            self._client += answer.body
        elif mode is BodyMode.BUFFERED:
            self.hear(ResponseBody(answer.body, True))
        else:
            self._send_chunks(answer, event_cuts(answer.body) if cuts is None else cuts)

    def _send_chunks(self, answer: AnswerMessage, cuts: Iterable[int]) -> None:
        dialect = ENDPOINTS.get(self._request.path.partition("?")[0])
        shows = answer.streamed and dialect is not None
        came, went = (TextReader(dialect), TextReader(dialect)) if shows and dialect is not None else (None, None)
        chunks = chunks_of(answer.body, cuts)
        for number, chunk in enumerate(chunks, start=1):
            if self._closed:
                break
            sent = len(self._client)
            self.hear(ResponseBody(chunk, number == len(chunks)))
            if came is not None and went is not None:
                held = "".join(self._exchange.held.values()) if not self._closed else ""
                self._pieces.append(StreamPiece(came.feed(chunk), went.feed(bytes(self._client[sent:])), held))

    def hear(self, event: Event) -> Step:
        """Give the exchange one event, and do what Envoy does with its commands."""
        self._now_ns += _MILLISECOND_NS
        step = self._exchange.step(event, self._now_ns)
        if step.error is not None:
            self._errors.append(step.error)
        for job in step.jobs:
            if job.texts:
                self._unasked.append(Unasked(job.guard, job.classifier, job.direction, len(job.texts), False))
        for command in step.commands:
            self._obey(event, command)
        return step

    def _obey(self, event: Event, command: Command) -> None:
        if isinstance(command, ImmediateResponse):
            self.reply, self._closed, self._answer_headers = command, True, None
        elif isinstance(command, Abort):
            self._closed = self._broken_off = True
        elif isinstance(command, SendChunk):
            self._client += command.body
            self._closed = command.end
        elif isinstance(event, ResponseBody) and isinstance(command, ContinueBody | ContinueChunk):
            self._client += event.body if command.body is None else command.body
        elif isinstance(command, ContinueHeaders | ContinueBody) and command.direction is Direction.REQUEST:
            self._forward(event, command)

    def _forward(self, event: Event, command: ContinueHeaders | ContinueBody) -> None:
        self._changes.append(command)
        if isinstance(command, ContinueBody):
            self.model = self._request.body if command.body is None else command.body
        elif isinstance(event, RequestHeaders) and not self._exchange.awaits_request:
            self.model = self._request.body

    def _verdict(self, check: BlockingCheck) -> VerdictReceived:
        """The given verdict; without one the request goes on as if nothing was found, which is not coverage."""
        found = self._verdicts.get(check.guard)
        if found is None:
            texts = len(check.texts)
            self._unasked.append(Unasked(check.guard, check.classifier, Direction.REQUEST, texts, awaited=True))
        in_texts: list[FoundInText] = [(check.texts[-1], one) for one in found or ()]
        return VerdictReceived(check, in_texts)

    def _note(self, guard: str, direction: str, action: str, evidence: Evidence) -> None:
        self._found.append(GuardFinding(guard, Direction(direction), Action(action), evidence))

    def outcome(self) -> DryRun:
        """What came of it."""
        record = self._exchange.record
        policy = next((one for one in self._snapshot.policies if one.name == record.policy), None)
        headers = self._answer_headers
        for one in self._unasked:
            record.coverage.pop((one.guard, one.direction.value, Coverage.CHECKED), None)
        return DryRun(
            snapshot=self._snapshot,
            record=record,
            request=self._request,
            upstream=self._upstream,
            model=self.model,
            answer=None if headers is None else AnswerMessage(headers, bytes(self._client), self._request.path),
            reply=self.reply,
            broken_off=self._broken_off,
            changes=tuple(self._changes),
            found=with_owners(self._found, () if policy is None else policy.guards),
            pieces=tuple(self._pieces),
            unasked=tuple(self._unasked),
            errors=tuple(self._errors),
            utc_s=self._utc_s,
            claim=self._exchange.claim,
            budgets=tuple(self._exchange.budget_claims),
        )


def _without(headers: Mapping[str, str], commands: Sequence[Command]) -> dict[str, str]:
    removed = {name for one in commands if isinstance(one, ContinueHeaders) for name in one.changes.remove}
    return {name: value for name, value in headers.items() if name not in removed}
