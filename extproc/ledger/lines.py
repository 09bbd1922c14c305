"""How an exchange is written down: two JSON arrays, one when it was sent on, and one when it has ended.

The arrays are made on the event loop, so what they cost is counted in microseconds; everything else happens where they
are read. ``BEGIN_FIELDS`` and ``END_FIELDS`` name their values, and stand at the head of each segment: a later release
that has more of them reads an older spool by these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final

import orjson

from extproc.domain.record import DRAINED, ExchangeRecord, Outcome, VersionFacts
from extproc.domain.signals import AnswerSignals
from extproc.domain.storable_names import NAME_BYTES_MAX, storable_name
from extproc.domain.token_rates import START, RequestSize
from extproc.domain.usage import Prices, Usage, cost_of
from extproc.ledger.entry import (
    ATTEMPTS_MAX,
    FINDINGS_MAX,
    EntryOutcome,
    LedgerEntry,
    TokenSource,
    TriedVersion,
)

FORMAT: Final = 1
_VERSION_FIELDS: Final = ("model", "version", "fingerprint", "prompt", "prompt_fingerprint", "price_revision")
BEGIN_FIELDS: Final = (
    *("exchange", "started_wall_ns", "started_ns", "sent_ns", "revision"),
    *("team", "project", "budget_code", "tier", "use_case", "user_id", "key_id", "identity_source", "model_asked"),
    *("endpoint", "route", "policy", "streamed", "request_bytes", "version", "size", "trace_id"),
    *("rollout", "rollout_step", "arm", "unit"),
)
END_FIELDS: Final = (
    *("first_text_ns", "ended_ns", "streamed", "outcome", "status", "reason", "version", "chosen"),
    *("usage", "prompt_reported", "cost_micro_usd", "choices", "finish_reasons", "tool_calls", "refusals"),
    *("finding_count", "findings", "response_bytes", "attempts", "signals", "response_id", "server"),
)
_VERSIONS_MAX: Final = 1_000
_NO_ARM: Final = ("", 0, "", 0)
_COMPLETED: Final = EntryOutcome.COMPLETED.value
_OUTCOMES: Final = {
    Outcome.CUT: EntryOutcome.CUT.value,
    Outcome.FAILED: EntryOutcome.FAILED.value,
    Outcome.REJECTED: EntryOutcome.FAILED.value,  # of an answer
    Outcome.UPSTREAM_ERROR: EntryOutcome.UPSTREAM_ERROR.value,
}
_INTEGER_END: Final = 1 << 63
_SHORT_END: Final = 1 << 31
_SHORT: Final = frozenset({"choices", "tool_calls", "refusals", "finding_count", "status", "rollout_step", "unit"})
_MAY_BE_MISSING: Final = frozenset(
    {"sent_at_us", "first_token_at_us"} | {one.name for one in fields(LedgerEntry) if one.name.endswith("_source")}
)
WITHOUT_ENTRY: Final = frozenset({Outcome.PASSED, Outcome.ANSWERED})
"""Not read, or answered without a model."""


class RecordWriter:
    """Makes the arrays of records. May be called from any thread."""

    def __init__(self) -> None:
        self._versions: dict[int, tuple[VersionFacts, orjson.Fragment]] = {}  # by identity

    def begin_of(self, record: ExchangeRecord, wall_offset_ns: int) -> bytes:
        """The beginning of an exchange.

        Args: wall_offset_ns: the wall clock minus the clock of the record.
        """
        facts, size = record.version, record.size
        names: tuple[str, ...] = (
            record.team,
            record.project,
            record.budget_code,
            record.tier,
            record.tag,
            record.user,
            record.key_id,
            record.identity_source,
            record.asked_model if facts is not None else "",  # otherwise it is any text
        )
        joined = "".join(names)
        if not (joined.isascii() and joined.isprintable() and len(joined) <= NAME_BYTES_MAX):
            names = tuple([storable_name(name) for name in names])
        return orjson.dumps(
            (
                record.id,
                record.started_ns + wall_offset_ns,
                record.started_ns,
                record.sent_ns,
                record.revision,
                *names,
                record.endpoint,
                record.route,
                record.policy,
                record.streamed,
                record.request_bytes,
                None if facts is None else self._version(facts),
                None
                if size is None
                else (size.utf8_bytes, size.turns, size.tool_utf8_bytes, size.choices, size.answer_tokens_max),
                "" if record.trace is None else f"{record.trace.trace_id:032x}",
                *(record.arm or _NO_ARM),
            )
        )

    def end_of(self, record: ExchangeRecord, begun: VersionFacts | None) -> bytes:
        """The end of an exchange.

        Args: begun: the version of its beginning, which most keep.
        """
        facts, usage, chosen, signals = record.version, record.usage, record.chosen, record.signals
        return orjson.dumps(
            (
                record.first_text_ns,
                record.ended_ns,
                record.streamed,
                outcome_of(record),
                record.status,
                record.reason,
                None if facts is begun or facts is None else self._version(facts),
                "" if chosen is None or chosen is facts else chosen.name,
                None
                if usage is None
                else (usage.prompt, usage.cached, usage.completion, usage.reasoning, usage.estimated),
                record.prompt_reported,
                record.cost_micro_usd,
                record.answers,
                record.finish_reasons,
                record.tool_calls,
                record.refusals,
                record.finding_count,
                [(*key, number) for key, number in record.findings.items()][:FINDINGS_MAX] if record.findings else None,
                record.response_bytes,
                [tuple(one) for one in record.attempts[:ATTEMPTS_MAX]] if record.attempts else (),
                None if signals is None else (signals.hits, signals.judged, signals.values),
                record.response_id,
                record.server,
            )
        )

    def _version(self, facts: VersionFacts) -> orjson.Fragment:
        """As ``_VERSION_FIELDS`` has it, and its prices; written once for each version of a configuration."""
        known = self._versions.get(id(facts))
        if known is not None:
            return known[1]
        prices = facts.prices
        array = (
            *(facts.model, facts.version, facts.fingerprint, facts.prompt, facts.prompt_fingerprint),
            *(facts.price_revision, prices.prompt, prices.cached, prices.completion),
        )
        fragment = orjson.Fragment(orjson.dumps(array))
        if len(self._versions) >= _VERSIONS_MAX:
            self._versions.clear()
        self._versions[id(facts)] = facts, fragment  # with it, so that no other version gets its identity
        return fragment


def outcome_of(record: ExchangeRecord) -> str:
    """How it ended, as far as that is known."""
    if record.outcome is Outcome.COMPLETED:
        return _COMPLETED  # of most, before anything that costs time
    if not record.sent_ns:
        return EntryOutcome.REFUSED.value
    known = _OUTCOMES.get(record.outcome)
    if known is not None:
        return known
    if record.outcome is Outcome.ABORTED and record.reason == DRAINED:
        return EntryOutcome.DRAINED.value
    if record.outcome is Outcome.ABORTED:
        return (EntryOutcome.ABORTED if record.response_began else EntryOutcome.CLIENT_LEFT).value
    return _outcome_of_local_reply(record.local_reply).value


def _outcome_of_local_reply(details: str) -> EntryOutcome:
    """Source: Envoy's ``response.code_details``; those of a connection name how far it came."""
    if details.startswith("upstream_reset_before_response_started"):
        return EntryOutcome.UNREACHABLE if "connection_failure" in details else EntryOutcome.UPSTREAM_DIED
    if "timeout" in details:
        return EntryOutcome.TIMED_OUT
    return EntryOutcome.UNREACHABLE


# --- reading -------------------------------------------------------------------------------------------------------


class NoEntry(Exception):
    """A record that is whole, and makes no entry: another release wrote it."""


class RecordReader:
    """Makes entries of the records of a segment.

    Args: begin_fields, end_fields: that the segment names.
    """

    def __init__(self, begin_fields: Sequence[str] = BEGIN_FIELDS, end_fields: Sequence[str] = END_FIELDS) -> None:
        self._begin_fields = begin_fields
        self._end_fields = end_fields

    def read(self, json: bytes) -> LedgerEntry:
        """The entry of a record. Raises: NoEntry."""
        try:
            begin, end, *died_wall_ns = orjson.loads(json)
            entry = self.entry_of_died(begin, *died_wall_ns) if end is None else self.entry_of(begin, end)
        except (ValueError, KeyError, TypeError) as error:
            raise NoEntry from error
        refuse_unstorable(entry)
        return entry

    def entry_of(self, begin: Sequence[Any], end: Sequence[Any]) -> LedgerEntry:
        """The entry of an exchange that has ended. Raises: ValueError, KeyError, TypeError if it is none."""
        first = dict(zip(self._begin_fields, begin, strict=True))
        last = dict(zip(self._end_fields, end, strict=True))
        served = last["version"] or first["version"]
        usage = last["usage"]
        prompt, cached, completion, reasoning, estimated = usage or (0, 0, 0, 0, False)
        source = _source(usage is not None, not estimated)
        of_prompt = _source(usage is not None, not estimated or last["prompt_reported"])
        return LedgerEntry(
            **_common(first),
            first_token_at_us=_wall_us(first, last["first_text_ns"]),
            ended_at_us=_wall_us(first, last["ended_ns"]) or 0,
            streamed=last["streamed"],
            chosen=last["chosen"],
            **_of_version(served),
            prompt_tokens=prompt,
            prompt_tokens_source=of_prompt,
            cached_tokens=cached,
            cached_tokens_source=of_prompt,
            completion_tokens=completion,
            completion_tokens_source=source,
            reasoning_tokens=reasoning,
            reasoning_tokens_source=source,
            cost_micro_usd=last["cost_micro_usd"],
            choices=last["choices"],
            finish_reasons=tuple(last["finish_reasons"]),
            tool_calls=last["tool_calls"],
            refusals=last["refusals"],
            finding_count=last["finding_count"],
            findings={"/".join(key): number for *key, number in last["findings"] or ()},
            response_bytes=last["response_bytes"],
            attempts=tuple(TriedVersion(*one) for one in last["attempts"]),
            server=last.get("server", ""),
            outcome=EntryOutcome(last["outcome"]),
            status=last["status"],
            reason=last["reason"],
            response_id=last.get("response_id", ""),
            signals=_signals(*(last.get("signals") or ([], [], {}))),
        )

    def entry_of_died(self, begin: Sequence[Any], died_wall_ns: int) -> LedgerEntry:
        """The entry of an exchange whose processor was killed. Raises: as ``entry_of``.

        Args: died_wall_ns: when the processor was last known to be alive.
        """
        first = dict(zip(self._begin_fields, begin, strict=True))
        sent_wall_ns = first["started_wall_ns"] + first["sent_ns"] - first["started_ns"]
        ended_wall_ns = max(sent_wall_ns, died_wall_ns)
        usage = None
        if first["size"] is not None:
            size = RequestSize(*first["size"])
            completion = START.unseen_tokens(size, ended_wall_ns - sent_wall_ns)
            usage = Usage(START.prompt_tokens(size), completion, estimated=True)
        source = _source(usage is not None, False)
        return LedgerEntry(
            **_common(first),
            ended_at_us=ended_wall_ns // 1_000,
            streamed=first["streamed"],
            **_of_version(first["version"]),
            prompt_tokens=0 if usage is None else usage.prompt,
            prompt_tokens_source=source,
            cached_tokens_source=source,
            completion_tokens=0 if usage is None else usage.completion,
            completion_tokens_source=source,
            reasoning_tokens_source=source,
            cost_micro_usd=0 if usage is None else cost_of(usage, _prices(first["version"])),
            outcome=EntryOutcome.PROCESSOR_DIED,
        )


def _signals(hits: list[int], judged: list[int], values: dict[str, float]) -> dict[str, Any]:
    rates = AnswerSignals(hits, judged).rates()
    return {name: list(rate) for name, rate in rates.items()} | values


def died_record(begin: bytes, died_wall_ns: int) -> bytes:
    """The record of an exchange whose processor was killed."""
    return b"[%b,null,%d]" % (begin, died_wall_ns)


def ended_record(begin: bytes, end: bytes) -> bytes:
    """The record of an exchange that has ended."""
    return b"[%b,%b]" % (begin, end)


def refuse_unstorable(entry: LedgerEntry) -> None:
    """One entry that a database refuses would hold up all that follow. Raises: NoEntry."""
    for one in fields(entry):
        value = getattr(entry, one.name)
        if isinstance(value, str):
            bad = "\0" in value
        elif isinstance(value, int):
            bad = not -_INTEGER_END < value < (_SHORT_END if one.name in _SHORT else _INTEGER_END)
        elif value is None:
            bad = one.name not in _MAY_BE_MISSING
        else:
            bad = False
        if bad:
            raise NoEntry


def _common(first: dict[str, Any]) -> dict[str, Any]:
    """What both kinds of entries have of the beginning."""
    taken = ("exchange", "revision", "team", "project", "budget_code", "tier", "use_case", "user_id", "key_id")
    more = ("identity_source", "model_asked", "endpoint", "route", "policy", "request_bytes")
    return {
        **{name: first[name] for name in (*taken, *more)},
        "trace_id": first.get("trace_id", ""),
        "rollout": first.get("rollout", ""),
        "rollout_step": first.get("rollout_step", 0),
        "arm": first.get("arm", ""),
        "unit": first.get("unit", 0),
        "started_at_us": first["started_wall_ns"] // 1_000,
        "sent_at_us": _wall_us(first, first["sent_ns"]),
    }


def _of_version(version: Sequence[Any] | None) -> dict[str, Any]:
    return dict(zip(_VERSION_FIELDS, version, strict=False)) if version else {}


def _prices(version: Sequence[Any] | None) -> Prices:
    return Prices(*version[len(_VERSION_FIELDS) :]) if version else Prices(0, 0, 0)


def _wall_us(first: dict[str, Any], at_ns: int) -> int | None:
    """A time of the exchange by the wall clock of its start; None: it did not come to that. [us]"""
    if not at_ns:
        return None
    started_wall_ns: int = first["started_wall_ns"]
    return (started_wall_ns + at_ns - int(first["started_ns"])) // 1_000


def _source(counted: bool, reported: bool) -> TokenSource | None:
    if not counted:
        return None
    return TokenSource.REPORTED if reported else TokenSource.ESTIMATED
