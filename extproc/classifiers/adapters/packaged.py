"""A small model from a Python package: MiniLM sentence vectors with our own heads.

The vectors come from all-MiniLM-L6-v2 (Apache-2.0) as an int8 ONNX file of 23 MB in ``llm-extproc-models``. The heads
are logistic regressions, trained by ``tests/tools/train_heads.py`` on labeled texts (MIT, Apache-2.0 and CC0).
heads.json lists the sources, and the recall on each source when it was left out of training.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import orjson
from tokenizers import Tokenizer

from extproc.classifiers.adapters.base import ModelUnusable, sigmoid
from extproc.classifiers.adapters.onnx import OnnxEncoder
from extproc.detectors.model_files import ModelFileUnusable, read_model_file

MODEL, TOKENIZER = "minilm.onnx", "minilm_tokenizer.json"


class SentenceVectors:
    """Returns one unit vector [384] per window of a text. Raises: ModelUnusable."""

    def __init__(self, window_tokens_max: int) -> None:
        self._encoder = minilm(window_tokens_max)

    def of(self, text: str) -> np.ndarray[Any, Any]:
        """[windows, 384]"""
        vectors = np.stack([output.mean(axis=0) for _, output in self._encoder.windows(text)])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


class PackagedModel:
    """One head on the vectors. Raises: ModelUnusable."""

    def __init__(self, head: str, window_tokens_max: int) -> None:
        trained = orjson.loads(files("extproc.classifiers.adapters").joinpath("heads.json").read_bytes())[head]
        self._weights = np.array(trained["weights"], dtype=np.float64)
        self._bias = float(trained["bias"])
        self._head = head
        self._vectors = SentenceVectors(window_tokens_max)

    def scores(self, text: str) -> dict[str, float]:
        """The maximum over all windows."""
        return {self._head: float(sigmoid(self._vectors.of(text) @ self._weights + self._bias).max())}


def minilm(window_tokens_max: int) -> OnnxEncoder:
    """The encoder for both the heads and word similarity. Raises: ModelUnusable."""
    try:
        model, tokenizer = read_model_file(MODEL), read_model_file(TOKENIZER)
    except ModelFileUnusable as unusable:
        raise ModelUnusable(str(unusable)) from None
    return OnnxEncoder(model, Tokenizer.from_buffer(tokenizer), window_tokens_max)
