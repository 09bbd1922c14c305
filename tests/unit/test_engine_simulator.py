"""The simulated engine batches as vLLM says that it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.allocation.step_costs import StepCosts
from tests.tools.engine_simulator.engine import EngineSettings, simulated
from tests.tools.engine_simulator.kv_blocks import Held, KvBlocks
from tests.tools.engine_simulator.proxy_view import ProxyView, as_seen, as_served
from tests.tools.engine_simulator.runs import EngineRequest, EngineRun
from tests.tools.engine_simulator.step_laws import Affine, HardMaximum, MixtureOfExperts, Roofline, StepWork
from tests.tools.engine_simulator.traffic_mixes import BURSTY, MIXES, TrafficMix, calibration_requests

STEP = Affine(StepCosts(1_000.0, 10.0, 0.0, 0.0, 0.0))
"""A millisecond a step, and 10 microseconds a prompt token."""
SMALL = EngineSettings(token_budget=100, sequences_max=8, blocks=64, block_tokens=4)


def ran(*requests: EngineRequest, settings: EngineSettings = SMALL) -> EngineRun:
    """What an engine of few blocks does."""
    return simulated(requests, STEP, settings)


def test_a_prompt_and_its_answer() -> None:
    """A step for the prompt, which gives the first token, and one for each token that follows."""
    run = ran(EngineRequest(5_000, "one", prompt=50, written=3))
    assert run.steps.time_us.tolist() == [1_500, 1_000, 1_000]
    assert (run.scheduled_us[0], run.first_us[0], run.last_us[0]) == (5_000, 6_500, 8_500)
    assert run.steps.work.kv.tolist() == [0, 51, 52]


def test_a_long_prompt_is_computed_in_chunks_next_to_who_decodes() -> None:
    """Of a budget of 100 tokens one is for the sequence that decodes, which comes first."""
    run = ran(EngineRequest(0, "one", prompt=50, written=9), EngineRequest(1, "two", prompt=150, written=2))
    second = [step.tolist() for step in np.split(run.steps.work.prefill, run.steps.members[1:-1])]
    assert second[:4] == [[50], [0, 99], [0, 51], [0, 0]]
    assert run.steps.work.pairs[run.steps.request == 1][:2].tolist() == [99 * 49.5, 51 * (99 + 25.5)]


def test_what_comes_waits_for_the_step_to_end() -> None:
    """And is scheduled with the next one."""
    run = ran(EngineRequest(0, "one", prompt=90, written=5), EngineRequest(700, "two", prompt=10, written=1))
    assert run.scheduled_us.tolist() == [0, 1_900]


def test_the_first_that_waits_holds_up_the_others() -> None:
    """First come, first served: a short prompt does not overtake one that has no room."""
    requests = [EngineRequest(0, "one", 100, 100), EngineRequest(1, "two", 180, 2), EngineRequest(2, "three", 4, 2)]
    run = ran(*requests)
    assert run.last_us[0] == run.scheduled_us[1] < run.scheduled_us[2]


def test_who_came_last_is_preempted_and_computed_again() -> None:
    """Without a cache all of it; with one, what was not taken meanwhile."""
    requests = [EngineRequest(0, "one", 90, 60), EngineRequest(0, "two", 90, 60)]
    without = ran(*requests, settings=SMALL._replace(is_caching=False))
    assert without.again[0] == 0 < 90 < without.again[1]
    assert without.prefilled[1] > 90 + without.again[1]  # and the token that it would have decoded next
    assert 0 < ran(*requests).again[1] < without.again[1]
    assert without.written.tolist() == [60, 60]


def test_a_shared_prefix_is_computed_once() -> None:
    """Whole blocks, by who comes first; but never the last token of a prompt."""
    requests = [EngineRequest(at * 10_000, "one", 40, 2, shared=shared) for at, shared in enumerate((40, 40, 40))]
    other = EngineRequest(50_000, "other", 40, 2, shared=40)
    assert ran(*requests, other).cached.tolist() == [0, 36, 36, 0]


def test_several_answers_share_a_prompt() -> None:
    """They are one member of a step, with the tokens of all."""
    run = ran(EngineRequest(0, "one", prompt=40, written=5, sequences=3))
    assert run.prefilled[0] == 40 + 2 * 4
    assert run.written[0] == 15
    assert np.diff(run.steps.members).tolist() == [1] * 5
    assert run.steps.work.decode.tolist() == [0, 3, 3, 3, 3]


def test_who_leaves_is_in_no_later_step() -> None:
    """One while it decodes, and one before it was ever scheduled."""
    run = ran(
        EngineRequest(0, "one", 50, 40, leaves_us=10_000),
        EngineRequest(0, "two", 10, 30),
        EngineRequest(1, "three", 10, 9, leaves_us=2),
    )
    assert np.flatnonzero(run.steps.request == 0)[-1] < run.steps.members[np.searchsorted(run.steps.begin_us, 10_000)]
    assert (run.steps.request != 2).all()
    assert (run.scheduled_us[2], run.written.tolist()) == (-1, [10, 30, 0])


@st.composite
def requests_of_small_engines(draw: st.DrawFn) -> list[EngineRequest]:
    """Up to a dozen, that hardly have room next to each other."""
    given_times = draw(st.lists(st.integers(0, 60_000), min_size=1, max_size=12))
    return [
        EngineRequest(
            time,
            draw(st.sampled_from(["one", "two"])),
            prompt=(prompt := draw(st.integers(1, 150))),
            written=draw(st.integers(1, 80)),
            shared=draw(st.integers(0, prompt)),
            sequences=draw(st.sampled_from([1, 1, 3])),
            leaves_us=draw(st.none() | st.integers(time + 1, time + 50_000)),
        )
        for time in sorted(given_times)
    ]


@given(requests_of_small_engines(), st.booleans())
def test_each_token_is_computed_once_but_for_preemption(requests: list[EngineRequest], is_caching: bool) -> None:
    """Whatever comes, limits hold, and steps follow each other."""
    run = ran(*requests, settings=SMALL._replace(is_caching=is_caching))
    totals = run.steps.totals()
    assert (totals.prefill + totals.decode <= SMALL.token_budget).all()
    assert (np.diff(run.steps.begin_us) >= run.steps.time_us[:-1] - 1e-6).all()
    assert np.bincount(run.steps.request, run.steps.work.prefill, len(requests)).tolist() == run.prefilled.tolist()
    for number, one in enumerate(requests):
        if one.leaves_us is None:
            assert run.written[number] == one.written * one.sequences
            if one.sequences == 1:
                decoded_otherwise = run.prefilled[number] - run.again[number] - (one.prompt - run.cached[number])
                found_begun = (
                    SMALL.block_tokens if is_caching and one.shared else 1
                )  # blocks that a preempted one began
                assert decoded_otherwise == 0 or -found_begun < decoded_otherwise <= one.written
    served = as_served(run)
    assert ((served.start_us <= served.first_us) & (served.first_us <= served.last_us)).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 90)), max_size=40))
def test_no_block_is_lost(wanted: list[tuple[int, int]]) -> None:
    """Whoever takes and leaves: those that are free and those that are held are all."""
    blocks = KvBlocks(20, block_tokens=4)
    shared = blocks.prefix("shared")
    held = [Held([(shared, 3)] if number < 3 else []) for number in range(6)]
    for number, tokens in wanted:
        one = held[number]
        if not blocks.hold(one, tokens):
            assert 4 * sum(other.own for other in held) + 12 + tokens > 4 * 20
            blocks.release(one, computed=one.capacity)
        used = sum(other.own for other in held) + (shared.blocks if shared.users else 0)
        assert (blocks.free + used, shared.users) == (20, sum(other.capacity > 0 for other in held[:3]))


def test_a_prefix_is_found_until_its_blocks_are_taken() -> None:
    """The blocks that were left first go first, from the end."""
    blocks = KvBlocks(4, block_tokens=4)
    first, second = Held([(blocks.prefix("first"), 2)]), Held([(blocks.prefix("second"), 2)])
    for one in (first, second):
        assert blocks.hold(one, 8)
        blocks.release(one)
    assert blocks.hold(Held([]), 4)
    assert (blocks.cached(first), blocks.cached(second)) == (4, 8)


@pytest.mark.parametrize("request_", [EngineRequest(0, "one", 250, 10), EngineRequest(0, "one", 0, 10)])
def test_what_has_no_room_is_refused(request_: EngineRequest) -> None:
    """It would wait forever."""
    with pytest.raises(ValueError, match="request 0"):
        ran(request_)


def test_laws_bend() -> None:
    """A few prompt tokens cost nothing next to reading weights; a dense model reads all of them for one token."""
    prefill, decode = np.array([0.0, 100.0, 8_000.0, 0.0]), np.array([1.0, 1.0, 1.0, 50.0])
    work = StepWork(prefill, decode, np.zeros(4), np.zeros(4))
    few, some, many, batch = Roofline()(work)
    assert few == some < 10 * few < many
    assert HardMaximum()(work)[2] == pytest.approx(many)
    one, _, _, experts = MixtureOfExperts()(work)
    assert experts > 5 * one
    assert batch < 1.2 * few


def test_a_proxy_sees_no_queue() -> None:
    """It knows when requests were sent, and when tokens came, a little late."""
    requests = [
        EngineRequest(0, "one", 90, 40),
        EngineRequest(5, "two", 90, 1),
        EngineRequest(9, "two", 9, 9, 0, 1, 50),
    ]
    run = ran(*requests)
    exact = as_seen(run, np.random.default_rng(1), ProxyView(lag_us=0.0))
    assert exact.sent_us.tolist() == [0, 5, 9]
    assert exact.first_us.tolist()[:2] == run.first_us.tolist()[:2]
    assert exact.ended_us.tolist() == [*run.last_us.tolist()[:2], 50]
    late = as_seen(run, np.random.default_rng(1))
    assert (late.sent_us <= exact.sent_us).all()
    assert (late.ended_us >= exact.ended_us).all()


@pytest.mark.parametrize("mix", MIXES, ids=lambda mix: mix.name)
def test_traffic_is_of_its_seed(mix: TrafficMix) -> None:
    """All teams ask, in order of time."""
    one, same, other = (mix.drawn(np.random.default_rng(seed), share=0.3) for seed in (1, 1, 2))
    assert one == same != other
    assert {request.team for request in one} == {team.team for team in mix.teams}
    assert [request.sent_us for request in one] == sorted(request.sent_us for request in one)


def test_bursts_leave_the_engine_idle() -> None:
    """For more than a tenth of the time."""
    run = simulated(BURSTY.drawn(np.random.default_rng(3), share=0.5), Roofline(), BURSTY.settings)
    assert run.busy_us < 0.9 * (run.steps.begin_us[-1] - run.steps.begin_us[0])


def test_coefficients_are_calibrated_at_small_and_large_batches() -> None:
    """And on prompts of all lengths."""
    run = simulated(calibration_requests(np.random.default_rng(3), share=0.3), Roofline())
    sizes = np.diff(run.steps.members)
    assert sizes.min() == 1 < 40 < sizes.max()
    prompts = [one.prompt for one in run.requests]
    assert min(prompts) < 200 < 5_000 < max(prompts)
