"""Tokens and cost, as integers.

Source: OpenAI's usage object; vLLM's streams (usage may come in every chunk, as a running total of that chunk's
choice).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKENS_PER_MTOK: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange. ``cached`` is a part of ``prompt``, ``reasoning`` a part of ``completion``. [tokens]"""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of a version's tokens. [micro-USD per 1e6 tokens]"""

    prompt: int
    cached: int
    completion: int


def cost_of(usage: Usage, prices: Prices) -> int:
    """Cost of one exchange at its version's prices.

    Args:
        usage: counts [tokens], from the last usage seen; cached tokens are subtracted from the prompt's.
        prices: [micro-USD per 1e6 tokens].
    Returns: [micro-USD], rounded half up, once.
    """
    cached = min(usage.cached, usage.prompt)
    total = (usage.prompt - cached) * prices.prompt + cached * prices.cached + usage.completion * prices.completion
    return (2 * total + TOKENS_PER_MTOK) // (2 * TOKENS_PER_MTOK)


def utf8_bytes_of(text: str) -> int:
    """Length of a text in UTF-8. [bytes]"""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
