"""Model files that classifiers of llm-extproc read: data, and where each file comes from."""

from __future__ import annotations

from typing import NamedTuple

_MINILM = "sentence-transformers/all-MiniLM-L6-v2@1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
_WORDLLAMA = "dleemiller/WordLlama@0.4.0.post1"


class ModelFile(NamedTuple):
    """A file of this package.

    Attributes:
        sha256: of its bytes, which a reader holds them to.
        source: upstream project and revision, and what was made of its file.
    """

    name: str
    sha256: str
    license: str
    source: str


FILES = (
    ModelFile(
        "guards.onnx",
        "bec5bd8b6cebd1cb55e37a67edd7cd01e6d0adbb5288bb3b4d416a48706cfc14",
        "Apache-2.0",
        f"{_MINILM}: model.safetensors, its upper half trained by `make train`, as an ONNX graph with int8 products",
    ),
    ModelFile(
        "minilm.onnx",
        "0eaa02e4f497d4946bcef7d8820a1cb6fbad9563d9af4ef1a19040501135630e",
        "Apache-2.0",
        f"{_MINILM}: model.safetensors, written as an ONNX graph with int8 weights",
    ),
    ModelFile(
        "minilm_tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "Apache-2.0",
        f"{_MINILM}: tokenizer.json",
    ),
    ModelFile(
        "wordllama.safetensors",
        "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
        "MIT",
        f"{_WORDLLAMA}: l2_supercat_256.safetensors",
    ),
    ModelFile(
        "wordllama_tokenizer.json",
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
        "MIT",
        f"{_WORDLLAMA}: l2_supercat_tokenizer_config.json",
    ),
)
