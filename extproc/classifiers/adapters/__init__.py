"""Models that run in a worker, by the name of their adapter. Each library is imported when a model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extproc.classifiers.adapters.base import TextModel


def _packaged(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.packaged import PackagedModel

    return PackagedModel(section["head"], section["window_tokens_max"])


def _onnx(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.onnx import OnnxModel

    return OnnxModel(section["path"], section["labels"], section["multi_label"], section["window_tokens_max"])


def _transformers(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.transformers import TransformersModel

    return TransformersModel(section["path"], section["labels"], section["multi_label"], section["window_tokens_max"])


def _presidio(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.presidio import PresidioModel

    return PresidioModel(section["model"], section["entities"], section["language"])


def _topics(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.topics import TopicsModel

    return TopicsModel(section["topics"])


LOADERS: Mapping[str, Callable[[Mapping[str, Any]], TextModel]] = {
    "packaged": _packaged,
    "onnx": _onnx,
    "transformers": _transformers,
    "presidio": _presidio,
    "topics": _topics,
}
