"""A local text-classification model of the transformers library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

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


class _TransformersFolder:
    """A text classifier in a folder. Raises: ModelUnusable."""

    truncation: str

    def __init__(self, folder: str, labels: Sequence[str], multi_label: bool, window_tokens_max: int) -> None:
        if not (Path(folder) / "config.json").is_file():
            raise ModelUnusable("there is no config.json in the folder")
        torch.set_num_threads(1)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True)
        self._model.eval()
        self._labels = known_labels(self._model.config.id2label, labels)
        self._names = tuple(labels)
        self._multi_label = multi_label
        self._window_tokens_max = window_tokens_max

    def _windows(self, text: str, second: str | None = None) -> Iterator[dict[str, float]]:
        """The scores of each window."""
        windows = self._tokenizer(
            text,
            second,
            truncation=self.truncation,
            max_length=self._window_tokens_max,
            stride=self._window_tokens_max // OVERLAP,
            return_overflowing_tokens=True,
        )
        names = [name for name in self._tokenizer.model_input_names if name in windows]
        with torch.inference_mode():
            for number in range(len(windows["input_ids"])):
                feed = {name: torch.tensor([windows[name][number]]) for name in names}
                logits = self._model(**feed).logits[0].numpy()
                yield probabilities(logits, self._labels, self._multi_label)


class TransformersModel(_TransformersFolder):
    """Judges texts by themselves."""

    truncation = "longest_first"

    def scores(self, text: str) -> dict[str, float]:
        """The worst of all windows."""
        return worst(self._names, self._windows(text))


class TransformersPairModel(_TransformersFolder):
    """Judges sentences against a context, which is divided among windows."""

    truncation = "only_first"

    def scores_against(self, context: str, texts: Sequence[str]) -> list[dict[str, float]]:
        """The worst sentence of each text, by the part of the context that supports it best."""
        return [worst(self._names, self._sentences(context, text)) for text in texts]

    def _sentences(self, context: str, text: str) -> Iterator[dict[str, float]]:
        for sentence in sentences_of(text):
            for piece in fitting(sentence, self._window_tokens_max // 2, self._count_tokens):
                yield best_support(self._names, self._windows(context, piece))

    def _count_tokens(self, text: str) -> int:
        return len(self._tokenizer(text)["input_ids"])
