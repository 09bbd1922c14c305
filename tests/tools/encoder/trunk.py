"""MiniLM in PyTorch: its first layers stay as they are, the others learn.

The layers that stay are shared knowledge of the language; few texts would only spoil them. So what is trained is small
enough to be kept in the repository, and what it begins with is taken from a package and held to its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

LAYERS: Final = 6
FROZEN_LAYERS: Final = 3
WIDTH: Final = 384
ATTENTION_HEADS: Final = 12
NORM_EPSILON: Final = 1e-12
_HEAD_SPREAD: Final = 0.02
Tensors = Mapping[str, npt.NDArray[np.float32]]
"""By the names that the transformers library gives them."""


class Trunk(nn.Module):  # type: ignore[misc]  # PyTorch is not at hand where types are checked
    """The layers, and an output over the mean of all tokens."""

    def __init__(self, tensors: Tensors, dropout: float) -> None:
        super().__init__()
        self._words, self._places, self._kinds, self._norm_weight, self._norm_bias = (
            _tensor(tensors, f"embeddings.{name}")
            for name in (
                "word_embeddings.weight",
                "position_embeddings.weight",
                "token_type_embeddings.weight",
                "LayerNorm.weight",
                "LayerNorm.bias",
            )
        )
        self.encoder = nn.ModuleDict(
            {"layer": nn.ModuleList(Layer(tensors, f"encoder.layer.{number}", dropout) for number in range(LAYERS))}
        )
        self.head = nn.Linear(WIDTH, 1)
        nn.init.normal_(self.head.weight, std=_HEAD_SPREAD)
        nn.init.zeros_(self.head.bias)
        for layer in self._frozen:
            layer.requires_grad_(False)

    @property
    def _layers(self) -> list[nn.Module]:
        layers = self.encoder["layer"]
        assert isinstance(layers, nn.ModuleList)
        return list(layers)

    @property
    def _frozen(self) -> list[nn.Module]:
        return self._layers[:FROZEN_LAYERS]

    def train(self, mode: bool = True) -> Trunk:
        """Layers that stay as they are drop nothing."""
        super().train(mode)
        for layer in self._frozen:
            layer.eval()
        return self

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Log odds. [rows] ``ids`` and ``mask``: [rows, tokens]; True where there is a token."""
        embedded = self._words[ids] + self._places[: ids.shape[1]] + self._kinds[0]
        hidden = functional.layer_norm(embedded, (WIDTH,), self._norm_weight, self._norm_bias, NORM_EPSILON)
        among = mask[:, None, None, :]
        with torch.autocast("cpu", torch.bfloat16):  # a quarter of the time where the processor can
            with torch.no_grad():
                for layer in self._frozen:
                    hidden = layer(hidden, among)
            for layer in self._layers[FROZEN_LAYERS:]:
                hidden = layer(hidden, among)
        counts = mask[:, :, None].float()
        outputs: torch.Tensor = self.head((hidden.float() * counts).sum(1) / counts.sum(1))[:, 0]
        return outputs


class Layer(nn.Module):  # type: ignore[misc]
    """One layer of BERT."""

    def __init__(self, tensors: Tensors, name: str, dropout: float) -> None:
        super().__init__()
        attention, output = f"{name}.attention.self", f"{name}.attention.output"
        self.query, self.key, self.value = (
            _linear(tensors, f"{attention}.{part}") for part in ("query", "key", "value")
        )
        self.seen, self.seen_norm = _linear(tensors, f"{output}.dense"), _norm(tensors, f"{output}.LayerNorm")
        self.inner = _linear(tensors, f"{name}.intermediate.dense")
        self.outer, self.outer_norm = (
            _linear(tensors, f"{name}.output.dense"),
            _norm(tensors, f"{name}.output.LayerNorm"),
        )
        self._drop = nn.Dropout(dropout)

    def forward(self, hidden: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
        """[rows, tokens, width]"""
        query, key, value = (self._by_head(part(hidden)) for part in (self.query, self.key, self.value))
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=among)
        seen = self.seen(seen.transpose(1, 2).reshape(hidden.shape))
        hidden = self.seen_norm(hidden + self._drop(seen))
        outer = self.outer(functional.gelu(self.inner(hidden)))
        normed: torch.Tensor = self.outer_norm(hidden + self._drop(outer))
        return normed

    def _by_head(self, values: torch.Tensor) -> torch.Tensor:
        rows, tokens, _ = values.shape
        return values.view(rows, tokens, ATTENTION_HEADS, WIDTH // ATTENTION_HEADS).transpose(1, 2)


_NAMES: Final = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "seen": "attention.output.dense",
    "seen_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "outer_norm": "output.LayerNorm",
}


def learned_tensors(trunk: Trunk) -> dict[str, npt.NDArray[np.float32]]:
    """What was trained: layers by the names of the transformers library, and ``head.weight`` and ``head.bias``."""
    found = {}
    for name, parameter in trunk.named_parameters():
        if not parameter.requires_grad:
            continue
        *layer, part, kind = name.split(".")
        named = name if part == "head" else ".".join([*layer, _NAMES[part], kind])
        found[named] = parameter.detach().numpy().astype(np.float32)
    return found


def _tensor(tensors: Tensors, name: str) -> torch.Tensor:
    return torch.from_numpy(tensors[name].copy())


def _linear(tensors: Tensors, name: str) -> nn.Linear:
    weight = _tensor(tensors, f"{name}.weight")
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.weight = nn.Parameter(weight)
    linear.bias = nn.Parameter(_tensor(tensors, f"{name}.bias"))
    return linear


def _norm(tensors: Tensors, name: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
    norm.weight = nn.Parameter(_tensor(tensors, f"{name}.weight"))
    norm.bias = nn.Parameter(_tensor(tensors, f"{name}.bias"))
    return norm
