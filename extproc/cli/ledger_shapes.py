"""The shapes of what the commands of ``extproc ledger`` print with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict


class TriedVersionJson(TypedDict):
    """One attempt of an exchange."""

    version: Annotated[str, "MODEL/VERSION"]
    reason: Annotated[str, "why the next one was asked; `answered` if it was not"]


class LedgerEntryJson(TypedDict):
    """An entry of the ledger. Its columns have the same names."""

    exchange: Annotated[str, "its id, unique over all processes; an answer has it in `x-llm-exchange-id`"]
    started_at_us: Annotated[int, "when its request arrived, by the wall clock in us since 1970 (UTC)"]
    sent_at_us: Annotated[int | None, "when it was sent on to a model; likewise"]
    first_token_at_us: Annotated[
        int | None, "when the first text of a streamed answer arrived; likewise. None: there was none"
    ]
    ended_at_us: Annotated[int, "when it ended; likewise"]
    revision: Annotated[str, "of the configuration"]
    team: Annotated[str, "of the caller; see `identity`"]
    project: Annotated[str, "of the caller; see `identity`"]
    budget_code: Annotated[str, "of the caller; see `identity`"]
    tier: Annotated[str, "of the caller; see `identity`"]
    use_case: Annotated[str, "of the caller; see `identity`"]
    user_id: Annotated[str, "of the caller, as a keyed hash; empty where it is not known"]
    key_id: Annotated[str, "of the API key that identified the caller, if any"]
    identity_source: Annotated[str, "what settled the identity; `claimed`: only headers of the client"]
    endpoint: Annotated[str, "the API: `chat`, `completions`, `responses`, `messages`, ..."]
    route: Annotated[str, "that chose where it went; empty without routes"]
    policy: Annotated[str, "whose guards applied"]
    streamed: Annotated[bool, "whether the answer was a stream of events"]
    model_asked: Annotated[str, "the name that the client sent; empty if no version was found for it"]
    chosen: Annotated[str, "MODEL/VERSION that was chosen first, where a fallback answered instead; otherwise empty"]
    model: Annotated[str, "that answered, or was asked last"]
    version: Annotated[str, "that answered, or was asked last"]
    fingerprint: Annotated[str, "of that version: of all that decides its answers and its price"]
    prompt: Annotated[str, "the system prompt of that version"]
    prompt_fingerprint: Annotated[str, "the system prompt of that version"]
    prompt_tokens: Annotated[int, "of the request; they include `cached_tokens`"]
    prompt_tokens_source: Annotated[
        Literal["reported", "estimated"] | None, "`reported` by the model server, or `estimated`; null: not counted"
    ]
    cached_tokens: Annotated[int, "of the prompt that the model server had in its cache"]
    cached_tokens_source: Annotated[
        Literal["reported", "estimated"] | None, "`reported` by the model server, or `estimated`; null: not counted"
    ]
    completion_tokens: Annotated[int, "of the answer; they include `reasoning_tokens`"]
    completion_tokens_source: Annotated[Literal["reported", "estimated"] | None, "likewise"]
    reasoning_tokens: Annotated[int, "of the answer that a client does not see as text"]
    reasoning_tokens_source: Annotated[Literal["reported", "estimated"] | None, "likewise"]
    cost_micro_usd: Annotated[int, "at the prices of the version in millionths of a USD"]
    price_revision: Annotated[str, "a hash of these prices"]
    choices: Annotated[int, "that were completed"]
    finish_reasons: Annotated[list[str], "of these, in the words of the API; a word that no API has is `other`"]
    tool_calls: Annotated[int, "in the answer"]
    refusals: Annotated[int, "choices in which the model refused to answer"]
    finding_count: Annotated[int, "findings of all guards"]
    findings: Annotated[dict[str, int], "how many, by GUARD/DIRECTION/KIND; the first 32 kinds"]
    request_bytes: Annotated[int, "of the bodies, as they reached the processor"]
    response_bytes: Annotated[int, "of the bodies, as they reached the processor"]
    attempts: Annotated[list[TriedVersionJson], "of Envoy, where a fallback was possible: version and reason of each"]
    server: Annotated[
        str,
        "that answered, or was asked last: IP:PORT, or its name in role guard; empty: not known, or a provider's",
    ]
    outcome: Annotated[str, "how it ended"]
    status: Annotated[int, "of the answer; 0: there was none"]
    reason: Annotated[str, "code of the error that ended it; see the reference of errors"]
    response_id: Annotated[str, "that the server gave its answer; empty: none, or one that is no word"]
    trace_id: Annotated[str, "of its span, in hexadecimal digits; empty without `otel`"]
    rollout: Annotated[str, "the id of the rollout that it takes part in; empty: none"]
    rollout_step: Annotated[int, "of that rollout, from 1 on; 0: none"]
    arm: Annotated[str, "of that rollout: `stable` or `canary`, which was chosen; empty: none"]
    unit: Annotated[int, "the hash of the sticky key, from 0 to 65535; 0 without a rollout"]
    signals: Annotated[
        dict[str, list[int] | float],
        "of the answer, by name: of a rate how many have it and how many were judged, otherwise a value",
    ]


class LedgerEntriesJson(TypedDict):
    """``ledger query`` and ``ledger tail``."""

    entries: Annotated[list[LedgerEntryJson], "`query`: the newest first; `tail`: the newest last"]


class CheckedSpoolJson(TypedDict):
    """The spool of one process."""

    name: Annotated[str, "of its folder"]
    alive: Annotated[bool, "its process runs"]
    segments: Annotated[int, "files"]
    records: Annotated[int, "in them"]
    waiting: Annotated[int, "records that are not in the store yet"]
    waiting_for: Annotated[dict[str, int], "records that each further sink has not stored yet"]
    damaged: Annotated[int, "records that cannot be read"]
    torn: Annotated[bool, "it ends with half a record"]


class VerifiedJson(TypedDict):
    """``ledger verify``."""

    ok: Annotated[bool, "no problems"]
    entries: Annotated[int, "in the store"]
    spools: Annotated[list[CheckedSpoolJson], "of this machine"]
    waiting_for: Annotated[dict[str, int], "records of all spools that each further sink has not stored yet"]
    kept: Annotated[list[str], "segments in which something could not be read; in `damaged/` of the spool"]
    problems: Annotated[list[str], "one sentence each"]


class ReplayedJson(TypedDict):
    """``ledger replay``."""

    read: Annotated[int, "records"]
    added: Annotated[int, "entries that were not in the store"]
    known: Annotated[int, "entries that were"]
    damaged: Annotated[int, "records that are no entries"]
