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

from extproc.classifiers.adapters.base import (
    OVERLAP,
    ModelUnusable,
    best_support,
    fitting,
    known_labels,
    probabilities,
    worst,
)
from extproc.detectors.sentences import sentences_of

_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxEncoder:
    """A transformer: text in, the first output of each window out.

    Args:
        window_tokens_max: of one window, special tokens included.
        truncation: which of two texts is divided among windows, as the tokenizer calls it.
    """

    def __init__(self, model: Path, tokenizer: Path, window_tokens_max: int, truncation: str = "longest_first") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        if not set(self._inputs) <= set(_KNOWN_INPUTS):
            raise ModelUnusable("the model has inputs that are not known here")
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(window_tokens_max, stride=window_tokens_max // OVERLAP, strategy=truncation)

    def windows(self, text: str, second: str | None = None) -> Iterator[tuple[Encoding, np.ndarray[Any, Any]]]:
        """The tokens of each window of a text, or of two, and its output, without the batch dimension."""
        whole = self._tokenizer.encode(text, second)
        return ((window, self._run(window)) for window in (whole, *whole.overflowing))

    def count_tokens(self, text: str) -> int:
        """How many a text has, special ones included, up to those of a window and one."""
        whole = self._tokenizer.encode(text)
        return len(whole) + bool(whole.overflowing)

    def _run(self, window: Encoding) -> np.ndarray[Any, Any]:
        values = (window.ids, window.attention_mask, window.type_ids)
        feed = {
            name: np.array([value], dtype=np.int64)
            for name, value in zip(_KNOWN_INPUTS, values, strict=True)
            if name in self._inputs
        }
        return np.asarray(self._session.run(None, feed)[0][0])


class _OnnxFolder:
    """A text classifier in a folder. Raises: ModelUnusable."""

    truncation: str

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        path = Path(folder)
        for name in ("model.onnx", "tokenizer.json", "config.json"):
            if not (path / name).is_file():
                raise ModelUnusable(f"there is no {name} in the folder")
        config = orjson.loads((path / "config.json").read_bytes())
        self._labels = known_labels(config.get("id2label", {}), labels)
        self._names = tuple(labels)
        self._multi_label = multi_label
        self._sentence_tokens_max = window_tokens_max // 2
        self._encoder = OnnxEncoder(path / "model.onnx", path / "tokenizer.json", window_tokens_max, self.truncation)

    def _windows(self, text: str, second: str | None = None) -> Iterator[dict[str, float]]:
        """The scores of each window."""
        for _, logits in self._encoder.windows(text, second):
            yield probabilities(logits, self._labels, self._multi_label)


class OnnxModel(_OnnxFolder):
    """Judges texts by themselves."""

    truncation = "longest_first"

    def scores(self, text: str) -> dict[str, float]:
        """The worst of all windows."""
        return worst(self._names, self._windows(text))


class OnnxPairModel(_OnnxFolder):
    """Judges sentences against a context, which is divided among windows."""

    truncation = "only_first"

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """The worst sentence of each text, by the part of the context that supports it best."""
        return [worst(self._names, self._sentences(context, text)) for text in texts]

    def _sentences(self, context: str, text: str) -> Iterator[dict[str, float]]:
        for sentence in sentences_of(text):
            for piece in fitting(sentence, self._sentence_tokens_max, self._encoder.count_tokens):
                yield best_support(self._names, self._windows(context, piece))
