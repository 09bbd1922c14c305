"""Topics by examples, where the extra ``topics`` is installed."""

from __future__ import annotations

import json
import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from extproc.detectors.rules.topic_vectors import TEXT_CHARS_MAX, TopicVectors, TopicVectorsMissing
from tests.unit.model_packages import changed_package, use_no_package, use_package

DATA: dict[str, Any] = json.loads((Path(__file__).parents[3] / "corpus" / "rules" / "topics.json").read_text())
INSTALLED = all(find_spec(name) is not None for name in ("numpy", "tokenizers", "llm_extproc_models"))
needs_extra = pytest.mark.skipif(not INSTALLED, reason="the extra topics is not installed")


@pytest.fixture(scope="module")
def vectors() -> TopicVectors:
    """Four topics by five examples each."""
    return TopicVectors(DATA["examples"])


@needs_extra
def test_most_questions_are_most_alike_to_their_topic(vectors: TopicVectors) -> None:
    """A floor under what is measured by ``rules_report``; chance would be a quarter."""
    topical = [row for row in DATA["questions"] if row["topic"]]
    right = [
        max(scores, key=scores.__getitem__) == row["topic"] for row in topical if (scores := vectors.score(row["text"]))
    ]
    assert sum(right) / len(right) >= 0.8


@needs_extra
def test_a_part_of_a_long_text_is_found(vectors: TopicVectors) -> None:
    """Else it would be lost among the rest."""
    filler = "The museum opens at nine and the bus leaves from the station. " * 20
    without, within = (
        vectors.score(filler),
        vectors.score(filler + "How do I make a risotto with lentils? " * 4 + filler),
    )
    assert within["cooking"] > without["cooking"] + 0.1


@needs_extra
@pytest.mark.parametrize("text", ["", " ", "\u200b", "x" * TEXT_CHARS_MAX * 2, "\ud800", "中文🙂"])
def test_any_text_has_scores_from_0_to_1(vectors: TopicVectors, text: str) -> None:
    """Of every topic."""
    scores = vectors.score(text)
    assert scores.keys() == DATA["examples"].keys()
    assert all(0 <= score <= 1.001 for score in scores.values())


@needs_extra
def test_what_is_pickled_is_the_examples_alone(vectors: TopicVectors) -> None:
    """A worker loads the vectors itself."""
    pickled = pickle.dumps(vectors)
    assert len(pickled) < 10_000
    question = DATA["questions"][0]["text"]
    assert pickle.loads(pickled).score(question) == vectors.score(question)


@needs_extra
def test_a_topic_without_an_example_is_a_mistake() -> None:
    """It would never be found."""
    with pytest.raises(ValueError, match="empty has no example"):
        TopicVectors({"empty": [""]})


@pytest.mark.interpreted
@needs_extra
def test_model_files_that_cannot_be_used_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, or the file; ``test_model_files`` has the whole messages."""
    use_no_package(monkeypatch)
    with pytest.raises(TopicVectorsMissing, match=r"^the package llm-extproc-models is not installed: install "):
        TopicVectors({"a": ["b"]})
    use_package(monkeypatch, changed_package(tmp_path, "wordllama.safetensors", "wordllama_tokenizer.json"))
    with pytest.raises(
        TopicVectorsMissing, match=r"^wordllama\.safetensors of the installed .* damaged or exchanged; "
    ):
        TopicVectors({"a": ["b"]})
