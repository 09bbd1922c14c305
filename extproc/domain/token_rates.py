"""How many tokens a text has where no server has counted them: what a model's texts have had so far.

Rates are learnt from exchanges that a server counted (``exchange/learnt_rates.py``); these are what is assumed before.
"""

from __future__ import annotations

from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class RequestSize:
    """What of a request the model reads, and how much it may answer.

    ``turns``: pieces that a chat template puts words of its own around, the beginning of the answer among them; 0 where
    there is no template. ``tool_utf8_bytes``: of the definitions of tools, as JSON. ``readable``: nothing in it is
    tokens or media, whose size is not known. ``answer_tokens_max`` is of each choice, 0 where the request does not say.
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

    English has about 4.4 bytes a token in today's vocabularies and JSON fewer; a template puts about four tokens around
    a turn, and many before tools (``with_tools``). Of a stream, ``per_piece`` counts where pieces have told more
    exactly than bytes: most servers send each token as one.
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
    learnt: bool = False

    def prompt_tokens(self, size: RequestSize) -> int:
        """Tokens of a request, at least one. [tokens]"""
        tokens = size.utf8_bytes * self.per_prompt_byte + size.turns * self.per_turn
        if size.tool_utf8_bytes:
            tokens += size.tool_utf8_bytes * self.per_tool_byte + self.with_tools
        return max(1, round(tokens))

    def streamed_tokens(self, pieces: int, utf8_bytes: int) -> int:
        """Tokens of a part of a stream. Until something is learnt, at least one a piece. [tokens]"""
        if self.by_pieces:
            return max(1, round(pieces * self.per_piece)) if pieces else 0
        by_bytes = round(utf8_bytes * self.per_byte)
        return max(by_bytes, 1 if self.learnt else pieces) if pieces else 0

    def whole_tokens(self, utf8_bytes: int) -> int:
        """Tokens of texts that came whole. [tokens]"""
        return max(1, round(utf8_bytes * self.per_byte)) if utf8_bytes else 0

    def unseen_tokens(self, size: RequestSize, elapsed_ns: int) -> int:
        """Tokens that were made of an answer nothing was seen of, for all its choices together. [tokens]"""
        tokens = max(0.0, elapsed_ns / NS_PER_S - self.wait_s) * self.per_second
        if size.answer_tokens_max:
            tokens = min(tokens, size.answer_tokens_max)
        return round(tokens * size.choices)


UNKNOWN_SIZE = RequestSize()
"""Of a request that was not read."""
START = TokenRates()
"""Before anything is known of a model."""
