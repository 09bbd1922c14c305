"""Models that run in a worker, by adapter name. Each library is imported when its model is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from extproc.classifiers.adapters.base import PairModel, TextModel


def _packaged(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.packaged import PackagedModel

    return _heard(PackagedModel(section["head"], section["window_tokens_max"]), section)


def _heard(model: TextModel, section: Mapping[str, Any]) -> TextModel:
    """The model, alone or in an ensemble with a detector."""
    if section["with_detector"] is None:
        return model
    from extproc.classifiers.adapters.with_detector import WithInjectionDetector

    return WithInjectionDetector(model)


def _onnx(section: Mapping[str, Any]) -> TextModel | PairModel:
    from extproc.classifiers.adapters.onnx import OnnxModel, OnnxPairModel

    what = (section["path"], section["labels"], section["multi_label"], section["window_tokens_max"])
    return OnnxPairModel(*what) if section["pairs"] else _heard(OnnxModel(*what), section)


def _transformers(section: Mapping[str, Any]) -> TextModel | PairModel:
    from extproc.classifiers.adapters.transformers import TransformersModel, TransformersPairModel

    what = (section["path"], section["labels"], section["multi_label"], section["window_tokens_max"])
    return TransformersPairModel(*what) if section["pairs"] else _heard(TransformersModel(*what), section)


def _presidio(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.presidio import PresidioModel

    return PresidioModel(section["model"], section["entities"], section["language"])


def _topics(section: Mapping[str, Any]) -> TextModel:
    from extproc.classifiers.adapters.topics import TopicsModel

    return TopicsModel(section["topics"])


def _grounding(section: Mapping[str, Any]) -> PairModel:
    from extproc.classifiers.adapters.grounding import GroundingModel

    return GroundingModel(section["window_tokens_max"])


LOADERS: Mapping[str, Callable[[Mapping[str, Any]], TextModel | PairModel]] = {
    "packaged": _packaged,
    "onnx": _onnx,
    "transformers": _transformers,
    "presidio": _presidio,
    "topics": _topics,
    "grounding": _grounding,
}
