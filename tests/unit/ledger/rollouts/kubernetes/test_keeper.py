"""What is done about the weights of a rollout, look by look, by an API server that answers at once or not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.rollout_traffic import RolloutTraffic
from extproc.domain.rollouts import OPEN, RolloutPhase
from extproc.ledger.rollouts.kubernetes.keeper import (
    PAUSES_S,
    POLL_S,
    QUIET_S,
    SETTLE_S,
    TrafficAct,
    TrafficFound,
    TrafficKeeper,
    judge,
    open_kubernetes,
)
from extproc.ledger.rollouts.kubernetes.objects import ObjectApply, ObjectPlace, ReadObject, TrafficFailed, share_in
from extproc.ledger.rollouts.states import RolloutState
from extproc.ledger.rollouts.traffic_seen import TrafficSeen
from tests.unit.ledger.rollouts.kubernetes.samples import EXAMPLES
from tests.unit.ledger.rollouts.samples import ARMS, NOW_US
from tests.unit.rollout.samples import PLAN

TRAFFIC = EXAMPLES["HTTPRoute"].traffic
SHARES = st.integers(0, 100).map(lambda percent: percent / 100)


def state_of(traffic: RolloutTraffic = TRAFFIC, **changed: Any) -> RolloutState:
    """A rollout that runs, at its first step."""
    plan = PLAN.model_copy(update={"traffic": traffic})
    return replace(
        RolloutState(
            id="r1",
            name=plan.name,
            model=plan.model,
            stable=plan.stable,
            canary=plan.canary,
            **ARMS._asdict(),
            plan=plan.model_dump_json(),
            phase=RolloutPhase.RUNNING,
            step=1,
            share=0.05,
            open_model=plan.model,
            created_at_us=NOW_US,
            step_began_at_us=NOW_US,
            changed_at_us=NOW_US,
            revision=1,
        ),
        **changed,
    )


class AtOnce(Executor):
    """Runs what is submitted in the caller's thread, or holds it back."""

    def __init__(self) -> None:
        self.holds = False
        self.held: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except TrafficFailed as failed:
                future.set_exception(failed)

        self.held.append(run)
        if not self.holds:
            self.go_on()
        return future

    def go_on(self) -> None:
        """Run what was held back."""
        held, self.held = self.held, []
        for one in held:
            one()


@dataclass
class Objects:
    """An API server's. Attributes: fails: the next questions, in turn; asked: what was asked."""

    objects: list[ReadObject]
    fails: list[TrafficFailed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    ignores: bool = False
    version: int = 7

    def read(self, places: Sequence[ObjectPlace]) -> list[ReadObject]:
        """As they are."""
        self._ask("read")
        assert [one.place for one in self.objects] == list(places)
        return self._shown()

    def apply(self, bodies: Sequence[ObjectApply], take_over: bool) -> list[ReadObject]:
        """Lay them over."""
        self._ask("take over" if take_over else "apply")
        if any(body["metadata"]["resourceVersion"] != str(self.version) for _, body in bodies):
            raise TrafficFailed("It was changed.", moved=True)
        self.version += 1
        if not self.ignores:
            self.objects = [
                ReadObject(one.place, {**one.content, "spec": {**one.content["spec"], **body["spec"]}})
                for one, (_, body) in zip(self.objects, bodies, strict=True)
            ]
        return self._shown()

    def close(self) -> None:
        """Nothing is open."""

    def _shown(self) -> list[ReadObject]:
        shown = copy.deepcopy(self.objects)
        for one in shown:
            one.content["metadata"]["resourceVersion"] = str(self.version)
        return shown

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails:
            raise self.fails.pop(0)

    def weigh(self, canary: int, stable: int) -> None:
        """As somebody else does it."""
        backends = self.objects[0].content["spec"]["rules"][0]["backendRefs"]
        backends[0]["weight"], backends[1]["weight"] = stable, canary


class Kept:
    """A rollout, a keeper, and what it has stored, by a clock that is set."""

    def __init__(self, state: RolloutState, seen: TrafficSeen | None = None) -> None:
        self.state = state
        self.seen = seen or TrafficSeen()
        self.api = Objects(EXAMPLES["HTTPRoute"].read())
        self.executor = AtOnce()
        self.leads = True
        self.now_s = 1_000.0
        self.keeper = TrafficKeeper(lambda: self.api, lambda _: self.leads, self.executor)

    def look(self, after_s: float = 0.5) -> TrafficFound | None:
        """Look, and store what was found."""
        self.now_s += after_s
        found = self.keeper.look([(self.state, self.seen)], self.now_s)
        if not found:
            return None
        self.seen = found[0].seen
        return found[0]

    def looks(self, times: int, after_s: float = 0.5) -> list[TrafficFound]:
        """What some looks find."""
        return [found for found in (self.look(after_s) for _ in range(times)) if found is not None]

    @property
    def share(self) -> float | None:
        """Of the object."""
        return share_in(TRAFFIC, self.api.objects)


@pytest.fixture
def kept() -> Kept:
    """At its first step, which nobody has written yet."""
    return Kept(state_of())


def settled(share: float = 0.05, **changed: Any) -> Kept:
    """A rollout whose share is there and compared."""
    kept = Kept(state_of(share=share, **changed), TrafficSeen(share, True))
    kept.api.weigh(round(100 * share), round(100 * (1 - share)))
    return kept


def test_a_share_is_read_written_seen_and_settled(kept: Kept) -> None:
    """At the first step at once; exchanges are compared when it has been there for a while."""
    kept.looks(4)
    assert (kept.api.asked, kept.share, kept.seen) == (["read", "apply"], 0.05, TrafficSeen(0.05, False))
    began_s = kept.now_s
    while not kept.seen.measures:
        kept.look()
    assert SETTLE_S <= kept.now_s - began_s <= SETTLE_S + POLL_S + 1
    assert kept.looks(int(10 * POLL_S)) == []
    assert set(kept.api.asked[2:]) == {"read"}


def test_a_new_share_is_written_when_nobody_measures_any_more() -> None:
    """Workers need some seconds to hear of the step."""
    kept = settled()
    kept.state = replace(kept.state, step=2, share=0.25, revision=2)
    began_s = kept.now_s
    while kept.share == 0.05:
        kept.look()
    assert QUIET_S <= kept.now_s - began_s <= QUIET_S + 2
    assert kept.looks(2) == [TrafficFound(kept.state, TrafficSeen(0.25, False))]


@pytest.mark.parametrize("phase", [RolloutPhase.ROLLED_BACK, RolloutPhase.BROKEN_OFF, RolloutPhase.INCONCLUSIVE])
def test_a_roll_back_is_written_at_once(phase: RolloutPhase) -> None:
    """Without waiting for anybody: two looks, one to read and one to write."""
    kept = settled()
    kept.state = replace(kept.state, phase=phase, share=0.0, revision=2)
    kept.looks(2, 0.5)
    assert kept.share == 0.0
    assert kept.looks(1) == [TrafficFound(kept.state, TrafficSeen(0.0, False))]


@pytest.mark.parametrize("weights", [(50, 50), (0, 100), (0, 0)])
def test_weights_that_were_edited_end_the_comparison(weights: tuple[int, int]) -> None:
    """By hand wins: nothing is written, and it says what is there and who wrote it."""
    kept = settled()
    kept.api.weigh(*weights)
    kept.api.objects[0].content["metadata"]["managedFields"] = [
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:rules": {}}}}
    ]
    (found,) = kept.looks(2)
    has = "no single share any more" if not sum(weights) else f"{weights[0]}% for the canary, not 5%"
    assert found.edited == (
        f"The weights of HTTPRoute llm/chat were edited by somebody else (kubectl-edit), which wins: {has}. They stay. "
        "Leave them alone during a rollout; `extproc rollout promote` and `rollback` change the share."
    )
    assert found.share == (weights[0] / 100 if sum(weights) else None)
    assert set(kept.api.asked) == {"read"}


def test_an_edit_before_a_new_share_is_written_ends_it_too() -> None:
    """It is neither the share before nor the next one."""
    kept = settled()
    kept.state = replace(kept.state, step=2, share=0.25, revision=2)
    kept.api.weigh(80, 20)
    found = kept.looks(20)
    assert [bool(one.edited) for one in found][:1] == [True]
    assert "apply" not in kept.api.asked


def test_what_fails_is_told_once_and_tried_again_more_and_more_rarely(kept: Kept) -> None:
    """Nothing changes meanwhile; when it can be written, it is, and the problem is over."""
    kept.api.fails = [TrafficFailed("It is forbidden.") for _ in range(6)]
    found = kept.looks(200, 0.5)
    assert [one.seen for one in found] == [
        TrafficSeen(None, False, "It is forbidden."),
        TrafficSeen(0.05, False, ""),
        TrafficSeen(0.05, True, ""),
    ]
    assert kept.api.asked[:8] == [*["read"] * 7, "apply"]
    assert list(PAUSES_S) == sorted(PAUSES_S)


def test_an_object_that_was_changed_meanwhile_is_read_again(kept: Kept) -> None:
    """It is told to nobody: that happens."""
    kept.look()
    kept.api.fails = [TrafficFailed("It was changed.", moved=True)]
    (found,) = kept.looks(5)
    assert (kept.api.asked, found.seen) == (["read", "apply", "read", "apply"], TrafficSeen(0.05, False))


def test_a_write_that_may_have_arrived_is_looked_at(kept: Kept) -> None:
    """Its answer did not; the object says that it did."""
    kept.look()
    kept.look()
    kept.api.fails = [TrafficFailed("It has not answered.")]
    kept.api.weigh(5, 95)
    kept.looks(10)
    assert kept.seen == TrafficSeen(0.05, False)


def test_something_that_sets_the_weights_as_well_is_told(kept: Kept) -> None:
    """An admission webhook, or a controller: it is not fought."""
    kept.api.ignores = True
    (found,) = kept.looks(4)
    assert found.seen.problem == (
        "HTTPRoute llm/chat took the weights, and has others: something in the cluster sets them as well."
    )


def test_an_object_in_which_no_share_can_be_kept_is_told(kept: Kept) -> None:
    """Until somebody changes it."""
    rules = kept.api.objects[0].content["spec"]["rules"]
    kept.api.objects[0].content["spec"]["rules"] = []
    (found,) = kept.looks(3)
    assert found.seen.problem == (
        "HTTPRoute llm/chat cannot have the share: no rule has vllm-v1 and vllm-v2; add both to a rule, the canary "
        "with weight 0."
    )
    kept.api.objects[0].content["spec"]["rules"] = rules
    kept.looks(10)
    assert kept.share == 0.05


def test_who_leads_no_more_writes_nothing(kept: Kept) -> None:
    """It has read, then slept; another process leads."""
    kept.look()
    kept.leads = False
    kept.looks(3)
    assert kept.share == 0.0
    assert kept.keeper.look([], kept.now_s) == []


def test_nothing_waits_for_the_api_server(kept: Kept) -> None:
    """Looks go on while it does not answer, and no second question is asked."""
    kept.executor.holds = True
    assert kept.looks(20) == []
    assert len(kept.executor.held) == 1
    kept.state = replace(kept.state, phase=RolloutPhase.ROLLED_BACK, share=0.0, revision=2)
    assert kept.looks(20) == []
    kept.executor.holds = False
    kept.executor.go_on()
    assert kept.looks(2) == [TrafficFound(kept.state, TrafficSeen(0.0, False))]


@pytest.mark.parametrize("takes_over", [False, True])
def test_fields_are_taken_over_once_if_that_is_asked_for(takes_over: bool) -> None:
    """At the first write of a rollout, and never again."""
    kept = Kept(state_of(TRAFFIC.model_copy(update={"take_over": takes_over})))
    kept.looks(4)
    kept.state = replace(kept.state, step=2, share=0.25, revision=2)
    kept.looks(20)
    assert [asked for asked in kept.api.asked if asked != "read"] == ["take over" if takes_over else "apply", "apply"]


@given(st.sampled_from(RolloutPhase), SHARES, st.none() | SHARES, st.none() | SHARES, st.sampled_from(sorted(EXAMPLES)))
def test_an_open_rollout_writes_only_over_what_it_has_written(
    phase: RolloutPhase, share: float, seen: float | None, found: float | None, kind: Any
) -> None:
    """And nothing is written where the share is there already."""
    state = state_of(EXAMPLES[kind].traffic, phase=phase, share=share)
    act = judge(state, TrafficSeen(seen), found)
    assert (act in (TrafficAct.KEEP, TrafficAct.SEEN)) == (found == share)
    if act is TrafficAct.BREAK_OFF:
        assert phase in OPEN
        assert found != seen
    elif act is TrafficAct.WRITE and phase in OPEN and seen is not None and kind != "LLMInferenceService":
        assert found == seen


def test_one_of_two_objects_that_is_written_is_no_edit() -> None:
    """The write of the second one failed; it goes on from there."""
    state = state_of(EXAMPLES["LLMInferenceService"].traffic, share=0.25)
    assert judge(state, TrafficSeen(0.05), 25 / (25 + 95)) is TrafficAct.WRITE
    assert judge(state, TrafficSeen(0.05), 0.4) is TrafficAct.BREAK_OFF


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration may be loaded anew, with `traffic`, by a process that was started without."""
    monkeypatch.setattr("extproc.ledger.rollouts.kubernetes.keeper.missing_modules", lambda modules: list(modules))
    with pytest.raises(
        TrafficFailed, match=r"The package kubernetes is not installed\. Install it: .*'llm-extproc\[kub"
    ):
        open_kubernetes()
