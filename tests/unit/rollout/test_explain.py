"""Every decision is recomputed from the journal alone."""

from __future__ import annotations

import json
import math

import pytest

from extproc.rollout.decide import RolloutAction, decide
from extproc.rollout.explain import explain, noted, verdict_json
from extproc.rollout.journal import PROCESSOR, JournalBroken, JournalEntry, JournalKind, appended
from extproc.rollout.look import RolloutLook
from tests.unit.rollout.samples import HEALTHY, PLAN, look

WORSE = {"refusal": 0.06}


def journal(*decisions: tuple[JournalKind, RolloutLook]) -> list[JournalEntry]:
    """A rollout that began, and then these decisions of the processor."""
    entries = [appended(None, "r1", 0, noted(JournalKind.STARTED, PROCESSOR, plan=PLAN.model_dump_json()))]
    for kind, seen in decisions:
        content = noted(kind, PROCESSOR, look=seen.as_json(), verdict=verdict_json(decide(PLAN, seen)))
        entries.append(appended(entries[-1], "r1", 1_000_000 * len(entries), content))
    return entries


def test_a_look_is_the_same_through_json() -> None:
    """With all of its sums: the decision is the same, to the last digit."""
    seen = look([3_000, 2_000], WORSE)
    again = RolloutLook.from_json(json.loads(json.dumps(seen.as_json(), allow_nan=False)))
    assert again.as_json() == seen.as_json()
    assert verdict_json(decide(PLAN, again)) == verdict_json(decide(PLAN, seen))


def test_a_journal_that_agrees() -> None:
    """Each decision follows from its numbers."""
    explained = explain(
        "r1",
        journal(
            (JournalKind.LOOKED, look([400])),
            (JournalKind.ADVANCED, look([5_000])),
            (JournalKind.ROLLED_BACK, look([5_000, 3_000], WORSE)),
        ),
    )
    assert explained.agrees
    assert [one.verdict and one.verdict.action for one in explained.entries] == [
        None,
        RolloutAction.HOLD,
        RolloutAction.ADVANCE,
        RolloutAction.ROLL_BACK,
    ]


def test_a_decision_that_does_not_follow() -> None:
    """The entry is what was written, and its numbers say something else."""
    explained = explain("r1", journal((JournalKind.ADVANCED, look([5_000], WORSE))))
    assert explained.broken is None
    assert not explained.agrees
    assert not explained.entries[1].agrees


def test_a_verdict_that_was_made_up() -> None:
    """The action follows, and the evidence that is written beside it does not."""
    entries = journal((JournalKind.ADVANCED, look([5_000])))
    content = {name: value for name, value in entries[1].values.items() if name not in {"rollout", "number", "at_us"}}
    content["verdict"]["gates"][0]["evidence"]["estimate"] = -0.5
    entries[1] = appended(entries[0], "r1", 1_000_000, content)
    assert not explain("r1", entries).agrees


def test_a_person_decides_as_they_like() -> None:
    """With numbers or without: that is theirs to explain."""
    entries = journal()
    seen = look([400])
    content = noted(
        JournalKind.PROMOTED,
        "kim",
        "the launch is today",
        look=seen.as_json(),
        verdict=verdict_json(decide(PLAN, seen)),
    )
    entries.append(appended(entries[-1], "r1", 1_000_000, content))
    explained = explain("r1", entries)
    assert explained.agrees
    assert (explained.entries[1].made_by, explained.entries[1].note) == ("kim", "the launch is today")


def test_a_tampered_journal_is_explained_up_to_there() -> None:
    """And it does not agree."""
    entries = journal((JournalKind.ADVANCED, look([5_000])), (JournalKind.LOOKED, look([5_000, 100])))
    entries[1] = entries[1]._replace(content=entries[1].content.replace("advanced", "promoted"))
    explained = explain("r1", entries)
    assert explained.broken == JournalBroken(2, "entry 2 is not what was written, or the one before it is not")
    assert [one.kind for one in explained.entries] == [JournalKind.STARTED]
    assert not explained.agrees


@pytest.mark.parametrize("entries", [[], [appended(None, "r1", 0, {"kind": "started", "by": "kim"})]])
def test_a_journal_without_a_plan(entries: list[JournalEntry]) -> None:
    """It explains nothing, and says so."""
    explained = explain("r1", entries)
    assert explained.plan is None
    assert explained.broken is not None


def test_infinite_evidence_is_null() -> None:
    """JSON has no infinity: of two answers no interval is known."""
    written = verdict_json(decide(PLAN, look([0], {"length": HEALTHY["length"]})))
    low = {one["name"]: one["evidence"] and one["evidence"]["low"] for one in written["gates"]}
    assert low["length"] is None
    assert not any(isinstance(one, float) and math.isinf(one) for one in low.values())
    json.dumps(written, allow_nan=False)
