"""Reads and writes files of the safetensors format: tensors by name, as arrays.

The format: eight bytes with the length of a JSON header, the header, then the bytes of all tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

_LENGTH_BYTES = 8
_FLOAT32, _INT8 = "F32", "I8"
_TYPES = {_FLOAT32: "<f4", _INT8: "i1"}
_SCALES = ".scales"
_INT8_MAX = 127

Floats = npt.NDArray[np.float32]


def float_tensors(raw: bytes) -> Mapping[str, Floats]:
    """The tensors of 32-bit floats; others are left out."""
    return {name: values for name, values in _tensors(raw).items() if values.dtype == np.float32}


def packed_tensors(tensors: Mapping[str, Floats]) -> bytes:
    """A file with matrices as whole numbers, and a scale for each of their rows; vectors stay as they are."""
    stored: dict[str, npt.NDArray[Any]] = {}
    for name, values in sorted(tensors.items()):
        if values.ndim == 1:
            stored[name] = values
        else:
            stored[name], stored[name + _SCALES] = quantized(values, axis=1)
    header, offset = {}, 0
    for name, values in stored.items():
        kind = _FLOAT32 if values.dtype == np.float32 else _INT8
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    head = orjson.dumps(header)
    data = (np.asarray(values, order="C").tobytes() for values in stored.values())
    return b"".join((len(head).to_bytes(_LENGTH_BYTES, "little"), head, *data))


def unpacked_tensors(raw: bytes) -> dict[str, Floats]:
    """The inverse of ``packed_tensors``, but for rounding."""
    stored = _tensors(raw)
    return {
        name: (values * stored[name + _SCALES]).astype(np.float32) if values.dtype == np.int8 else values
        for name, values in stored.items()
        if not name.endswith(_SCALES)
    }


def quantized(values: Floats, axis: int) -> tuple[npt.NDArray[np.int8], Floats]:
    """Whole numbers, and the scales along an axis that make the greatest of them 127."""
    greatest = np.abs(values).max(axis=axis, keepdims=True)
    scales = (np.maximum(greatest, np.finfo(np.float32).tiny) / np.float32(_INT8_MAX)).astype(np.float32)
    return np.rint(values / scales).astype(np.int8), scales


def _tensors(raw: bytes) -> dict[str, npt.NDArray[Any]]:
    header_end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "little")
    header = orjson.loads(raw[_LENGTH_BYTES:header_end])
    return {
        name: np.frombuffer(raw[header_end + begin : header_end + end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") in _TYPES
        for begin, end in [entry["data_offsets"]]
    }
