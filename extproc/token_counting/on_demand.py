"""A counter that is made when a configuration first names a tokenizer: most name none, and need none of its modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extproc.domain.record import ExchangeRecord

if TYPE_CHECKING:
    from extproc.token_counting.counter import CounterMetrics, TokenCounter


class TokenCounterOnDemand:
    """Args: as those of ``TokenCounter``."""

    def __init__(self, folder: Path, metrics: CounterMetrics, logger: Any) -> None:
        self._made_of = folder, metrics, logger
        self._counter: TokenCounter | None = None

    def configure(self, tokenizers: Mapping[str, str]) -> None:
        """Use these tokenizers from now on. Args: tokenizers: SHA-256 of each file, by its path in the document."""
        if self._counter is None and tokenizers:
            from extproc.token_counting.counter import TokenCounter

            self._counter = TokenCounter(*self._made_of)
        if self._counter is not None:
            self._counter.configure(tokenizers)

    def take(self, record: ExchangeRecord, publish: Callable[[ExchangeRecord], None]) -> bool:
        """Queue an exchange that has ended, if it is to be counted; see ``TokenCounter``."""
        return self._counter is not None and self._counter.take(record, publish)

    async def close(self, wait_s: float) -> None:
        """Count what waits, for at most this long [s], then publish the rest as it is, and end the process."""
        if self._counter is not None:
            await self._counter.close(wait_s)
