"""The shapes of what ``extproc rollout`` prints with ``--json``; ``shapes`` lists all of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from extproc.domain.rollout_gates import GATE_NAMES

DueAt = Literal["then", "too_early", "never"]
RolloutPhaseName = Literal["running", "paused", "promoted", "rolled_back", "inconclusive", "broken_off"]


class RolloutGateJson(TypedDict):
    """A gate. Differences are those of the canary, of rates in points, otherwise in percent."""

    gate: Annotated[str, f"one of {', '.join(GATE_NAMES)}"]
    state: Annotated[
        Literal["worse", "not_worse", "open", "not_measured"],
        "shown to be worse; shown not to be worse by its margin; neither; neither version has a value",
    ]
    unit: Annotated[Literal["points", "percent"], "of differences and margins"]
    harmful: Annotated[Literal["up", "down", "either"], "the direction that harms"]
    margin: Annotated[float, "of this step: it goes on if the canary is not worse by as much"]
    roll_back_margin: Annotated[float, "it is rolled back if the canary is worse by more"]
    difference: Annotated[float | None, "as it was seen; null: not measured"]
    low: Annotated[float | None, "of its interval, which holds at every look; null: not known"]
    high: Annotated[float | None, "likewise"]
    evidence_worse: Annotated[float, "its logarithm as a part of what it takes to roll back; 1: enough"]
    evidence_not_worse: Annotated[float, "likewise to go on"]
    canary_answers: Annotated[int, "that were judged"]
    stable_answers: Annotated[int, "likewise"]
    canary_units: Annotated[float, "of equal activity that would say as much; 40 of each version at least"]
    stable_units: Annotated[float, "likewise"]


class RolloutJson(TypedDict):
    """A rollout."""

    id: Annotated[str, "unique in the store"]
    name: Annotated[str, "as the configuration or `start` has it"]
    model: Annotated[str, "the model"]
    stable: Annotated[str, "the version that it goes from"]
    canary: Annotated[str, "the version that it goes to"]
    stable_fingerprint: Annotated[str, "of the revision that is compared"]
    canary_fingerprint: Annotated[str, "likewise"]
    phase: Annotated[RolloutPhaseName, "where it stands"]
    step: Annotated[int, "from 1 on"]
    steps: Annotated[list[int], "shares of the plan [percent]"]
    share_percent: Annotated[float, "of the canary, as it is now"]
    began: Annotated[str, "when, in UTC"]
    step_began: Annotated[str, "likewise"]
    changed: Annotated[str, "likewise"]


class RolloutTrafficJson(TypedDict):
    """The object by whose weights a mesh shares the traffic."""

    object: Annotated[str, "kind, namespace and name; two names if each version has one"]
    share_percent: Annotated[float | None, "of the canary, as it was last seen; null: it was not written yet"]
    compared: Annotated[bool, "whether that share has been there for so long that exchanges are compared"]
    problem: Annotated[str, "why it cannot be read or written; empty: nothing is wrong"]


class RolloutStatusJson(RolloutJson):
    """A rollout with what its numbers say now."""

    action: Annotated[
        Literal["advance", "promote", "hold", "roll_back", "inconclusive"] | None,
        "what follows from the numbers; null: it is over",
    ]
    reasons: Annotated[list[str], "why, in sentences"]
    gates: Annotated[list[RolloutGateJson], "in the order of the documentation"]
    canary_units: Annotated[int, "units (users, conversations) that had the canary first"]
    stable_units: Annotated[int, "likewise the stable version"]
    traffic: Annotated[RolloutTrafficJson | None, "null: no mesh shares it, servers choose versions"]


class JournalEntryJson(TypedDict):
    """An entry of a journal."""

    number: Annotated[int, "from 1 on"]
    at: Annotated[str, "when, in UTC"]
    kind: Annotated[str, "what happened, such as `advanced`"]
    by: Annotated[str, "who made it; `extproc`: a server"]
    note: Annotated[str, "the reason that a person gave"]
    reasons: Annotated[list[str], "those that follow from its numbers"]
    hash: Annotated[str, "of this entry and all before"]


class GateLeftJson(TypedDict):
    """How long a gate will take."""

    gate: Annotated[str, "its name"]
    when: Annotated[DueAt, "`too_early`: there are too few answers to tell; `never`: not by this traffic"]
    seconds: Annotated[float | None, "from now; null: not `then`"]


class TimeLeftJson(TypedDict):
    """How long the next step will take by the traffic of the last day, about."""

    when: Annotated[DueAt, "`too_early`: there are too few answers to tell; `never`: not by this traffic"]
    seconds: Annotated[float | None, "from now; null: not `then`"]
    waits_for: Annotated[str, "what takes longest: a gate, `time` or `answers`; empty: nothing"]
    answers_per_hour: Annotated[float, "of the canary"]
    gates: Annotated[list[GateLeftJson], "those that it takes to go on, and that are not decided"]
    until_over_s: Annotated[float, "until it is inconclusive"]


class WatchedRolloutJson(RolloutStatusJson):
    """A rollout as ``watch`` shows it; one that is over with the numbers of its last entry that has some."""

    time_left: Annotated[TimeLeftJson | None, "null: nothing is decided now"]
    journal: Annotated[list[JournalEntryJson], "its last entries, the newest last"]


class RolloutWatchJson(TypedDict):
    """``rollout watch``."""

    at: Annotated[str, "when, in UTC"]
    rollout: Annotated[WatchedRolloutJson, "the one that is named, else the last one that runs or ran"]


class RolloutsJson(TypedDict):
    """``rollout status``."""

    at: Annotated[str, "when, in UTC"]
    rollouts: Annotated[list[RolloutStatusJson], "the last one of each model"]


class RolloutChangedJson(TypedDict):
    """``rollout start``, ``pause``, ``resume``, ``promote`` and ``rollback``."""

    rollout: Annotated[RolloutJson, "as it is now"]


class RolloutHistoryJson(TypedDict):
    """``rollout history``."""

    rollout: Annotated[RolloutJson, "as it is now"]
    entries: Annotated[list[JournalEntryJson], "the oldest first"]


class ExplainedEntryJson(TypedDict):
    """An entry, recomputed from its numbers."""

    number: Annotated[int, "from 1 on"]
    at: Annotated[str, "when, in UTC"]
    kind: Annotated[str, "what it says happened"]
    by: Annotated[str, "who made it; `extproc`: a server"]
    note: Annotated[str, "the reason that a person gave"]
    recomputed: Annotated[str | None, "the action that follows from its numbers; null: it has none"]
    reasons: Annotated[list[str], "likewise"]
    agrees: Annotated[bool, "whether both are the same; a person may decide otherwise"]


class RolloutExplainedJson(TypedDict):
    """``rollout explain``."""

    rollout: Annotated[RolloutJson, "as it is now"]
    agrees: Annotated[bool, "the journal is whole, and every decision follows from its numbers"]
    problem: Annotated[str, "where the journal is not what was written; empty: it is whole"]
    entries: Annotated[list[ExplainedEntryJson], "the oldest first"]


class SimulatedStepJson(TypedDict):
    """How long a share lasts in simulated rollouts."""

    percent: Annotated[int, "share of the canary"]
    passed: Annotated[float, "share of rollouts that went on from it"]
    hours_median: Annotated[float | None, "in half of all; null: half did not go on"]
    hours_p90: Annotated[float | None, "likewise in 90 %"]


class SimulatedHarmJson(TypedDict):
    """What became of a simulated canary."""

    canary: Annotated[str, "`identical`, `refusals_doubled`, `token_time_20_percent` or `errors_20_percent`"]
    says: Annotated[str, "the same in words"]
    promoted: Annotated[float, "share of rollouts; of a harmful canary these are wrong"]
    rolled_back: Annotated[float, "likewise; of an identical canary these are wrong"]
    inconclusive: Annotated[float, "likewise; the time of the plan was over, or a run had 400,000 exchanges"]
    hours_median: Annotated[float | None, "until it was promoted or rolled back; null: half were not"]
    hours_p90: Annotated[float | None, "likewise in 90 %"]
    canary_exchanges_median: Annotated[float | None, "likewise, exchanges of the canary"]
    steps: Annotated[list[SimulatedStepJson], "at which both versions are compared: all but the last"]


class RolloutSimulatedJson(TypedDict):
    """``rollout simulate``."""

    model: Annotated[str, "the model"]
    stable: Annotated[str, "the version that it goes from"]
    canary: Annotated[str, "the version that it goes to"]
    exchanges_a_day: Annotated[int, "declared, of both versions"]
    users: Annotated[int, "declared; 0: each exchange is a unit of its own"]
    correlation: Annotated[float, "declared, of two answers of one user"]
    runs: Annotated[int, "rollouts of each canary"]
    canaries: Annotated[list[SimulatedHarmJson], "an identical one first"]
