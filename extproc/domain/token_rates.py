"""Estimates of token counts where no server has counted: rates learned from a model's previous texts.

Rates are learned from exchanges with a server's count (``exchange/learned_rates.py``); these are the initial
assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(slots=True)
class RequestSize:
    """The size of a request for the model, and its limit on the response.

    ``turns``: pieces that a chat template wraps, including the beginning of the response; 0 without a template.
    ``tool_utf8_bytes``: of tool definitions, as JSON. ``readable``: no part is token ids or media, whose size is
    unknown. ``answer_tokens_max`` is per choice, 0 if the request sets none.
    """

    utf8_bytes: int = 0
    turns: int = 0
    tool_utf8_bytes: int = 0
    choices: int = 1
    answer_tokens_max: int = 0
    readable: bool = True


@dataclass(frozen=True, slots=True)
class TokenRates:
    """Rates of one model version.

    English has about 4.4 bytes per token in current vocabularies, JSON fewer; a template adds about four tokens per
    turn, and many before tools (``with_tools``). In streams, ``per_piece`` counts pieces where that has been more
    accurate than bytes: most servers send one token per piece.
    """

    per_prompt_byte: float = 1 / 4.4
    per_turn: float = 4.0
    per_tool_byte: float = 1 / 4
    with_tools: float = 80.0
    per_byte: float = 1 / 4.4
    per_piece: float = 1.0
    per_second: float = 20.0  # of one choice, from its first token on
    wait_s: float = 0.5  # for the first token
    by_pieces: bool = False
    learned: bool = False

    def prompt_tokens(self, size: RequestSize) -> int:
        """Tokens of a request, at least one. [tokens]"""
        tokens = size.utf8_bytes * self.per_prompt_byte + size.turns * self.per_turn
        if size.tool_utf8_bytes:
            tokens += size.tool_utf8_bytes * self.per_tool_byte + self.with_tools
        return max(1, round(tokens))

    def streamed_tokens(self, pieces: int, utf8_bytes: int) -> int:
        """Tokens of a part of a stream. Until rates are learned, at least one per piece. [tokens]"""
        if self.by_pieces:
            return max(1, round(pieces * self.per_piece)) if pieces else 0
        by_bytes = round(utf8_bytes * self.per_byte)
        return max(by_bytes, 1 if self.learned else pieces) if pieces else 0

    def whole_tokens(self, utf8_bytes: int) -> int:
        """Tokens of unstreamed texts. [tokens]"""
        return max(1, round(utf8_bytes * self.per_byte)) if utf8_bytes else 0

    def unseen_tokens(self, size: RequestSize, elapsed_ns: int) -> int:
        """Tokens of a response of which nothing was seen, over all its choices. [tokens]"""
        tokens = max(0.0, elapsed_ns / NS_PER_S - self.wait_s) * self.per_second
        if size.answer_tokens_max:
            tokens = min(tokens, size.answer_tokens_max)
        return round(tokens * size.choices)


UNKNOWN_SIZE: Final = RequestSize()
"""Of a request that was not parsed."""
START: Final = TokenRates()
"""Before anything is known about a model."""
START_COUNTED: Final = TokenRates(per_prompt_byte=1.0, per_tool_byte=1.0, per_byte=1.0)
"""The same where a tokenizer counts the texts: sizes are in its tokens, in place of bytes."""
