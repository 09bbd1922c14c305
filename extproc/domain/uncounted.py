"""What a tokenizer can count of an exchange: samples of its texts, and what is known besides.

It lives from the end of an exchange until its tokens are counted, in memory only: no sink ever gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from extproc.domain.token_rates import START, RequestSize
from extproc.domain.usage import utf8_bytes_of

SAMPLE_CHARS_MAX: Final = 32_768
"""Longest sample of a prompt, of its tools, and of an answer, each. [characters]"""
WINDOW_CHARS: Final = 2_048
"""Of a text that is longer, the sample has windows of this length, evenly spaced."""


@dataclass(slots=True)
class Uncounted:
    """The texts of one exchange.

    Attributes:
        tokenizer: path of its file, as the configuration has it.
        size: of the request.
        prompt, tools, answer: samples; ``answer`` is None if nothing was seen of it.
        answer_utf8_bytes: of the whole answer, after the last count of the server.
        pieces: of a stream, likewise; 0 for an unstreamed response.
        running: tokens of the answer that the server had counted before.
    """

    tokenizer: str
    size: RequestSize
    prompt: Sequence[str]
    tools: Sequence[str]
    answer: Sequence[str] | None
    answer_utf8_bytes: int
    pieces: int
    running: int

    @property
    def chars(self) -> int:
        """Length of all samples. [characters]"""
        return sum(sum(map(len, texts)) for texts in (self.prompt, self.tools, self.answer or ()))


def sample_of(texts: Sequence[str]) -> list[str]:
    """The texts themselves, or evenly spaced windows of them if they are too long."""
    chars = sum(map(len, texts))
    if chars <= SAMPLE_CHARS_MAX:
        return [text for text in texts if text]
    windows, before = [], 0
    step = -(-chars * WINDOW_CHARS // SAMPLE_CHARS_MAX)
    for text in texts:
        for begin in range(-(before % step), len(text), step):  # the first may have begun in a text before
            window = text[max(0, begin) : max(0, begin + WINDOW_CHARS)]
            if window:
                windows.append(window)
        before += len(text)
    return windows


def tokens_of_all(counted: int, sample: Sequence[str], utf8_bytes: int) -> int:
    """The tokens of a text, given those of its sample. Args: utf8_bytes: of the whole text. [tokens]"""
    sampled_bytes = sum(map(utf8_bytes_of, sample))
    if not sampled_bytes:
        return round(utf8_bytes * START.per_byte)
    return round(counted * utf8_bytes / sampled_bytes)
