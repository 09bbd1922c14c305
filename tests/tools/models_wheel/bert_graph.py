"""A BERT such as MiniLM as an ONNX graph, written from its authors' tensors.

Nothing is traced and no library of models takes part, so the same tensors give the same bytes. Matrices are kept as
int8 with a scale for each column, tables of vectors with one for each row: a quarter of the size, and vectors that
hardly differ (docs/weights.md). ONNX Runtime unpacks of a table the rows that a text needs; matrices it unpacks when it
loads the file, or multiplies as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import Enum

import numpy as np
import onnx

from tests.tools.models_wheel.graph_writer import GraphWriter
from tests.tools.models_wheel.safetensors import Floats, quantized

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT, LOG_ODDS = "last_hidden_state", "log_odds"
HEAD = "head"
"""The name of what turns the mean of all tokens into log odds, where a model has it."""
_NORM_EPSILON = 1e-12
_MASKED = -10_000.0
_FLOAT, _INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


class Precision(Enum):
    """In which numbers tensors are kept and multiplied."""

    FLOAT = "to compare with"
    INT8_KEPT = "a quarter of the size, multiplied as floats"
    INT8_MULTIPLIED = "the inputs of a matrix are rounded to int8 as well, for a window at a time: a third of the time"


def bert_model(tensors: Mapping[str, Floats], heads: int, precision: Precision = Precision.INT8_KEPT) -> bytes:
    """The bytes of a model's file. Its output is a vector for each token, or log odds if it has a head for them.

    Args:
        tensors: by the names that the transformers library gives them.
        heads: of the attention, in each layer.
        precision: of matrices and tables; vectors are always kept as they are.
    """
    return _Bert(tensors, heads, precision).model()


class _Bert:
    """Writes one graph."""

    def __init__(self, tensors: Mapping[str, Floats], heads: int, precision: Precision) -> None:
        self._tensors = tensors
        self._heads = heads
        self._precision = precision
        self._width = tensors["embeddings.LayerNorm.weight"].size
        self._graph = GraphWriter()

    def model(self) -> bytes:
        hidden, mask = self._embeddings(), self._mask()
        for number in range(len({name.split(".")[2] for name in self._tensors if name.startswith("encoder.layer.")})):
            hidden = self._layer(f"encoder.layer.{number}", hidden, mask)
        shape = ["batch", "sequence"]
        inputs = [onnx.helper.make_tensor_value_info(name, _INT64, shape) for name in INPUTS]
        if f"{HEAD}.weight" not in self._tensors:
            output = onnx.helper.make_tensor_value_info(OUTPUT, _FLOAT, [*shape, self._width])
            return self._graph.model(inputs, output, hidden)
        output = onnx.helper.make_tensor_value_info(LOG_ODDS, _FLOAT, ["batch", len(self._tensors[f"{HEAD}.bias"])])
        return self._graph.model(inputs, output, self._log_odds(hidden))

    def _log_odds(self, hidden: str) -> str:
        """Of a batch without padding, since all tokens count. [batch, outputs of the head]"""
        node, constant = self._graph.node, self._graph.constant
        mean = node("ReduceMean", hidden, self._graph.integers([1]), keepdims=0)
        weights = constant(f"{HEAD}.weight", self._tensors[f"{HEAD}.weight"].T)
        return node("Add", node("MatMul", mean, weights), constant(f"{HEAD}.bias", self._tensors[f"{HEAD}.bias"]))

    def _embeddings(self) -> str:
        node, integers = self._graph.node, self._graph.integers
        ids, _, kinds = INPUTS
        length = node("Squeeze", node("Shape", ids, start=1, end=2), integers([0]))
        places = node("Range", integers(0), length, integers(1))
        # No int8 for the two kinds of token: all tokens of a text would share the error.
        of_kinds = node("Gather", self._tensor("embeddings.token_type_embeddings.weight"), kinds)
        of_places = self._rows("embeddings.position_embeddings.weight", places)
        of_words = self._rows("embeddings.word_embeddings.weight", ids)
        return self._norm("embeddings.LayerNorm", node("Add", node("Add", of_words, of_kinds), of_places))

    def _mask(self) -> str:
        """What is added to the scores of padding. [batch, 1, 1, sequence]"""
        node = self._graph.node
        padding = node("Sub", self._graph.float(1.0), node("Cast", INPUTS[1], to=_FLOAT))
        added = node("Mul", padding, self._graph.float(_MASKED))
        return node("Unsqueeze", added, self._graph.integers([1, 2]))

    def _layer(self, name: str, hidden: str, mask: str) -> str:
        node = self._graph.node
        seen = self._linear([f"{name}.attention.output.dense"], self._attention(f"{name}.attention.self", hidden, mask))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", node("Add", seen, hidden))
        inner = node("Gelu", self._linear([f"{name}.intermediate.dense"], hidden))
        return self._norm(
            f"{name}.output.LayerNorm", node("Add", self._linear([f"{name}.output.dense"], inner), hidden)
        )

    def _attention(self, name: str, hidden: str, mask: str) -> str:
        node, integers = self._graph.node, self._graph.integers
        of_head = self._width // self._heads
        joined = self._linear([f"{name}.query", f"{name}.key", f"{name}.value"], hidden)
        parts = node("Split", joined, outputs=3, axis=-1, num_outputs=3)
        by_head = integers([0, 0, self._heads, of_head])
        query, key, value = (node("Reshape", part, by_head) for part in (parts, f"{parts}.1", f"{parts}.2"))
        scores = node("MatMul", node("Transpose", query, perm=[0, 2, 1, 3]), node("Transpose", key, perm=[0, 2, 3, 1]))
        scaled = node("Mul", scores, self._graph.float(1.0 / math.sqrt(of_head)))
        shares = node("Softmax", node("Add", scaled, mask), axis=-1)
        seen = node("MatMul", shares, node("Transpose", value, perm=[0, 2, 1, 3]))
        return node("Reshape", node("Transpose", seen, perm=[0, 2, 1, 3]), integers([0, 0, self._width]))

    def _linear(self, names: Sequence[str], inputs: str) -> str:
        """The input times matrices side by side, with their biases."""
        joined = np.concatenate([self._tensors[f"{name}.weight"] for name in names]).T
        bias = np.concatenate([self._tensors[f"{name}.bias"] for name in names])
        product = self._product(inputs, f"{names[0]}.weight", joined)
        return self._graph.node("Add", product, self._graph.constant(f"{names[0]}.bias", bias))

    def _product(self, inputs: str, name: str, values: Floats) -> str:
        node, constant = self._graph.node, self._graph.constant
        if self._precision is not Precision.INT8_MULTIPLIED:
            return node("MatMul", inputs, self._matrix(name, values))
        whole, scales = quantized(values, axis=0)
        # ONNX Runtime makes one operator of these five, and of the bias that is added.
        rounded = node("DynamicQuantizeLinear", inputs, outputs=3)
        product = node("Cast", node("MatMulInteger", rounded, constant(name, whole), f"{rounded}.2"), to=_FLOAT)
        return node("Mul", product, node("Mul", f"{rounded}.1", constant(f"{name}.scales", scales[0])))

    def _matrix(self, name: str, values: Floats) -> str:
        node, constant = self._graph.node, self._graph.constant
        if self._precision is Precision.FLOAT:
            return constant(name, values)
        whole, scales = quantized(values, axis=0)
        return node("Mul", node("Cast", constant(name, whole), to=_FLOAT), constant(f"{name}.scales", scales))

    def _rows(self, name: str, places: str) -> str:
        """Rows of a table of vectors."""
        node, constant = self._graph.node, self._graph.constant
        if self._precision is Precision.FLOAT:
            return node("Gather", self._tensor(name), places)
        whole, scales = quantized(self._tensors[name], axis=1)
        rows = node("Cast", node("Gather", constant(name, whole), places), to=_FLOAT)
        return node("Mul", rows, node("Gather", constant(f"{name}.scales", scales), places))

    def _norm(self, name: str, inputs: str) -> str:
        weight, bias = self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias")
        return self._graph.node("LayerNormalization", inputs, weight, bias, axis=-1, epsilon=_NORM_EPSILON)

    def _tensor(self, name: str) -> str:
        return self._graph.constant(name, self._tensors[name])
