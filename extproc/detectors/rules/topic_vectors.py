"""Topics of a text by similarity to examples, where no word list would do.

The vectors are those of WordLlama (MIT, 32,000 tokens, 256 dimensions, English), which ``llm-extproc-models`` brings
with their tokenizer. Needs the extra ``topics`` and some 20 MB; a text costs tens to hundreds of microseconds, so it
belongs in a worker, not in the path: ``extproc.detectors.rules.topic_vectors:TopicVectors`` builds one there, and only
its examples are pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from extproc.detectors.model_files import ModelFileUnusable, read_model_file
from extproc.domain.extras import how_to_install

WINDOW_TOKENS: Final = 48
WINDOW_STEP_TOKENS: Final = 24
TEXT_CHARS_MAX: Final = 100_000
"""Text beyond this is not read: split long texts."""

_EXAMPLES_COMPARED: Final = 3  # a single one may be similar in phrasing only
_WEIGHTS: Final = "wordllama.safetensors"
_TOKENIZER: Final = "wordllama_tokenizer.json"
_TENSOR: Final = "embedding.weight"
_LENGTH_BYTES: Final = 8


class TopicVectorsMissing(Exception):
    """The extra ``topics`` is not installed, or a model file is unusable; the message says which."""


class TopicVectors:
    """Similarity of a text to examples of topics.

    Args:
        topics: for each topic some texts about it, as users write them; five to twenty are enough.
    Raises: TopicVectorsMissing; ValueError for a topic without an example that has a known token.
    """

    def __init__(self, topics: Mapping[str, Sequence[str]]) -> None:
        self._topics = {topic: tuple(examples) for topic, examples in topics.items()}
        self._tokenizer, self._vectors = _load()
        self._examples = {topic: self._example_vectors(topic) for topic in self._topics}

    def __reduce__(self) -> tuple[Any, ...]:
        return TopicVectors, (self._topics,)

    def score(self, text: str) -> dict[str, float]:
        """For each topic, the similarity of the best part of the text to its examples, 0 to 1."""
        windows = self._window_vectors(text[:TEXT_CHARS_MAX])
        if windows is None:
            return dict.fromkeys(self._topics, 0.0)
        return {topic: _likeness(windows, examples) for topic, examples in self._examples.items()}

    def _example_vectors(self, topic: str) -> Any:
        import numpy

        vectors = [self._window_vectors(example) for example in self._topics[topic]]
        known = [vector for vector in vectors if vector is not None]
        if not known:
            raise ValueError(f"the topic {topic} has no example with a known token")
        return numpy.concatenate(known)

    def _window_vectors(self, text: str) -> Any:
        """Unit vectors of overlapping windows, as rows; None without a token."""
        import numpy

        without_surrogates = text.encode("utf-8", "replace").decode("utf-8")
        tokens = self._tokenizer.encode(without_surrogates, add_special_tokens=False).ids
        if not tokens:
            return None
        sums = numpy.cumsum(self._vectors[tokens], axis=0, dtype=numpy.float32)
        sums = numpy.concatenate([numpy.zeros_like(sums[:1]), sums])
        begins = numpy.arange(0, max(len(tokens) - WINDOW_TOKENS + WINDOW_STEP_TOKENS, 1), WINDOW_STEP_TOKENS)
        ends = numpy.minimum(begins + WINDOW_TOKENS, len(tokens))
        windows = sums[ends] - sums[begins]
        return windows / (numpy.linalg.norm(windows, axis=1, keepdims=True) + 1e-9)


def _likeness(windows: Any, examples: Any) -> float:
    """Mean similarity of the best examples, for the window with the maximum."""
    import numpy

    best = numpy.sort(windows @ examples.T, axis=1)[:, -_EXAMPLES_COMPARED:].mean(axis=1)
    return float(max(best.max(), 0.0))


def _load() -> tuple[Any, Any]:
    """The tokenizer, and the vectors as 32-bit floats, one row per token."""
    try:
        import numpy
        from tokenizers import Tokenizer
    except ImportError as error:
        raise TopicVectorsMissing(f"a package is not installed. {how_to_install('topics')}") from error
    try:
        raw, tokenizer = read_model_file(_WEIGHTS), Tokenizer.from_buffer(read_model_file(_TOKENIZER))
    except ModelFileUnusable as unusable:
        raise TopicVectorsMissing(str(unusable)) from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    header_end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "little")
    tensor = json.loads(raw[_LENGTH_BYTES:header_end])[_TENSOR]
    first, end = tensor["data_offsets"]
    vectors = numpy.frombuffer(raw[header_end + first : header_end + end], dtype="<f2").reshape(tensor["shape"])
    return tokenizer, vectors.astype(numpy.float32)
