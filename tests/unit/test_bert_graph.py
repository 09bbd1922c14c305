"""The graph of MiniLM, on small random tensors: it computes what a BERT computes, with int8 nearly so."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from tests.tools.models_wheel.bert_graph import INPUTS, Precision, bert_model
from tests.tools.models_wheel.safetensors import float_tensors, packed_tensors, unpacked_tensors

WIDTH, HEADS, LAYERS, WORDS, PLACES = 32, 4, 2, 50, 16
Array = npt.NDArray[np.float64]
Floats = Mapping[str, npt.NDArray[np.float32]]


def random_tensors() -> Floats:
    """Under the names of the transformers library."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (WORDS, WIDTH),
        "embeddings.position_embeddings.weight": (PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": (2, WIDTH),
    }
    linear = {"intermediate.dense": (4 * WIDTH, WIDTH), "output.dense": (WIDTH, 4 * WIDTH)}
    linear |= {f"attention.{part}": (WIDTH, WIDTH) for part in ("self.query", "self.key", "self.value", "output.dense")}
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in linear.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
    shapes |= {f"{norm}.{part}": (WIDTH,) for norm in norms for part in ("weight", "bias")}
    chance = np.random.default_rng(7)
    return {name: chance.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


TENSORS = random_tensors()
IDS = np.array([[3, 14, 15, 9, 26, 5]])
KINDS = np.array([[0, 0, 0, 1, 1, 1]])


def output_of(model: bytes, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> Array:
    """What ONNX Runtime computes for one row of tokens. [tokens, width]"""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    kinds = np.zeros_like(ids)
    kinds[:, : KINDS.shape[1]] = KINDS
    return np.asarray(session.run(None, dict(zip(INPUTS, (ids, mask, kinds), strict=True)))[0][0], dtype=np.float64)


def computed() -> Array:
    """The same by the definition, head by head. [tokens, width]"""
    wide: dict[str, Array] = {name: tensor.astype(np.float64) for name, tensor in TENSORS.items()}

    def linear(name: str, values: Array) -> Array:
        return np.asarray(values @ wide[f"{name}.weight"].T + wide[f"{name}.bias"])

    def norm(name: str, values: Array) -> Array:
        centered = values - values.mean(axis=1, keepdims=True)
        deviation = np.sqrt((centered**2).mean(axis=1, keepdims=True))
        return np.asarray(centered / deviation * wide[f"{name}.weight"] + wide[f"{name}.bias"])

    def attended(name: str, values: Array) -> Array:
        query, key, value = (linear(f"{name}.{part}", values) for part in ("query", "key", "value"))
        size = WIDTH // HEADS
        parts = []
        for begin in range(0, WIDTH, size):
            mine = slice(begin, begin + size)
            powers = np.exp(query[:, mine] @ key[:, mine].T / math.sqrt(size))
            parts.append(powers / powers.sum(axis=1, keepdims=True) @ value[:, mine])
        return np.concatenate(parts, axis=1)

    tables = ("word", "position", "token_type")
    places = (IDS[0], np.arange(IDS.size), KINDS[0])
    rows = [wide[f"embeddings.{table}_embeddings.weight"][place] for table, place in zip(tables, places, strict=True)]
    hidden = norm("embeddings.LayerNorm", np.asarray(sum(rows)))
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        seen = linear(f"{layer}.attention.output.dense", attended(f"{layer}.attention.self", hidden))
        hidden = norm(f"{layer}.attention.output.LayerNorm", seen + hidden)
        inner = linear(f"{layer}.intermediate.dense", hidden)
        inner = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        hidden = norm(f"{layer}.output.LayerNorm", linear(f"{layer}.output.dense", inner) + hidden)
    return hidden


def test_without_int8_it_computes_a_bert() -> None:
    """By its definition, to the precision of floats."""
    found = output_of(bert_model(TENSORS, HEADS, Precision.FLOAT), IDS, np.ones_like(IDS))
    assert np.abs(found - computed()).max() < 1e-4


@pytest.mark.parametrize(("precision", "least"), [(Precision.INT8_KEPT, 0.999), (Precision.INT8_MULTIPLIED, 0.995)])
def test_with_int8_the_vectors_hardly_differ(precision: Precision, least: float) -> None:
    """By their direction."""
    found, exact = output_of(bert_model(TENSORS, HEADS, precision), IDS, np.ones_like(IDS)), computed()
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(exact, axis=1)
    cosines = np.asarray((found * exact).sum(axis=1) / lengths).tolist()
    assert least < min(cosines) < max(cosines) < 1 - 1e-7


def test_with_a_head_it_has_outputs_of_the_mean() -> None:
    """Of all tokens."""
    chance = np.random.default_rng(3)
    weights, bias = chance.normal(0, 1, (3, WIDTH)).astype(np.float32), np.array([0.5, -1.0, 2.0], np.float32)
    model = bert_model({**TENSORS, "head.weight": weights, "head.bias": bias}, HEADS, Precision.FLOAT)
    expected = computed().mean(axis=0) @ weights.T + bias
    assert np.abs(output_of(model, IDS, np.ones_like(IDS)) - expected).max() < 1e-4


def test_padding_changes_nothing() -> None:
    """What the mask leaves out."""
    model = bert_model(TENSORS, HEADS)
    padded = np.concatenate([IDS, np.full((1, 5), 7)], axis=1)
    mask = np.concatenate([np.ones_like(IDS), np.zeros((1, 5), dtype=np.int64)], axis=1)
    alone = output_of(model, IDS, np.ones_like(IDS))
    assert np.abs(output_of(model, padded, mask)[: IDS.size] - alone).max() < 1e-5
    assert np.abs(output_of(model, padded, np.ones_like(mask))[: IDS.size] - alone).max() > 1e-2


def test_the_same_tensors_make_the_same_bytes() -> None:
    """In whatever order they come; another value makes others."""
    model = bert_model(TENSORS, HEADS)
    assert bert_model(dict(reversed(list(TENSORS.items()))), HEADS) == model
    name = "encoder.layer.1.output.dense.weight"
    assert bert_model({**TENSORS, name: -TENSORS[name]}, HEADS) != model


def test_tensors_are_read_by_name() -> None:
    """Those of floats; the file names each with its place."""
    header = (
        b'{"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},'
        b'"__metadata__":{"format":"pt"},"weights":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]}}'
    )
    values = np.array([[1.5, -2.0]], dtype="<f4")
    read = float_tensors(len(header).to_bytes(8, "little") + header + bytes(8) + values.tobytes())
    assert {name: tensor.tolist() for name, tensor in read.items()} == {"weights": [[1.5, -2.0]]}


def test_trained_tensors_are_kept_as_whole_numbers() -> None:
    """Matrices nearly, vectors exactly; what is kept once is kept again as it is, in the same bytes."""
    layer = {name: tensor for name, tensor in TENSORS.items() if name.startswith("encoder.layer.1")}
    packed = packed_tensors(layer)
    kept = unpacked_tensors(packed)
    assert kept.keys() == layer.keys()
    for name, tensor in layer.items():
        assert np.abs(kept[name] - tensor).max() <= (np.abs(tensor).max() / 127 if tensor.ndim > 1 else 0)
    assert packed_tensors(kept) == packed_tensors(unpacked_tensors(packed_tensors(kept)))
    assert len(packed) < sum(tensor.nbytes for tensor in layer.values()) / 2
