"""A local ONNX model on ONNX Runtime, with its tokenizer: no other library, no network.

Windows are run one by one and without padding: on a CPU a padded batch takes longer than its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
from tokenizers import Encoding, Tokenizer

from extproc.classifiers.adapters.base import OVERLAP, ModelUnusable, known_labels, worst

_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxEncoder:
    """A transformer: text in, the first output of each window out.

    Args: window_tokens_max: of one window, special tokens included.
    """

    def __init__(self, model: Path, tokenizer: Path, window_tokens_max: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        if not set(self._inputs) <= set(_KNOWN_INPUTS):
            raise ModelUnusable("the model has inputs that are not known here")
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(window_tokens_max, stride=window_tokens_max // OVERLAP)

    def outputs(self, text: str) -> Iterator[np.ndarray[Any, Any]]:
        """The output of each window, without the batch dimension."""
        whole = self._tokenizer.encode(text)
        for window in (whole, *whole.overflowing):
            yield self._run(window)

    def _run(self, window: Encoding) -> np.ndarray[Any, Any]:
        values = (window.ids, window.attention_mask, window.type_ids)
        feed = {
            name: np.array([value], dtype=np.int64)
            for name, value in zip(_KNOWN_INPUTS, values, strict=True)
            if name in self._inputs
        }
        return np.asarray(self._session.run(None, feed)[0][0])


class OnnxModel:
    """A text classifier in a folder. Raises: ModelUnusable."""

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        path = Path(folder)
        for name in ("model.onnx", "tokenizer.json", "config.json"):
            if not (path / name).is_file():
                raise ModelUnusable(f"there is no {name} in the folder")
        config = orjson.loads((path / "config.json").read_bytes())
        self._labels = known_labels(config.get("id2label", {}), labels)
        self._multi_label = multi_label
        self._encoder = OnnxEncoder(path / "model.onnx", path / "tokenizer.json", window_tokens_max)

    def scores(self, text: str) -> dict[str, float]:
        """The worst of all windows."""
        return worst(self._encoder.outputs(text), self._labels, self._multi_label)
