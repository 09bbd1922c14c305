"""A local text-classification model of the transformers library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from extproc.classifiers.adapters.base import OVERLAP, ModelUnusable, known_labels, worst


class TransformersModel:
    """A text classifier in a folder. Raises: ModelUnusable."""

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        if not (Path(folder) / "config.json").is_file():
            raise ModelUnusable("there is no config.json in the folder")
        torch.set_num_threads(1)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
        self._model.eval()
        self._labels = known_labels(self._model.config.id2label, labels)
        self._multi_label = multi_label
        self._window_tokens_max = window_tokens_max

    def scores(self, text: str) -> dict[str, float]:
        """The worst of all windows."""
        return worst(self._logits(text), self._labels, self._multi_label)

    def _logits(self, text: str) -> Iterator[Any]:
        windows = self._tokenizer(
            text,
            truncation=True,
            max_length=self._window_tokens_max,
            stride=self._window_tokens_max // OVERLAP,
            return_overflowing_tokens=True,
        )
        names = [name for name in self._tokenizer.model_input_names if name in windows]
        with torch.inference_mode():
            for number in range(len(windows["input_ids"])):
                feed = {name: torch.tensor([windows[name][number]]) for name in names}
                yield self._model(**feed).logits[0].numpy()
