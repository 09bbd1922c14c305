"""Presidio in a real process of the pool: types with patterns need no model, names need one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from extproc.classifiers.adapters.base import ModelUnusable
from extproc.classifiers.adapters.presidio import PresidioModel
from extproc.classifiers.process import ProcessRunner
from extproc.config.classifiers import PresidioClassifier
from extproc.domain.finding import Finding
from tests.unit.classifiers.runners import FakeLog, in_new_loop


class FakeEntities:
    """Finds what it is told to."""

    def __init__(self, model: str, entities: Sequence[str], language: str) -> None:
        self.made_with = (model, tuple(entities), language)

    def find(self, text: str) -> list[Finding]:
        """Two people, one of them surely."""
        return [Finding("PERSON", 0, 3, 0.5, "presidio"), Finding("PERSON", 4, 9, 0.85, "presidio")]


def test_the_surest_finding_of_a_type_is_its_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that is not there scores nothing."""
    monkeypatch.setattr("extproc.classifiers.adapters.presidio.PresidioEntities", FakeEntities)
    model = PresidioModel("en_core_web_sm", ("PERSON", "LOCATION"), "en")
    assert model.scores("Ann and Bob") == {"PERSON": 0.85, "LOCATION": 0.0}
    assert model.places("Ann and Bob") == [("PERSON", 0, 3, 0.5), ("PERSON", 4, 9, 0.85)]


def test_without_the_extra_it_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says what to install."""
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(ModelUnusable, match=r"llm-extproc\[presidio\]"):
        PresidioModel("", ("CREDIT_CARD",), "en")


@in_new_loop
async def test_presidio_judges_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real library, where it is installed."""
    pytest.importorskip("presidio_analyzer", reason="the extra `presidio` is not installed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    section = PresidioClassifier(adapter="presidio", entities=("CREDIT_CARD",))
    judge = ProcessRunner("presidio", section, lambda _: None, FakeLog())
    card, none = await judge.judge(["My card is 4111 1111 1111 1111.", "Good morning"])
    assert card["CREDIT_CARD"] > 0.5
    assert none["CREDIT_CARD"] == 0
    await judge.close()
