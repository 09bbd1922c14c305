"""The tokens of an exchange without reported usage, from what the tokenizer of its model has counted.

The tokenizer knows the texts, and not what the server makes of them: chat templates, tokens that no client sees. Some
exchanges with reported usage are counted too, and teach that, as they do where there is no tokenizer
(``learned_rates``): the same rates, with tokens of texts in place of bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from extproc.domain.record import ExchangeRecord
from extproc.domain.token_rates import START_COUNTED
from extproc.domain.uncounted import Uncounted, tokens_of_all
from extproc.domain.usage import cost_of
from extproc.exchange.learned_rates import RATES_MAX, CountedExchange, LearnedRates

FIRST: Final = 32
"""Exchanges with reported usage that are counted of each version and API; afterwards one of ``EVERY``."""
EVERY: Final = 16
_MERGED: Final = 1.25
"""A loaded server sends many tokens in a piece: a text with so many times the tokens of its pieces is what counts."""


class TokenizerCounts:
    """What is learned of all versions that have a tokenizer."""

    def __init__(self) -> None:
        self._rates = LearnedRates(START_COUNTED)
        self._seen: dict[tuple[str, str], int] = {}  # exchanges with reported usage, by fingerprint and API

    def teaches(self, record: ExchangeRecord) -> bool:
        """Whether to count an exchange whose usage was reported."""
        if record.version is None:
            return False
        key = record.version.fingerprint, record.endpoint
        if len(self._seen) >= RATES_MAX:
            self._seen.clear()
        seen = self._seen[key] = self._seen.get(key, 0) + 1
        return seen <= FIRST or seen % EVERY == 0

    def take(self, record: ExchangeRecord, uncounted: Uncounted, counted: Sequence[int]) -> None:
        """Learn from an exchange whose usage was reported; of another, set the usage and what it costs.

        Args: counted: tokens of the samples of prompt, tools and answer.
        """
        usage, version = record.usage, record.version
        if usage is None or version is None:
            return
        prompt, tools, answer = counted
        size = uncounted.size
        size = replace(
            size,
            utf8_bytes=tokens_of_all(prompt, uncounted.prompt, size.utf8_bytes),
            tool_utf8_bytes=tokens_of_all(tools, uncounted.tools, size.tool_utf8_bytes),
        )
        answer = tokens_of_all(answer, uncounted.answer or (), uncounted.answer_utf8_bytes)
        if not usage.estimated:
            kept = 0 if uncounted.running else answer  # otherwise a part of it was not kept
            known = CountedExchange(size, usage, uncounted.pieces, kept, waited_ns=0, elapsed_ns=0)
            self._rates.learn(version, record.endpoint, known)
            return
        rates = self._rates.of(version, record.endpoint)
        if not record.prompt_reported:
            usage = replace(usage, prompt=rates.prompt_tokens(size))
        if uncounted.answer is not None and record.streamed:
            told, by_text = rates.streamed_tokens(uncounted.pieces, answer), round(answer * rates.per_byte)
            if by_text > told * _MERGED:
                told = by_text
            usage = replace(usage, completion=uncounted.running + told)
        elif uncounted.answer is not None:
            usage = replace(usage, completion=rates.whole_tokens(answer if size.choices else 0))
        record.usage = usage if record.usage_bounds is None else record.usage_bounds.within(usage)
        record.cost_micro_usd = cost_of(record.usage, version.prices)
