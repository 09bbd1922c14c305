"""A local ONNX model, a real one made here: each of its tokens has logits of its own, and a text their mean."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="no library to make an ONNX model with")
pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("tokenizers", reason="the extra `onnx` is not installed")

import numpy as np
import onnx
import tokenizers
from onnx import TensorProto, helper, numpy_helper

from extproc.classifiers.adapters.base import ModelUnusable
from extproc.classifiers.adapters.onnx import OnnxModel, OnnxPairModel

VOCABULARY = {"[UNK]": 0, "good": 1, "bad": 2}
LOGITS = [[0.0, 0.0], [2.0, -2.0], [-2.0, 2.0]]  # a token's, for the labels safe and abuse
LABELS = {"0": "safe", "1": "abuse"}


def make_model(folder: Path, inputs: tuple[str, ...] = ("input_ids", "attention_mask")) -> None:
    """Writes model.onnx, tokenizer.json and config.json."""
    table = numpy_helper.from_array(np.array(LOGITS, dtype=np.float32), "table")
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["logits"], axes=[1], keepdims=0),
    ]
    declared = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in inputs]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "means", declared, [logits], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(folder / "model.onnx"))
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"id2label": LABELS}))


def loaded(folder: Path, **section: Any) -> OnnxModel:
    """With the labels and windows of a section."""
    return OnnxModel(
        str(folder), section.get("labels", ["abuse"]), section.get("multi_label", False), section.get("window", 16)
    )


def test_scores_are_the_model_s(tmp_path: Path) -> None:
    """Softmax where labels exclude each other, a sigmoid each where they do not."""
    make_model(tmp_path)
    assert loaded(tmp_path).scores("bad") == {"abuse": pytest.approx(1 / (1 + math.exp(-4)))}
    assert loaded(tmp_path, multi_label=True).scores("bad") == {"abuse": pytest.approx(1 / (1 + math.exp(-2)))}
    both = loaded(tmp_path, labels=["abuse", "safe"]).scores("good")
    assert (both["safe"] > 0.9, both["abuse"] < 0.1) == (True, True)


def test_a_long_text_is_judged_in_windows_and_the_worst_counts(tmp_path: Path) -> None:
    """What stands anywhere in it is not thinned out by the rest."""
    make_model(tmp_path)
    model = loaded(tmp_path)
    for before, after in ((0, 500), (250, 250), (500, 0)):
        text = "good " * before + "bad " * 16 + "good " * after
        assert model.scores(text)["abuse"] > 0.5, (before, after)
    assert model.scores("good " * 500)["abuse"] < 0.1


def test_a_text_without_tokens_is_judged(tmp_path: Path) -> None:
    """As unknown, by the model's own word; nothing is made up, and nothing raises for an unknown script."""
    make_model(tmp_path)
    assert loaded(tmp_path).scores("日本") == {"abuse": pytest.approx(0.5)}


def test_a_pair_is_judged_sentence_by_sentence_by_the_window_that_supports_it_best(tmp_path: Path) -> None:
    """One good place in a long context is enough for a sentence, and one bad sentence for a text."""
    make_model(tmp_path)
    model = OnnxPairModel(str(tmp_path), ["abuse"], False, 16)
    supported, bad, empty = model.scores_against(
        "bad " * 40 + "good " * 20 + "bad " * 40, ["good.", "good. Bad bad bad bad bad bad bad bad.", " "]
    )
    assert supported["abuse"] < 0.1 < bad["abuse"]
    assert empty == {"abuse": 0.0}


def test_a_sentence_that_is_longer_than_the_model_reads_is_judged_in_halves(tmp_path: Path) -> None:
    """Room is left for the context beside it, and no part of it is left out."""
    make_model(tmp_path)
    model = OnnxPairModel(str(tmp_path), ["abuse"], False, 16)
    for text in ("good " * 60 + "bad " * 8, "bad " * 8 + "good " * 60):
        assert model.scores_against("good", [text])[0]["abuse"] > 0.5, text


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_folder_without_its_files_is_told(tmp_path: Path, missing: str) -> None:
    """Which one."""
    make_model(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ModelUnusable, match=missing):
        loaded(tmp_path)


def test_a_label_that_the_model_has_not_is_told(tmp_path: Path) -> None:
    """Else it would never be found, in silence."""
    make_model(tmp_path)
    with pytest.raises(ModelUnusable, match="labels"):
        loaded(tmp_path, labels=["abuse", "violence"])


def test_a_model_of_another_kind_is_told(tmp_path: Path) -> None:
    """It takes what we do not know how to make."""
    make_model(tmp_path, inputs=("input_ids", "pixel_values"))
    with pytest.raises(ModelUnusable, match="inputs"):
        loaded(tmp_path)
