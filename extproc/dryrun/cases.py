"""Runs cases: builds the exchange of each, and compares what came of it with what is expected."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from extproc.config.document import Document
from extproc.config.problems import ConfigInvalid, KeyPath, Places, Problem, did_you_mean, names
from extproc.config.prompts import prompt_name
from extproc.config.routes import seconds_of
from extproc.domain.contract import ENDPOINT_PATHS, MODEL_HEADER, VERSION_HEADER
from extproc.domain.finding import Finding
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker
from extproc.dryrun.assumed_budgets import assumed_exhausted
from extproc.dryrun.case_file import CaseMessage, ExchangeCase, Expectation, LoadedCases, as_list
from extproc.dryrun.compiled import name_of
from extproc.dryrun.driver import drawn_cuts, dry_run
from extproc.dryrun.message import AnswerMessage, RequestMessage, read_answer, read_request
from extproc.dryrun.outcome import DryRun, Unasked
from extproc.dryrun.texts import SourcedText
from extproc.dryrun.written import HARMLESS, answer_of, request_of
from extproc.exchange.snapshot import Snapshot

NONE: Final = "none"
_DRAWS: Final = 8
_CHAT: Final = ENDPOINT_PATHS["chat"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an outcome differs from what is expected. ``cuts``: how the answer was cut, if that matters."""

    key: str
    expected: str
    got: str
    cuts: str = ""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case. ``runs`` are its exchanges, one for each way to cut the answer."""

    name: str
    line: int
    differences: tuple[Difference, ...]
    unasked: tuple[Unasked, ...] = ()
    last: DryRun | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is as expected."""
        return not self.differences


class CaseRunner:
    """The cases of one file, on one configuration.

    Args:
        document: that the snapshot was compiled from.
        files: content of each file that the cases name.
    """

    def __init__(self, loaded: LoadedCases, document: Document, snapshot: Snapshot, files: Mapping[str, bytes]) -> None:
        self._loaded = loaded
        self._defaults = loaded.content.defaults
        self._snapshot = snapshot
        self._files = files
        self._model = next(iter(document.models))
        self._prompts = {
            f"{model}/{name}": prompt_name(version.prompt)
            for model, one in document.models.items()
            for name, version in one.versions.items()
        }
        self._route_prompts = {
            route.name: prompt_name(route.prompt) for route in document.routes if route.prompt is not None
        }

    def results(self) -> Iterator[CaseResult]:
        """Run all cases in order. Raises: ConfigInvalid for a message that cannot be read, with its line."""
        for number, case in enumerate(self._loaded.content.cases):
            yield self._result(number, case)

    def _result(self, number: int, case: ExchangeCase) -> CaseResult:
        at: KeyPath = ("cases", number)
        line = self._loaded.places.place(at).line
        utc_s: float = self._written(at, "at", lambda: seconds_of(case.at))
        exhausted = self._written(
            at, "budget_exhausted", lambda: assumed_exhausted(self._snapshot, case.budget_exhausted)
        )
        request, answer = self._messages(at, case)
        verdicts = None if case.verdicts is None else {guard: _found(kinds) for guard, kinds in case.verdicts.items()}
        differences: list[Difference] = []
        unasked: dict[Unasked, None] = {}
        run = None
        for told, cuts in _ways(case, answer):
            run = dry_run(
                self._snapshot, request, answer, cuts=cuts, verdicts=verdicts, utc_s=utc_s, exhausted=exhausted
            )
            unasked |= dict.fromkeys(run.unasked)
            if case.expect is None:
                break
            differences += self._compared(run, case.expect, told)
            if differences:
                break
        if case.expect is None:
            differences.append(Difference("expect", "an expectation", "none; `--update` proposes one"))
        return CaseResult(case.name, line, tuple(differences), tuple(unasked), run)

    # --- messages --------------------------------------------------------------------------------------------------

    def _messages(self, at: KeyPath, case: ExchangeCase) -> tuple[RequestMessage, AnswerMessage | None]:
        defaults = self._defaults
        path, model = case.path or defaults.path, case.model or defaults.model or self._model
        headers = [f"{name}: {value}" for name, value in {**defaults.headers, **case.headers}.items()]
        answer = None
        if case.answer is not None:
            answer = self._written(at, "answer", lambda: self._answer(case, case.answer, path, model))
            path = path or answer.path
        request = self._written(at, "request", lambda: self._request(case, path, model, headers, answer))
        return request, answer

    def _written(self, at: KeyPath, key: str, write: Any) -> Any:
        try:
            return write()
        except ValueError as error:
            raise ConfigInvalid([self._loaded.places.problem((*at, key), str(error), at_key=True)]) from None

    def _request(
        self,
        case: ExchangeCase,
        path: str | None,
        model: str,
        headers: Iterable[str],
        answer: AnswerMessage | None,
    ) -> RequestMessage:
        message = case.request if case.request is not None else HARMLESS
        streamed = case.stream or (answer is not None and answer.streamed)
        if isinstance(message, CaseMessage) and message.text is None:
            return read_request(self._content(message), path, headers)
        text, speaker = (message, "user") if isinstance(message, str) else (message.text or "", message.speaker)
        written = request_of(text, model, path or _CHAT, streamed, speaker)
        return read_request(written.body, written.path, headers)

    def _answer(
        self, case: ExchangeCase, message: str | CaseMessage | None, path: str | None, model: str
    ) -> AnswerMessage:
        if isinstance(message, CaseMessage) and message.text is None:
            return read_answer(self._content(message))
        text = message if isinstance(message, str) else (message.text or "" if message is not None else "")
        return answer_of(text, model, path or _CHAT, case.stream)

    def _content(self, message: CaseMessage) -> bytes:
        return orjson.dumps(message.body) if message.file is None else self._files[message.file]

    # --- comparison ------------------------------------------------------------------------------------------------

    def _compared(self, run: DryRun, expected: Expectation, cuts: str) -> Iterator[Difference]:
        """Every key that is set and differs."""
        got = self.seen(run)
        for key in Expectation.model_fields:
            wanted = getattr(expected, key)
            if wanted is not None and not _agrees(key, wanted, got[key]):
                yield Difference(key, _words(wanted), _words(got[key]), cuts)

    def seen(self, run: DryRun) -> dict[str, Any]:
        """What came of a run, by the keys of ``Expectation``."""
        record, version = run.record, run.record.version
        chosen = None if version is None else f"{version.model}/{version.version}"
        set_headers = {name: value for change in run.changes for name, value in change.changes.set}
        sent_to = (
            f"{set_headers[MODEL_HEADER]}/{set_headers[VERSION_HEADER]}" if VERSION_HEADER in set_headers else NONE
        )
        found = tuple(dict.fromkeys(f"{one.guard}/{one.finding.kind}" for one in run.found))
        flagged = [one for one in run.found if one.action is Action.FLAG]
        status = run.reply.status if run.reply is not None else record.status
        return {
            "passes": not run.is_refused and not _changed_by_guards(run),
            "blocked_by": ", ".join(run.blocking_guards) or NONE,
            "status": status,
            "code": record.reason or NONE,
            "masked_as": _tried_text(run),
            "model_sees": _all_texts(run.texts_after(Direction.REQUEST)),
            "client_sees": _reply_text(run) or _all_texts(run.texts_after(Direction.RESPONSE)),
            "found": found,
            "not_found": found,
            "flagged": tuple(dict.fromkeys(f"{one.guard}/{one.finding.kind}" for one in flagged)),
            "endpoint": record.endpoint or NONE,
            "policy": record.policy or NONE,
            "version": chosen or NONE,
            "route": record.route or NONE,
            "sent_to": sent_to,
            "prompt": self._route_prompts.get(record.route) or self._prompts.get(chosen or "", NONE),
        }


def check_names(loaded: LoadedCases, document: Document) -> list[Problem]:
    """Guards, policies and routes that the cases name, and the configuration does not have."""
    guards = list(dict.fromkeys(name_of(guard) for policy in document.policies for guard in policy.guards))
    policies = [policy.name for policy in document.policies]
    routes = [route.name for route in document.routes]
    problems: list[Problem] = []
    for number, case in enumerate(loaded.content.cases):
        at: KeyPath = ("cases", number)
        for guard in case.verdicts or {}:
            problems += _unknown("guard", guard, guards, (*at, "verdicts", guard), loaded.places, at_key=True)
        if case.expect is None:
            continue
        if case.expect.blocked_by not in (None, NONE):
            named = str(case.expect.blocked_by)
            problems += _unknown("guard", named, guards, (*at, "expect", "blocked_by"), loaded.places)
        if case.expect.route not in (None, NONE):
            problems += _unknown("route", str(case.expect.route), routes, (*at, "expect", "route"), loaded.places)
        if case.expect.policy not in (None, NONE):
            problems += _unknown("policy", str(case.expect.policy), policies, (*at, "expect", "policy"), loaded.places)
        for key in ("found", "not_found", "flagged"):
            for named in as_list(getattr(case.expect, key)):
                guard = named.partition("/")[0]
                problems += _unknown("guard", guard, guards, (*at, "expect", key), loaded.places)
    return problems


def _unknown(
    noun: str, name: str, known: Collection[str], at: KeyPath, places: Places, at_key: bool = False
) -> Iterator[Problem]:
    if name not in known:
        hint = did_you_mean(name, known) or f"There are: {names(known) or 'none'}."
        yield places.problem(at, f"the configuration has no {noun} `{name}`", hint=hint, at_key=at_key)


def _found(kinds: Iterable[str]) -> Sequence[Finding]:
    return [Finding(kind, 0, 0, 1.0, "given") for kind in kinds]


def _ways(case: ExchangeCase, answer: AnswerMessage | None) -> Iterator[tuple[str, Iterable[int] | None]]:
    """Each way to cut the answer, in words and in bytes."""
    if answer is None or case.cuts == "events":
        yield "", None
    elif case.cuts == "every":
        yield "cut after every byte", range(1, len(answer.body))
    elif case.cuts == "random":
        yield "", None
        for number in range(_DRAWS):
            cuts = drawn_cuts(len(answer.body), f"{case.name} {number}")
            yield f"cut at {cuts}", cuts
    elif not isinstance(case.cuts, str):
        yield f"cut at {list(case.cuts)}", case.cuts


def _agrees(key: str, wanted: Any, got: Any) -> bool:
    """Whether an outcome is as expected; names may leave out the kind or the model."""
    match key:
        case "model_sees" | "client_sees":
            return all(text in got for text in as_list(wanted))
        case "found":
            return all(any(covers(name, one) for one in got) for name in as_list(wanted))
        case "not_found":
            return not any(covers(name, one) for name in as_list(wanted) for one in got)
        case "flagged":
            names_given = as_list(wanted)
            all_seen = all(any(covers(name, one) for one in got) for name in names_given)
            return all_seen and all(any(covers(name, one) for name in names_given) for one in got)
        case "blocked_by":
            return wanted == got or wanted in got.split(", ")
        case "version":
            return wanted == got or ("/" not in wanted and wanted == got.rpartition("/")[2])
    return bool(wanted == got)


def covers(name: str, found: str) -> bool:
    """Whether GUARD or GUARD/KIND names a finding."""
    return name in (found, found.rpartition("/")[0])


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or NONE
    return str(value)


def _changed_by_guards(run: DryRun) -> bool:
    return any(action == Action.MASK for _, _, action in run.record.verdicts)


def _tried_text(run: DryRun) -> str:
    """The text that is compared as a whole: of the answer if there is one, else of the last user."""
    if run.upstream is not None:
        return "".join(_of(run.texts_after(Direction.RESPONSE), Speaker.ASSISTANT))
    return next(reversed(_of(run.texts_after(Direction.REQUEST), Speaker.USER)), "")


def _of(texts: Iterable[SourcedText], speaker: Speaker) -> list[str]:
    return [one.text for one in texts if one.source.speaker is speaker and one.source.kind is Kind.CONTENT]


def _all_texts(texts: Iterable[SourcedText]) -> str:
    return "\n".join(one.text for one in texts)


def _reply_text(run: DryRun) -> str:
    return "" if run.reply is None else run.reply.body.decode("utf-8", "replace")
