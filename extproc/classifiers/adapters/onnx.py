"""A local ONNX model on ONNX Runtime, with its tokenizer: no other library, no network.

Windows run one by one, without padding: on a CPU a padded batch is slower than its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import orjson
from tokenizers import Encoding, Tokenizer

from extproc.classifiers.adapters.base import (
    OVERLAP,
    FolderModel,
    ModelUnusable,
    OfPairs,
    OfTexts,
    known_labels,
    probabilities,
)

_PROCESSOR = Path("/proc/cpuinfo")
_KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class OnnxEncoder:
    """A transformer: returns the first output of each window of a text.

    Args:
        model: path or bytes of the file.
        window_tokens_max: of one window, including special tokens.
        truncation: which text of a pair is split into windows, in the tokenizer's terms.
    """

    def __init__(
        self, model: str | bytes, tokenizer: Tokenizer, window_tokens_max: int, truncation: str = "longest_first"
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        if not _has_vnni():
            options.add_session_config_entry("session.x64quantprecision", "1")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]
        if not set(self._inputs) <= set(_KNOWN_INPUTS):
            raise ModelUnusable("the model has inputs that are not known here")
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(window_tokens_max, stride=window_tokens_max // OVERLAP, strategy=truncation)

    def windows(self, text: str, second: str | None = None) -> Iterator[tuple[Encoding, np.ndarray[Any, Any]]]:
        """The tokens of each window of a text or a pair, and its output, without the batch dimension."""
        whole = self._tokenizer.encode(text, second)
        return ((window, self._run(window)) for window in (whole, *whole.overflowing))

    def count_tokens(self, text: str) -> int:
        """Token count, including special tokens, up to one more than a window."""
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


@cache
def _has_vnni() -> bool:
    """Whether sums of int8 products are exact; older processors clip them, unless a session asks for a slower way."""
    return _PROCESSOR.exists() and "vnni" in _PROCESSOR.read_text(encoding="utf-8", errors="replace")


class _OnnxFolder(FolderModel):
    """A text classifier in a folder. Raises: ModelUnusable."""

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        path = Path(folder)
        for name in ("model.onnx", "tokenizer.json", "config.json"):
            if not (path / name).is_file():
                raise ModelUnusable(f"there is no {name} in the folder")
        config = orjson.loads((path / "config.json").read_bytes())
        self._labels = known_labels(config.get("id2label", {}), labels)
        self.names = tuple(labels)
        self._multi_label = multi_label
        self.window_tokens_max = window_tokens_max
        tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        self._encoder = OnnxEncoder(str(path / "model.onnx"), tokenizer, window_tokens_max, self.truncation)

    def windows(self, text: str, second: str | None = None) -> Iterator[dict[str, float]]:
        """The scores of each window."""
        for _, logits in self._encoder.windows(text, second):
            yield probabilities(logits, self._labels, self._multi_label)

    def count_tokens(self, text: str) -> int:
        """Including special tokens."""
        return self._encoder.count_tokens(text)


class OnnxModel(OfTexts, _OnnxFolder):
    """Scores single texts."""


class OnnxPairModel(OfPairs, _OnnxFolder):
    """Scores sentences against a context."""
