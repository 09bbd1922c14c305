"""A worker answers each line with one line, whatever fails."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from extproc.classifiers import worker
from extproc.classifiers.adapters.base import ModelUnusable
from extproc.classifiers.scores import LabeledPlace
from tests.unit.classifiers.runners import SECRET


class Model:
    """Scores by length; one text is a fault."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        if section["head"] == "unusable":
            raise ModelUnusable("there is no model.onnx in the folder")
        if section["head"] == "missing":
            import no_such_library  # type: ignore[import-not-found]  # noqa: F401
        if section["head"] == "broken":
            raise OSError(SECRET)

    def scores(self, text: str) -> dict[str, float]:
        """By length."""
        if text == "fault":
            raise ValueError(SECRET)
        return {"length": len(text) / 10}


def served(monkeypatch: pytest.MonkeyPatch, *lines: Any, model: Any = Model) -> list[Any]:
    """The answers to some lines."""
    monkeypatch.setattr(worker, "LOADERS", {"packaged": model})
    answers = io.BytesIO()
    worker.serve(io.BytesIO(b"".join(orjson.dumps(line) + b"\n" for line in lines)), answers)
    assert SECRET.encode() not in answers.getvalue()
    return [orjson.loads(line) for line in answers.getvalue().splitlines()]


def section(head: str = "any") -> dict[str, str]:
    """What the first line tells."""
    return {"adapter": "packaged", "head": head}


def texts(*texts: str, context: str = "") -> dict[str, Any]:
    """What a further line asks."""
    return {"texts": texts, "context": context}


class Locating:
    """Finds every capital letter."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Nothing to load."""

    def scores(self, text: str) -> dict[str, float]:
        """As its places say."""
        return self.scores_of(self.places(text))

    def places(self, text: str) -> list[LabeledPlace]:
        """One for each."""
        return [("CAPITAL", at, at + 1, 0.9) for at, letter in enumerate(text) if letter.isupper()]

    def scores_of(self, places: Sequence[LabeledPlace]) -> dict[str, float]:
        """Whether there is one."""
        return {"CAPITAL": max((score for *_, score in places), default=0.0)}


def test_a_model_that_locates_answers_with_its_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each text, next to its scores."""
    _, answer = served(monkeypatch, section(), texts("A bC", "none"), model=Locating)
    assert answer == {
        "scores": [{"CAPITAL": 0.9}, {"CAPITAL": 0.0}],
        "places": [[["CAPITAL", 0, 1, 0.9], ["CAPITAL", 3, 4, 0.9]], []],
    }


class OfPairs:
    """Scores by what stands in both."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        """Nothing to load."""

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """Whether the context holds them."""
        return [{"unsupported": float(text not in context)} for text in texts]


def test_a_model_of_pairs_is_given_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all texts of a line."""
    answers = served(monkeypatch, section(), texts("a", "b", context="an a"), model=OfPairs)
    assert answers == [{"ready": True}, {"scores": [{"unsupported": 0.0}, {"unsupported": 1.0}]}]


def test_a_model_is_loaded_and_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer a line, in order."""
    answers = served(monkeypatch, section(), texts("a", "bc"), texts(), texts("a\nb"))
    assert answers == [
        {"ready": True},
        {"scores": [{"length": 0.1}, {"length": 0.2}]},
        {"scores": []},
        {"scores": [{"length": 0.3}]},
    ]


def test_a_fault_is_told_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next line is judged."""
    answers = served(monkeypatch, section(), texts("a", "fault"), texts("a"))
    assert answers[1:] == [{"error": "ValueError"}, {"scores": [{"length": 0.1}]}]


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("unusable", "there is no model.onnx in the folder"),
        ("missing", "no_such_library is not installed: see the extras of llm-extproc"),
        ("broken", "OSError"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why(monkeypatch: pytest.MonkeyPatch, head: str, error: str) -> None:
    """In our words where we know, else by its type."""
    assert served(monkeypatch, section(head)) == [{"error": error}]
