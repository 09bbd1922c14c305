"""Fine-tuning for real, from a tiny model of random weights: what is saved is what both adapters load."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: `make adapters` runs this")
pytest.importorskip("transformers", reason="transformers is not installed: `make adapters` runs this")
pytest.importorskip("onnx", reason="no library to write an ONNX model with")

import transformers

from extproc.classifiers.adapters.onnx import OnnxModel
from extproc.classifiers.adapters.transformers import TransformersModel
from tests.tools.ngram_training import Example
from tests.tools.train_transformer import save
from tests.tools.transformer_training import Recipe, Tuner

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "morning", "evening"]
EXAMPLES = [
    Example(f"{mood} {time} " * times, int(mood == "bad"), "made")
    for mood in ("good", "bad")
    for time in ("morning", "evening")
    for times in range(1, 20)
]


@pytest.fixture(scope="module")
def tuner(tmp_path_factory: pytest.TempPathFactory) -> Tuner:
    """Begins as a BERT that has learned nothing."""
    folder = tmp_path_factory.mktemp("pretrained")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(
        vocab=str(folder / "vocab.txt"), vocab_file=str(folder / "vocab.txt")
    ).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder)
    recipe = Recipe(epochs=30, learning_rate=3e-3, window_tokens_max=32, batch_tokens=256)
    return Tuner(folder, ("harmless", "bad"), recipe)


def test_it_learns_and_is_loaded_by_both_adapters(tuner: Tuner, tmp_path: Path) -> None:
    """They agree with each other, and a score of 0.5 is the threshold that was asked for."""
    model = tuner.train(EXAMPLES)
    good, bad, long = tuner.log_odds(model, ["good morning", "bad evening", "good morning " * 40 + "bad " * 30])
    assert good < -1 < 1 < bad
    assert long > 0
    save(model, tuner, good, tmp_path)
    for adapter in (OnnxModel, TransformersModel):
        loaded = adapter(str(tmp_path), ["bad"], False, 32)
        assert loaded.scores("good morning")["bad"] == pytest.approx(0.5, abs=0.02)
        assert loaded.scores("bad evening")["bad"] > 0.8


def test_the_same_examples_give_the_same_model(tuner: Tuner) -> None:
    """Chance has a seed."""
    one, other = (tuner.log_odds(tuner.train(EXAMPLES[::3]), ["bad morning"])[0] for _ in range(2))
    assert one == pytest.approx(other, abs=1e-4)
