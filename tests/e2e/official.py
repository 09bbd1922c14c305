"""The official clients, set up for tests: no retries, so that each exchange is seen once."""

from __future__ import annotations

import anthropic
import openai

TIMEOUT_S = 10


def openai_of(base_url: str) -> openai.OpenAI:
    """OpenAI's client of a server; ``base_url`` is without a path."""
    return openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0, timeout=TIMEOUT_S)


def anthropic_of(base_url: str) -> anthropic.Anthropic:
    """Anthropic's client of a server; ``base_url`` is without a path."""
    return anthropic.Anthropic(base_url=base_url, api_key="none", max_retries=0, timeout=TIMEOUT_S)
