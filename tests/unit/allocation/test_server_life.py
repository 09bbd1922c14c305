"""The life of a server from samples, compared with lives that are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.allocation.intervals import Intervals
from extproc.allocation.server_life import server_life
from extproc.allocation.server_samples import UNKNOWN, ServerSample, ServerSamples
from extproc.allocation.server_time import ServerLife
from tests.thorough import examples
from tests.unit.allocation.test_intervals import held

SCRAPE_US = 10


class Process(NamedTuple):
    """One start of a server; it slept from ``sleeps_us`` to ``wakes_us``."""

    start_us: int
    ready_us: int
    end_us: int
    sleeps_us: int
    wakes_us: int

    def says(self, at_us: int) -> ServerSample:
        """A page. While it is awake it makes a step a microsecond."""
        asleep = self.sleeps_us <= at_us < self.wakes_us
        awake_us = min(at_us, self.sleeps_us) + max(0, at_us - self.wakes_us)
        return ServerSample(at_us, self.start_us, self.ready_us, asleep=int(asleep), steps=awake_us)


@st.composite
def processes(draw: st.DrawFn) -> list[Process]:
    """They follow each other; the first starts at 100."""
    found, at_us = [], 100
    for _ in range(draw(st.integers(0, 4))):
        start_us = at_us + draw(st.integers(0, 25))
        ready_us = start_us + draw(st.integers(0, 30))
        end_us = ready_us + draw(st.integers(1, 90))
        sleeps_us = draw(st.integers(ready_us, end_us))
        found.append(Process(start_us, ready_us, end_us, sleeps_us, draw(st.integers(sleeps_us, end_us))))
        at_us = end_us
    return found


def samples_of(lives: list[Process], missing: frozenset[int] = frozenset()) -> ServerSamples:
    """Asked at fixed times; some answers are missing."""
    asked = [one for number, one in enumerate(range(3, 900, SCRAPE_US)) if number not in missing]
    return ServerSamples.of([one.says(at) for at in asked for one in lives if one.ready_us <= at < one.end_us])


def sampled(lives: list[Process], samples: ServerSamples) -> list[Process]:
    """Those that answered at least once."""
    return [one for one in lives if any((samples.at_us >= one.ready_us) & (samples.at_us < one.end_us))]


some_missing = st.frozensets(st.integers(0, 60), max_size=40)


@settings(max_examples=examples(150), deadline=None)
@given(processes(), some_missing)
def test_what_is_known_is_true_and_what_is_not_known_is_bounded(lives: list[Process], missing: frozenset[int]) -> None:
    """Whatever answers are missing: starts are exact, each end is unknown by at most one interval."""
    samples = samples_of(lives, missing)
    answered = sampled(lives, samples)
    found = server_life(samples, SCRAPE_US)
    true = set().union(*(range(one.start_us, one.end_us) for one in answered))
    exists, unproven = held(found.exists), held(found.unproven)
    assert exists - unproven <= true
    assert unproven <= exists
    assert len(unproven) <= SCRAPE_US * len(answered)
    for one in answered:
        last_us = max(at for at in samples.at_us.tolist() if one.ready_us <= at < one.end_us)
        assert set(range(one.start_us, last_us)) <= exists
    assert held(found.starting) == set().union(*(range(one.start_us, one.ready_us) for one in answered))
    assert held(found.sleeping) <= exists


@settings(max_examples=examples(60), deadline=None)
@given(processes(), st.data())
def test_an_answer_that_is_missing_between_others_loses_no_time(lives: list[Process], data: st.DataObject) -> None:
    """The process was the same before and behind."""
    whole = samples_of(lives)
    inner = [
        place
        for place in range(1, len(whole.at_us) - 1)
        if whole.start_us[place - 1] == whole.start_us[place] == whole.start_us[place + 1]
        and whole.ready_us[place - 1] == whole.ready_us[place + 1]
    ]
    kept = np.ones(len(whole.at_us), dtype=np.bool_)
    kept[data.draw(st.lists(st.sampled_from(inner), unique=True)) if inner else []] = False
    before, after = server_life(whole, SCRAPE_US), server_life(ServerSamples(*(c[kept] for c in whole)), SCRAPE_US)
    assert held(before.exists) == held(after.exists)
    assert held(before.starting) == held(after.starting)
    assert held(before.unproven) == held(after.unproven)


@settings(max_examples=examples(60), deadline=None)
@given(processes())
def test_sleep_is_known_to_one_interval_at_each_end(lives: list[Process]) -> None:
    """If no answer is missing."""
    samples = samples_of(lives)
    found = held(server_life(samples, SCRAPE_US).sleeping)
    for one in sampled(lives, samples):
        mine = {at for at in found if one.start_us <= at < one.end_us}
        assert mine <= set(range(one.sleeps_us, one.wakes_us + SCRAPE_US))
        assert len(set(range(one.sleeps_us, one.wakes_us)) - mine) <= SCRAPE_US


@settings(max_examples=examples(60), deadline=None)
@given(processes(), some_missing, st.integers(-(10**15), 10**15))
def test_only_differences_of_times_matter(lives: list[Process], missing: frozenset[int], shift_us: int) -> None:
    """Whenever it is: whole microseconds."""
    samples = samples_of(lives, missing)
    moved = samples._replace(**{name: getattr(samples, name) + shift_us for name in ("at_us", "start_us", "ready_us")})
    if UNKNOWN in (*moved.start_us, *moved.ready_us):
        return
    one, other = server_life(samples, SCRAPE_US), server_life(moved, SCRAPE_US)
    for here, there in zip(one, other, strict=True):
        assert [(here.begin + shift_us).tolist(), (here.end + shift_us).tolist()] == [
            there.begin.tolist(),
            there.end.tolist(),
        ]


def spans(intervals: Intervals) -> list[tuple[int, int]]:
    """As pairs."""
    return list(zip(intervals.begin.tolist(), intervals.end.tolist(), strict=True))


def life_of(*samples: ServerSample) -> ServerLife:
    """Of samples that a test writes."""
    return server_life(ServerSamples.of(samples), SCRAPE_US)


def test_a_server_that_never_answered() -> None:
    """Nothing is known."""
    found = life_of()
    assert [spans(one) for one in found] == [[], [], [], []]


def test_a_restart_is_found_by_its_times_and_not_by_counters() -> None:
    """The new process may have written more by its first sample; a counter that falls is no restart."""
    restarted = life_of(ServerSample(50, 10, 20, written=5), ServerSample(100, 60, 70, written=900))
    assert spans(restarted.exists) == [(10, 110)]  # 50 to 60: the old process is taken to have gone on
    assert spans(restarted.starting) == [(10, 20), (60, 70)]
    assert spans(restarted.unproven) == [(50, 60), (100, 110)]
    fell = life_of(ServerSample(50, 10, 20, written=900), ServerSample(100, 10, 20, written=5))
    assert spans(fell.exists) == [(10, 110)]
    assert spans(fell.starting) == [(10, 20)]


def test_an_engine_that_starts_again_in_the_same_process() -> None:
    """Its readiness is later: it has a start-up of its own, of unknown length, which is none."""
    found = life_of(ServerSample(50, 10, 20), ServerSample(100, 10, 80))
    assert spans(found.exists) == [(10, 110)]
    assert spans(found.starting) == [(10, 20), (50, 80)]


def test_a_server_whose_clock_is_ahead() -> None:
    """It cannot have started behind its first answer."""
    found = life_of(ServerSample(50, 55, 60), ServerSample(60, 55, 60))
    assert spans(found.exists) == [(50, 70)]
    assert spans(found.starting) == []


def test_a_server_that_does_not_say_when_its_process_started() -> None:
    """As with several API servers: it began when it was ready, or else with its first answer."""
    assert spans(life_of(ServerSample(50, UNKNOWN, 20)).exists) == [(20, 60)]
    assert spans(life_of(ServerSample(50)).exists) == [(50, 60)]
    half = life_of(ServerSample(50, 10, 20), ServerSample(60, UNKNOWN, 20), ServerSample(70, 10, 20))
    assert spans(half.exists) == [(10, 80)]


def test_it_sleeps_only_if_all_engines_do() -> None:
    """And as long as it made no step."""
    some = life_of(ServerSample(50, 10, 20, engines=2, asleep=1), ServerSample(60, 10, 20, engines=2, asleep=2))
    assert spans(some.sleeping) == [(60, 70)]
    gap = life_of(ServerSample(50, 10, 20, asleep=1, steps=7), ServerSample(150, 10, 20, asleep=1, steps=7))
    assert spans(gap.sleeping) == [(50, 160)]
    worked = life_of(ServerSample(50, 10, 20, asleep=1, steps=7), ServerSample(150, 10, 20, asleep=1, steps=8))
    assert spans(worked.sleeping) == [(50, 60), (150, 160)]
