"""The small model of a Python package: MiniLM, of which we trained the upper half to find prompt injection.

``llm-extproc-models`` has it as an int8 ONNX file of 23 MB. docs/encoder.md says what it was trained on, and how good
it is on texts that nobody here has seen.
"""

from __future__ import annotations

from tokenizers import Tokenizer

from extproc.classifiers.adapters.base import ModelUnusable, sigmoid
from extproc.classifiers.adapters.onnx import OnnxEncoder
from extproc.detectors.model_files import ModelFileUnusable, read_model_file

GUARDS, MINILM, TOKENIZER = "guards.onnx", "minilm.onnx", "minilm_tokenizer.json"


class PackagedModel:
    """Args: label: what its score is called. Raises: ModelUnusable."""

    def __init__(self, label: str, window_tokens_max: int) -> None:
        self._label = label
        self._encoder = encoder(GUARDS, window_tokens_max)

    def scores(self, text: str) -> dict[str, float]:
        """The maximum over all windows."""
        log_odds = (output[0] for _, output in self._encoder.windows(text))
        return {self._label: float(sigmoid(max(log_odds)))}


def encoder(name: str, window_tokens_max: int) -> OnnxEncoder:
    """One of the packaged encoders: ``GUARDS``, or ``MINILM`` for similarity of words. Raises: ModelUnusable."""
    try:
        model, tokenizer = read_model_file(name), read_model_file(TOKENIZER)
    except ModelFileUnusable as unusable:
        raise ModelUnusable(str(unusable)) from None
    return OnnxEncoder(model, Tokenizer.from_buffer(tokenizer), window_tokens_max)
