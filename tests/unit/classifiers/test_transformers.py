"""A local model of the transformers library: a real one of random weights, made and saved here."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `transformers` is not installed")
pytest.importorskip("transformers", reason="the extra `transformers` is not installed")

import torch
import transformers

from extproc.classifiers.adapters.base import ModelUnusable
from extproc.classifiers.adapters.transformers import TransformersModel, TransformersPairModel

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "morning"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with two labels."""
    made = tmp_path_factory.mktemp("model")
    (made / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(vocab=str(made / "vocab.txt"), vocab_file=str(made / "vocab.txt")).save_pretrained(
        made
    )
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        id2label={0: "safe", 1: "abuse"},
        label2id={"safe": 0, "abuse": 1},
        initializer_range=1.0,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(made)
    return made


def test_scores_are_the_model_s(folder: Path) -> None:
    """Both labels together are 1 where they exclude each other."""
    model = TransformersModel(str(folder), ["safe", "abuse"], False, 32)
    scores = model.scores("good morning")
    assert sum(scores.values()) == pytest.approx(1)
    assert model.scores("good morning") == scores
    assert model.scores("bad bad bad") != scores


def test_a_long_text_is_judged_in_windows_and_the_worst_counts(folder: Path) -> None:
    """It is longer than the model can read at once; no window is less than the whole says."""
    model = TransformersModel(str(folder), ["abuse"], False, 16)
    parts = [model.scores(text)["abuse"] for text in ("good " * 14, "bad " * 14)]
    whole = model.scores("good " * 200 + "bad " * 200)["abuse"]
    assert whole >= max(parts) - 1e-6


def test_a_pair_is_judged_in_windows_of_the_context_and_the_best_counts(folder: Path) -> None:
    """A part that supports a sentence is enough; of the sentences the worst counts, and none is too long."""
    model = TransformersPairModel(str(folder), ["abuse"], False, 16)
    parts = [model.scores_against(text, ["morning"])[0]["abuse"] for text in ("good " * 12, "bad " * 12)]
    (whole,) = model.scores_against("good " * 100 + "bad " * 100, ["morning"])
    assert whole["abuse"] <= min(parts) + 1e-6
    sentences = [model.scores_against("good", [text])[0]["abuse"] for text in ("Morning.", "Bad.")]
    assert model.scores_against("good", ["Morning. Bad."])[0]["abuse"] == pytest.approx(max(sentences), abs=1e-6)
    assert model.scores_against("good", ["bad " * 200])[0]["abuse"] > 0


def test_what_cannot_be_used_is_told(folder: Path, tmp_path: Path) -> None:
    """A folder without a model, and a label that it has not."""
    with pytest.raises(ModelUnusable, match=r"config\.json"):
        TransformersModel(str(tmp_path), ["abuse"], False, 32)
    with pytest.raises(ModelUnusable, match="labels"):
        TransformersModel(str(folder), ["violence"], False, 32)
