"""Reads a file of the safetensors format: its tensors by name, as arrays.

The format: eight bytes with the length of a JSON header, the header, then the bytes of all tensors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import orjson

_LENGTH_BYTES = 8
_FLOAT32 = "F32"


def float_tensors(raw: bytes) -> Mapping[str, npt.NDArray[np.float32]]:
    """The tensors of 32-bit floats; others are left out."""
    header_end = _LENGTH_BYTES + int.from_bytes(raw[:_LENGTH_BYTES], "little")
    header = orjson.loads(raw[_LENGTH_BYTES:header_end])
    return {
        name: np.frombuffer(raw[header_end + begin : header_end + end], dtype="<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == _FLOAT32
        for begin, end in [entry["data_offsets"]]
    }
