"""Notes who asks in the record, from what sources settle or, without any, from what headers claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from extproc.config.conditions import known_identity
from extproc.domain.contract import IDENTITY_HEADER, UNKNOWN_IDENTITY
from extproc.domain.errors import PayloadRefused
from extproc.domain.identity import CLAIMED, IDENTITY_CHARS_MAX, CallerIdentity, user_hash
from extproc.domain.record import ExchangeRecord
from extproc.exchange.caller import ClaimRefused, SettledCaller
from extproc.exchange.credentials import CallerRequest, CredentialRefused
from extproc.exchange.events import HeaderChanges, RequestHeaders
from extproc.exchange.failures import INTERNAL
from extproc.exchange.snapshot import Snapshot
from extproc.payload.view import RequestView

_NOTHING_VERIFIED: Final[Mapping[str, object]] = {}


def note_caller(
    record: ExchangeRecord, event: RequestHeaders, snapshot: Snapshot, hop: str, utc_s: float
) -> SettledCaller | None:
    """Settle who asks, and note it; None if headers are believed.

    Args:
        hop: the trusted listener through which the request came; empty: the one for clients.
        utc_s: the time now, since 1970. [s]
    Raises: PayloadRefused (401, 403, 503).
    """
    callers, headers = snapshot.callers, event.headers
    if callers is None:
        _note_claimed(record, headers, snapshot)
        return None
    try:
        settled = callers.settle(CallerRequest(headers, event.verified or _NOTHING_VERIFIED, hop, utc_s))
    except CredentialRefused as refused:
        note_settled(record, CallerIdentity("", key_id=refused.key_id, source=refused.source), headers, snapshot)
        record.identity_refused = refused.reason
        raise PayloadRefused(refused.error) from None
    except ClaimRefused as refusal:  # its own name: mypyc gives a name the type of its first assignment
        note_settled(record, refusal.identity, headers, snapshot)
        record.exceeded_claims, record.claim_effect = refusal.exceeded, "refused"
        raise
    note_settled(record, settled.identity, headers, snapshot)
    if settled.exceeded:
        record.exceeded_claims, record.claim_effect = settled.exceeded, "replaced"
    return settled


def note_settled(
    record: ExchangeRecord, identity: CallerIdentity, headers: Mapping[str, str], snapshot: Snapshot
) -> None:
    """Note an identity; the use case is what the client says."""
    record.team = known_identity(identity.team, snapshot.teams)
    record.tier = known_identity(identity.tier, snapshot.tiers)
    record.project = identity.project or UNKNOWN_IDENTITY
    record.budget_code = identity.budget_code or UNKNOWN_IDENTITY
    record.user, record.key_id, record.identity_source = identity.user, identity.key_id, identity.source
    record.tag = _tag(headers, snapshot)


def note_again(record: ExchangeRecord, headers: Mapping[str, str], snapshot: Snapshot) -> Mapping[str, str]:
    """In role egress: note what the first call has settled. Returns: the headers as filters see them.

    Raises: PayloadRefused if the first call has settled nothing, as it had another configuration.
    """
    written = headers.get(IDENTITY_HEADER)
    if written is None and snapshot.callers is None:
        _note_claimed(record, headers, snapshot)
        return headers
    identity = None if written is None else CallerIdentity.of_text(written)
    if identity is None:
        raise PayloadRefused(INTERNAL)
    note_settled(record, identity, headers, snapshot)
    return headers if snapshot.callers is None else snapshot.callers.seen_headers(headers, identity)


def note_user(record: ExchangeRecord, request: RequestView, snapshot: Snapshot) -> None:
    """Note the user that the body names, if the configuration takes it and no source has told one."""
    if snapshot.identity.user_field and not record.user and request.user:
        note_named_user(record, request.user, snapshot)


def note_named_user(record: ExchangeRecord, user: str, snapshot: Snapshot) -> None:
    """Note the user of a body that is no request for a model."""
    if snapshot.identity.user_field and not record.user and user:
        record.user = user_hash(user, snapshot.user_key)


def identity_of(record: ExchangeRecord, headers: Mapping[str, str], snapshot: Snapshot) -> CallerIdentity:
    """What was settled, for the calls in role egress. Args: headers: as filters see them."""
    section = snapshot.identity
    return CallerIdentity(
        headers.get(section.team_header, ""),
        headers.get(section.project_header, ""),
        headers.get(section.budget_code_header, ""),
        record.user,
        headers.get(section.tier_header, ""),
        record.key_id,
        record.identity_source,
    )


def with_caller(changes: HeaderChanges, settled: SettledCaller | None, snapshot: Snapshot) -> HeaderChanges:
    """The changes of headers, so that who is next sees no credential, and the identity that was settled.

    A sidecar in role guard may be next, whose policies depend on the team.
    """
    callers = snapshot.callers
    if settled is None or callers is None:
        return changes
    put, remove = list(changes.set), [*changes.remove, *callers.credential_headers]
    for _, header in callers.claim_headers:
        value = settled.headers.get(header)
        if value is None:
            remove.append(header)
        else:
            put.append((header, value))
    return HeaderChanges(tuple(put), tuple(remove))


def _note_claimed(record: ExchangeRecord, headers: Mapping[str, str], snapshot: Snapshot) -> None:
    """Note what the configured headers say."""
    identity = snapshot.identity
    record.identity_source = CLAIMED
    record.team = known_identity(headers.get(identity.team_header, "")[:IDENTITY_CHARS_MAX], snapshot.teams)
    record.tier = known_identity(headers.get(identity.tier_header, "")[:IDENTITY_CHARS_MAX], snapshot.tiers)
    record.project = headers.get(identity.project_header, "")[:IDENTITY_CHARS_MAX] or UNKNOWN_IDENTITY
    record.budget_code = headers.get(identity.budget_code_header, "")[:IDENTITY_CHARS_MAX] or UNKNOWN_IDENTITY
    record.tag = _tag(headers, snapshot)


def _tag(headers: Mapping[str, str], snapshot: Snapshot) -> str:
    return known_identity(headers.get(snapshot.identity.tag_header, "")[:IDENTITY_CHARS_MAX], snapshot.tags)
