"""Two processors on one path: the first marks what it has done to a request, the second leaves that out.

A good mark changes the snapshot on which the second goes on: what was done is not in it. So no filter, guard or count
knows of marks. Without one, with one that does not fit, or with one of guards that are not the same, what is missing is
done here: the exchange is guarded at least once.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from extproc.domain.contract import MARK_HEADER
from extproc.domain.hop_results import MarkResult
from extproc.domain.token_rates import NS_PER_S
from extproc.exchange.events import ContinueBody, HeaderChanges
from extproc.exchange.hop_marks import (
    HopMark,
    MarkRefused,
    RequestAtHop,
    body_digest,
    checked_mark,
    opened_mark,
    signed_mark,
)
from extproc.exchange.policies import CompiledPolicy, copy_rules
from extproc.exchange.snapshot import Snapshot
from extproc.exchange.state import ExchangeState
from extproc.filters.base import ExchangeContext, Filter
from extproc.filters.restore import RestoreFilter
from extproc.payload.renamed_model import renamed_model

FALLBACK_S_MAX: Final = 3_600
"""Within one Envoy, whose attempts may each take minutes. [s]"""
_COUNTING: Final = frozenset({"meter", "signals"})


def time_now(exchange: ExchangeContext, now_ns: int) -> float:
    """The time now, since 1970. [s]"""
    return exchange.facts.utc_s + (now_ns - exchange.record.started_ns) / NS_PER_S


# --- the first hop -------------------------------------------------------------------------------------------------


def note_body(state: ExchangeState, body: bytes) -> None:
    """Digest the body as it is sent on, where the exchange is to be marked.

    A provider gets no mark. With a fallback, the call in role egress opens the mark, and signs another one for the body
    that it sends.
    """
    hops, choice = state.snapshot.hops, state.exchange.choice
    if hops is None or hops.checks or choice is None:
        return
    if not choice.facts.provider or state.exchange.is_egressed:
        state.body_digest = body_digest(body, hops.keys[0])


def with_mark(forward: ContinueBody, state: ExchangeState, now_ns: int) -> ContinueBody:
    """The command that forwards a request, with its mark, if it has one. The guards have all judged it by now."""
    hops, exchange, record = state.snapshot.hops, state.exchange, state.record
    if hops is None or not state.body_digest or exchange.choice is None:
        return forward
    digests = hops.guards.get(state.policy.name, {})
    applied = [guard.name for guard in state.policy.guards if guard.name not in exchange.failed_open]
    mark = HopMark(
        record.id,
        exchange.choice.name,
        record.endpoint,
        tuple(digests[name] for name in applied if name in digests),
        not exchange.is_egressed and sets_prompt(state.snapshot, exchange),
        record.metered,
        int(time_now(exchange, now_ns)),
        state.body_digest,
    )
    changes = forward.changes
    header = (MARK_HEADER, signed_mark(mark, hops.keys[0]))
    forward.changes = HeaderChanges((*changes.set, header), changes.remove)
    return forward


def mark_of_attempt(
    before: str | None, body: bytes, attempt: bytes, exchange: ExchangeContext, snapshot: Snapshot, now_ns: int
) -> str:
    """In role egress: the mark for the body of this attempt, in place of the one with which the request came.

    Args:
        before: the mark that the first call has set; None: it has set none.
        body, attempt: as it came, and as it is sent on.
    Returns: empty if the request gets none: the next hop then guards it.
    """
    hops, choice = snapshot.hops, exchange.choice
    if hops is None or hops.checks or before is None or choice is None or choice.facts.provider:
        return ""
    utc_s = time_now(exchange, now_ns)
    try:
        mark, key = opened_mark(before, hops.keys)
    except MarkRefused:
        return ""
    if abs(utc_s - mark.signed_s) > FALLBACK_S_MAX or not hmac.compare_digest(body_digest(body, key), mark.body):
        return ""
    signing = hops.keys[0]
    attempted = mark._replace(
        version=choice.name,
        has_prompt=sets_prompt(snapshot, exchange),
        signed_s=int(utc_s),
        body=body_digest(attempt, signing),
    )
    return signed_mark(attempted, signing)


def sets_prompt(snapshot: Snapshot, exchange: ExchangeContext) -> bool:
    """Whether the system prompt of the chosen version is this hop's business, and there is one."""
    filters = (*snapshot.first_filters, *snapshot.last_filters)
    return exchange.prompt is not None and any(one.inserts_prompt for one in filters)


# --- the second hop ------------------------------------------------------------------------------------------------


def take_mark(state: ExchangeState, body: bytes, now_ns: int) -> None:
    """Look for a mark, and go on without what it vouches for. Args: body: as it arrived."""
    hops, record = state.snapshot.hops, state.record
    if hops is None or not hops.checks:
        return
    facts = state.exchange.facts
    text = facts.headers.get(MARK_HEADER)
    if text is None:
        record.mark = MarkResult.ABSENT
        return
    request = RequestAtHop(hops.version, facts.dialect.name, body, time_now(state.exchange, now_ns))
    try:
        mark = checked_mark(text, hops.keys, request, hops.age_s_max)
        kept_ns = 2 * hops.age_s_max * NS_PER_S  # from the beginning of a mark's time to its end
        if state.used_marks is not None and not state.used_marks.take(text, kept_ns, now_ns):
            raise MarkRefused(MarkResult.USED, mark)
    except MarkRefused as refused:
        record.mark = refused.result
        if refused.mark is not None:  # guarded and counted here, but the prompt is in the body already
            told = refused.mark._replace(guards=(), is_counted=False)
            state.snapshot = remaining(state.snapshot, told, skips_all=False)
        return
    record.mark, record.front_exchange, record.counted_in_front = MarkResult.GOOD, mark.exchange, mark.is_counted
    state.snapshot = remaining(state.snapshot, mark, hops.skips_all)
    if mark.is_counted:
        state.limiting = state.budgeting = None


def remaining(snapshot: Snapshot, mark: HopMark, skips_all: bool) -> Snapshot:
    """A snapshot without what a mark vouches for. Args: skips_all: guards, whatever the mark names."""
    first, last = _left(snapshot.first_filters, mark), _left(snapshot.last_filters, mark)
    policies = tuple(_policy_left(policy, (*first, *last), mark, snapshot, skips_all) for policy in snapshot.policies)
    if not mark.is_counted:
        return replace(snapshot, first_filters=first, last_filters=last, policies=policies)
    return replace(
        snapshot,
        first_filters=first,
        last_filters=last,
        policies=policies,
        keeps_ledger=False,
        rate_limits=None,
        budgets=None,
    )


def _left(filters: Iterable[Filter], mark: HopMark) -> tuple[Filter, ...]:
    return tuple(
        one
        for one in filters
        if not (one.inserts_prompt and mark.has_prompt) and not (one.name in _COUNTING and mark.is_counted)
    )


def _policy_left(
    policy: CompiledPolicy, others: tuple[Filter, ...], mark: HopMark, snapshot: Snapshot, skips_all: bool
) -> CompiledPolicy:
    """A policy without the guards that the hop in front applies. Args: others: filters that are left."""
    digests = {} if snapshot.hops is None else snapshot.hops.guards.get(policy.name, {})
    applied = frozenset(mark.guards)
    skipped = tuple(guard for guard in policy.guards if skips_all or digests.get(guard.name) in applied)
    guards = tuple(guard for guard in policy.guards if guard not in skipped)
    restores = any(guard.restores for guard in guards)
    response_filters = tuple(
        one
        for one in policy.response_filters
        if one in guards or one in others or (restores and isinstance(one, RestoreFilter))
    )
    return replace(
        policy,
        guards=guards,
        request_guards=tuple(guard for guard in policy.request_guards if guard in guards),
        response_filters=response_filters,
        on_end_guards=tuple(guard for guard in policy.on_end_guards if guard in guards),
        copies=copy_rules((*guards, *response_filters, *others)),
        skipped=skipped,
    )


def passes_response(state: ExchangeState) -> bool:
    """Whether nothing is left to do for the response: the hop in front guards and counts it."""
    request = state.request
    return state.record.counted_in_front and not state.policy.response_filters and renamed_model(request) is None
