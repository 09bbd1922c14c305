"""What another threshold keeps and loses of labeled findings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.sinks.review.entries import FindingQuery, ReviewLabel, ScoreCount
from extproc.sinks.review.store import Store
from extproc.sinks.review.what_if import what_if
from tests.unit.sinks.review.samples import confirm, entry, reject

RIGHT, WRONG = ReviewLabel.CONFIRM, ReviewLabel.REJECT
SCORES = [ScoreCount(0.3, WRONG, 4), ScoreCount(0.5, RIGHT, 1), ScoreCount(0.7, RIGHT, 5), ScoreCount(0.7, None, 2)]


def test_a_score_at_the_threshold_is_kept() -> None:
    """As a guard decides."""
    found = what_if("harm", 0.7, SCORES)
    assert (found.right_kept, found.right_lost, found.wrong_kept, found.wrong_lost) == (5, 1, 0, 4)
    assert (found.waiting_kept, found.waiting_lost) == (2, 0)
    assert (found.lowest, found.highest, found.can_be_judged) == (0.3, 0.7, True)


def test_a_lower_threshold_cannot_be_judged() -> None:
    """Nobody has seen what it would find; the lowest score itself is known."""
    assert not what_if("harm", 0.29, SCORES).can_be_judged
    assert what_if("harm", 0.3, SCORES).can_be_judged
    assert not what_if("harm", 0.5, []).can_be_judged


@given(
    st.lists(st.builds(ScoreCount, st.floats(0, 1), st.sampled_from([RIGHT, WRONG, None]), st.integers(1, 9))),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_every_finding_is_kept_or_lost(scores: list[ScoreCount], one: float, other: float) -> None:
    """And a higher threshold keeps no more."""
    low, high = (what_if("harm", threshold, scores) for threshold in sorted((one, other)))
    for found in (low, high):
        kept = found.right_kept + found.wrong_kept + found.waiting_kept
        lost = found.right_lost + found.wrong_lost + found.waiting_lost
        assert kept + lost == sum(score.number for score in scores)
    assert high.right_kept <= low.right_kept
    assert high.wrong_kept <= low.wrong_kept


def test_scores_are_counted_by_label(store: Store) -> None:
    """Of the findings that are wanted."""
    store.add([entry(score=0.25), entry(score=0.75), entry(score=0.75), entry(guard="pii", score=1.0)])
    first, second, third, _ = store.numbers(FindingQuery())
    store.label_all({first: reject(), second: confirm()})
    assert store.scores(FindingQuery(guard="injection")) in (
        [ScoreCount(0.25, WRONG, 1), ScoreCount(0.75, None, 1), ScoreCount(0.75, RIGHT, 1)],
        [ScoreCount(0.25, WRONG, 1), ScoreCount(0.75, RIGHT, 1), ScoreCount(0.75, None, 1)],
    )
    assert store.scores(FindingQuery(guard="pii")) == [ScoreCount(1.0, None, 1)]
    assert third in store.numbers(FindingQuery(labelled=False))


def test_names_are_those_of_the_findings(store: Store) -> None:
    """A finding without a version has none."""
    assert store.names().guards == frozenset()
    store.add([entry(), entry(guard="pii", team="support", model="a/b", version="v2"), entry(model="", version="")])
    names = store.names()
    assert (names.guards, names.teams) == (frozenset({"injection", "pii"}), frozenset({"search", "support"}))
    assert names.versions == {"tiny/v1", "a/b/v2"}


def test_findings_of_an_exchange(store: Store) -> None:
    """By the id that its answer had."""
    store.add([entry(exchange="a-1"), entry(exchange="a-2"), entry(exchange="a-1", guard="pii")])
    assert [stored.entry.guard for stored in store.find(FindingQuery(exchange="a-1"), 9)] == ["pii", "injection"]
