"""Writes an ONNX graph node by node: the same bytes for the same calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

_NAME = "llm-extproc-models"
_OPSET = 20
_IR_VERSION = 10
"""Of the format. Both are fixed, so that a newer library writes the same bytes."""


class GraphWriter:
    """Collects nodes and constants. Results and constants are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def node(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node. Returns the name of its result; of several, the first: the others end in ``.1``, ``.2``."""
        name = f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}.{number}" for number in range(1, outputs))]
        self._nodes.append(onnx.helper.make_node(operator, inputs, names, name, **attributes))
        return name

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        """Add an array; the same name stands for the same array."""
        if name not in self._constants:
            # Bytes of ONNX are little-endian and in the order of rows.
            self._constants[name] = onnx.numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, values: int | Sequence[int]) -> str:
        """Add whole numbers: a single one without a dimension, several in one."""
        return self.constant(f"integers {values}", np.array(values, dtype=np.int64))

    def float(self, value: float) -> str:
        """Add one number."""
        return self.constant(f"float {value}", np.array(value, dtype=np.float32))

    def model(self, inputs: Sequence[onnx.ValueInfoProto], output: onnx.ValueInfoProto, result: str) -> bytes:
        """The bytes of a model whose output is a node's result."""
        self._nodes.append(onnx.helper.make_node("Identity", [result], [output.name], output.name))
        graph = onnx.helper.make_graph(self._nodes, _NAME, inputs, [output], list(self._constants.values()))
        opset = onnx.helper.make_opsetid("", _OPSET)
        model = onnx.helper.make_model(graph, ir_version=_IR_VERSION, opset_imports=[opset], producer_name=_NAME)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)
