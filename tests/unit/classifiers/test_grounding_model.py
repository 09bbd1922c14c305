"""Whether an answer rests on its documents, by likeness of words: the packaged model in a real process."""

from __future__ import annotations

from pathlib import Path

import pytest

from extproc.classifiers.process import ProcessRunner
from extproc.config.classifiers import GroundingClassifier
from tests.unit.classifiers.runners import FakeLog, in_new_loop

CONTEXT = (
    "The Acme 300 kettle holds 1.7 litres and boils them in four minutes. Its body is made of stainless steel. "
    "It was first sold in 1998 in Norway, and comes with a guarantee of two years."
)
SUPPORTED = "The kettle boils its 1.7 litres in four minutes."
MADE_UP = "Scientists recommend drinking green tea from porcelain cups against headaches."


@pytest.fixture(autouse=True)
def finds_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process finds our package, installed or not; the model comes with packages."""
    for package in ("onnxruntime", "tokenizers", "llm_extproc_models"):
        pytest.importorskip(package, reason="the extra `packaged` is not installed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


@in_new_loop
async def test_what_the_documents_do_not_say_scores_higher_wherever_it_stands() -> None:
    """The worst sentence of an answer counts; no sentence is no claim."""
    judge = ProcessRunner("support", GroundingClassifier(adapter="grounding"), lambda _: None, FakeLog())
    texts = [SUPPORTED, MADE_UP, f"{SUPPORTED} {MADE_UP} {SUPPORTED}", " \n"]
    supported, made_up, mixed, empty = [one["unsupported"] for one in await judge.judge(texts, CONTEXT)]
    assert supported < 0.4
    assert made_up > 0.6
    assert mixed == pytest.approx(made_up, abs=0.02)
    assert empty == 0.0
    await judge.close()


@in_new_loop
async def test_a_long_context_supports_what_stands_anywhere_in_it() -> None:
    """It is read in windows, and all of them are known."""
    judge = ProcessRunner("support", GroundingClassifier(adapter="grounding"), lambda _: None, FakeLog())
    other = "The train to the coast leaves at noon from the old station. " * 60
    for context in (CONTEXT + other, other + CONTEXT, other):
        (scores,) = await judge.judge([SUPPORTED], context)
        assert (scores["unsupported"] < 0.5) == (CONTEXT in context), len(context)
    await judge.close()


@in_new_loop
async def test_another_value_scores_higher_in_the_same_words() -> None:
    """Vectors of numbers and names are much alike, so what is compared in the path counts too."""
    judge = ProcessRunner("support", GroundingClassifier(adapter="grounding"), lambda _: None, FakeLog())
    texts = ["The kettle was first sold in 1998 in Norway.", "The kettle was first sold in 1989 in Norway."]
    right, wrong = [one["unsupported"] for one in await judge.judge(texts, CONTEXT)]
    assert wrong > 2 * right
    await judge.close()
