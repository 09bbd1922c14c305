"""Which scores are findings."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.classifiers.scores import FindingLabels, LocatedScores, ScoresMissing, kind_of
from extproc.config.classifiers import ModerationsClassifier
from extproc.domain.classification import SpokenText
from extproc.domain.text import Speaker

TEXTS = (SpokenText(Speaker.USER, "Good"), SpokenText(Speaker.TOOL, "morning"))


def verdicts(threshold: float = 0.5) -> FindingLabels:
    """Two labels of a moderation server."""
    fields = {"adapter": "moderations", "url": "http://x", "labels": ["hate", "self-harm/intent"]}
    return FindingLabels(
        "guard", ModerationsClassifier.model_validate_json(json.dumps({**fields, "threshold": threshold}))
    )


def scores(hate: Any, harm: Any = 0.0) -> dict[str, Any]:
    """Of one text."""
    return {"hate": hate, "self-harm/intent": harm, "not configured": 1.0}


def test_each_label_from_the_threshold_on_is_a_finding() -> None:
    """Of the text and its speaker, over the whole of it, by a kind that is safe as a label of metrics."""
    found = verdicts().findings(TEXTS, [scores(0.5, 0.9), scores(0.49)])
    told = [(spoken.text, each.kind, each.start, each.end, each.score, each.detector) for spoken, each in found]
    assert told == [
        ("Good", "HATE", 0, 4, 0.5, "classifier.guard"),
        ("Good", "SELF_HARM_INTENT", 0, 4, 0.9, "classifier.guard"),
    ]


@pytest.mark.parametrize(
    "answer",
    [[], [scores(0.1)], [scores(0.1)] * 3, [{"hate": 0.1}] * 2, [scores(math.nan)] * 2, [scores(1.1), scores(0)]],
)
def test_an_answer_that_is_not_whole_is_none(answer: list[Any]) -> None:
    """A score that is missing does not mean that a text is harmless."""
    with pytest.raises(ScoresMissing):
        verdicts().findings(TEXTS, answer)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_threshold_is_the_least_score_that_counts(threshold: float, score: float) -> None:
    """A threshold of 0 is everything, and of 1 only what is certain."""
    found = verdicts(threshold).findings(TEXTS[:1], [scores(score, 0.0)])
    assert ("HATE" in {each.kind for _, each in found}) == (score >= threshold)


def test_kinds_have_letters_digits_and_underscores() -> None:
    """As of other detectors."""
    assert [kind_of(label) for label in ("hate", "S10", "Sexual/minors v1.2")] == ["HATE", "S10", "SEXUAL_MINORS_V1_2"]


def test_a_model_that_locates_gives_a_finding_for_each_place() -> None:
    """From the threshold on, of labels that count, within the text; and one for each label where no place is asked."""
    places = [("hate", 0, 2, 0.9), ("hate", 2, 4, 0.4), ("other", 0, 4, 1.0), ("hate", 3, 5, 0.9), ("hate", 2, 4, 0.5)]
    located = LocatedScores(scores(0.9), places)
    found = verdicts().findings(TEXTS[:1], [located], located=True)
    assert [(each.kind, each.start, each.end) for _, each in found] == [("HATE", 0, 2), ("HATE", 2, 4)]
    assert [(each.start, each.end) for _, each in verdicts().findings(TEXTS[:1], [located])] == [(0, 4)]


def test_where_places_are_asked_scores_alone_are_no_answer() -> None:
    """What should be masked is not, so nobody may take it for checked."""
    with pytest.raises(ScoresMissing):
        verdicts().findings(TEXTS[:1], [scores(0.9)], located=True)
