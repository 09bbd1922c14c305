"""Topics by examples, in a real process of the pool."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extproc.classifiers.process import ProcessRunner
from extproc.classifiers.runner import ClassifierFailed
from extproc.config.classifiers import TopicsClassifier
from tests.unit.classifiers.runners import FakeLog, in_new_loop

LAW = ["How do I sue my landlord?", "Draft a contract for a house sale.", "What does a lawyer cost?"]
COOKING = ["How long do I boil an egg?", "A recipe for tomato soup.", "Which spices go with lamb?"]


def runner(topics: dict[str, list[str]]) -> ProcessRunner:
    """On the real worker."""
    section = TopicsClassifier.model_validate_json(json.dumps({"adapter": "topics", "topics": topics}))
    return ProcessRunner("topics", section, lambda _: None, FakeLog())


@pytest.fixture(autouse=True)
def finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process finds our package, installed or not."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


@in_new_loop
async def test_a_text_is_most_like_its_own_topic() -> None:
    """Of two; and a text about neither is less like both."""
    pytest.importorskip("llm_extproc_models", reason="the extra `topics` is not installed")
    judge = runner({"law": LAW, "cooking": COOKING})
    court, soup, neither = await judge.judge(
        [
            "Can my landlord take me to court over the contract?",
            "How long does chicken soup have to boil?",
            "The train to Berlin leaves at noon.",
        ]
    )
    assert court["law"] > max(court["cooking"], neither["law"])
    assert soup["cooking"] > max(soup["law"], neither["cooking"])
    await judge.close()


@in_new_loop
async def test_a_topic_without_a_word_is_told() -> None:
    """A mistake of the configuration, not of a text."""
    pytest.importorskip("llm_extproc_models", reason="the extra `topics` is not installed")
    judge = runner({"empty": [""]})
    with pytest.raises(ClassifierFailed):
        await judge.judge(["Hello"])
    await judge.close()
