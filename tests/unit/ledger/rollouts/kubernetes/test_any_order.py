"""The weights of a rollout, whatever happens in whatever order: edits, outages, late answers, other leaders, people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from extproc.domain.rollouts import OPEN, RolloutPhase
from extproc.ledger.rollouts.kubernetes.keeper import POLL_S, QUIET_S, SETTLE_S, TrafficKeeper
from extproc.ledger.rollouts.kubernetes.objects import ObjectApply, ReadObject, TrafficFailed, is_same
from extproc.ledger.rollouts.traffic_seen import TrafficSeen
from tests.thorough import examples
from tests.unit.ledger.rollouts.kubernetes.test_keeper import Kept, state_of
from tests.unit.ledger.rollouts.samples import NOW_US

LONG_S = QUIET_S + SETTLE_S + 2 * POLL_S + 60.0
STEPS = (0.05, 0.25, 0.5)


class AnyOrder(RuleBasedStateMachine):
    """One rollout, its object, and whoever leads."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = Kept(state_of())
        self.edited = False  # by hand, and it was neither noticed nor written over
        apply = self.kept.api.apply

        def applied(bodies: Sequence[ObjectApply], take_over: bool) -> list[ReadObject]:
            kept, before = self.kept, self.kept.share
            after = apply(bodies, take_over)
            if kept.state.phase in OPEN and kept.seen.share is not None:
                assert any(is_same(before, one) for one in (kept.seen.share, kept.state.share)), "an edit is lost"
            self.edited = False
            return after

        self.kept.api.apply = applied  # type: ignore[method-assign]

    @initialize(is_compared=st.booleans())
    def begin(self, is_compared: bool) -> None:
        """It has just begun, or its first share is compared."""
        if is_compared:
            self.kept.api.weigh(5, 95)
            self.kept.seen = TrafficSeen(0.05, True)

    @rule(after_s=st.sampled_from([0.5, 2.0, 20.0]))
    def look(self, after_s: float) -> None:
        """Time passes."""
        found = self.kept.look(after_s)
        if found is not None and found.edited:
            share = self.kept.state.share if found.share is None else found.share
            self._change(phase=RolloutPhase.BROKEN_OFF, share=share)
            self.kept.seen = TrafficSeen(share)
            self.edited = False

    @rule()
    @precondition(lambda self: self.measures and self.kept.state.step < len(STEPS))
    def advance(self) -> None:
        """The next share: only what is compared goes on."""
        step = self.kept.state.step
        self._change(step=step + 1, share=STEPS[step])

    @rule(phase=st.sampled_from([RolloutPhase.ROLLED_BACK, RolloutPhase.PROMOTED]))
    def end(self, phase: RolloutPhase) -> None:
        """By evidence, or by a person at any time."""
        if self.kept.state.phase is not RolloutPhase.BROKEN_OFF:
            self._change(phase=phase, share=float(phase is RolloutPhase.PROMOTED))

    @rule(percent=st.sampled_from([0, 5, 25, 33, 100]))
    def edit(self, percent: int) -> None:
        """Somebody else sets the weights."""
        if is_same(self.kept.share, percent / 100):
            return
        self.kept.api.weigh(percent, 100 - percent)
        self.kept.api.version += 1
        self.edited = True

    @rule()
    def fail(self) -> None:
        """The next question is not answered."""
        self.kept.api.fails.append(TrafficFailed("It has not answered."))

    @rule(holds=st.booleans())
    def hold(self, holds: bool) -> None:
        """Answers come late, or again."""
        self.kept.executor.holds = holds
        if not holds:
            self.kept.executor.go_on()

    @rule()
    def replace_leader(self) -> None:
        """Another process leads; what the first one asked is still on its way."""
        self.kept.keeper = TrafficKeeper(
            lambda: self.kept.api, lambda state: state == self.kept.state, self.kept.executor
        )

    @invariant()
    def only_what_is_there_is_compared(self) -> None:
        """Unless somebody has edited it, which is noticed at the next look at it."""
        if self.measures and not self.edited:
            assert is_same(self.kept.share, self.kept.state.share)

    @property
    def measures(self) -> bool:
        """Whether workers compare exchanges."""
        return self.kept.state.share_of(NOW_US, self.kept.seen).measures

    def teardown(self) -> None:
        """When all is quiet, the object has the share, or the rollout was broken off."""
        self.kept.executor.holds = False
        self.kept.executor.go_on()
        self.kept.api.fails.clear()
        for _ in range(int(LONG_S)):
            self.look(1.0)
        state = self.kept.state
        assert is_same(self.kept.share, state.share) or self.edited
        assert self.measures == (state.phase in OPEN)

    def _change(self, **changes: Any) -> None:
        self.kept.state = replace(self.kept.state, revision=self.kept.state.revision + 1, **changes)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
