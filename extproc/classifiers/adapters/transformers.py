"""A local text-classification model of the transformers library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from extproc.classifiers.adapters.base import (
    OVERLAP,
    FolderModel,
    ModelUnusable,
    OfPairs,
    OfTexts,
    known_labels,
    probabilities,
)


class _TransformersFolder(FolderModel):
    """A text classifier in a folder. Raises: ModelUnusable."""

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        if not (Path(folder) / "config.json").is_file():
            raise ModelUnusable("there is no config.json in the folder")
        torch.set_num_threads(1)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
        self._model.eval()
        self._labels = known_labels(self._model.config.id2label, labels)
        self.names = tuple(labels)
        self._multi_label = multi_label
        self.window_tokens_max = window_tokens_max

    def windows(self, text: str, second: str | None = None) -> Iterator[dict[str, float]]:
        """The scores of each window."""
        windows = self._tokenizer(
            text,
            second,
            truncation=self.truncation,
            max_length=self.window_tokens_max,
            stride=self.window_tokens_max // OVERLAP,
            return_overflowing_tokens=True,
        )
        names = [name for name in self._tokenizer.model_input_names if name in windows]
        with torch.inference_mode():
            for number in range(len(windows["input_ids"])):
                feed = {name: torch.tensor([windows[name][number]]) for name in names}
                logits = self._model(**feed).logits[0].numpy()
                yield probabilities(logits, self._labels, self._multi_label)

    def count_tokens(self, text: str) -> int:
        """Including special tokens."""
        return len(self._tokenizer(text)["input_ids"])


class TransformersModel(OfTexts, _TransformersFolder):
    """Scores single texts."""


class TransformersPairModel(OfPairs, _TransformersFolder):
    """Scores sentences against a context."""
