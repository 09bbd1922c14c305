"""A counter is made when it is needed first."""

from __future__ import annotations

from pathlib import Path

from extproc.domain.record import ExchangeRecord
from extproc.token_counting.on_demand import TokenCounterOnDemand
from tests.unit.classifiers.runners import in_new_loop


class NoMetrics:
    """Nothing is counted."""

    def tokenizer_took(self, result: str) -> None:
        """Not called."""
        raise AssertionError(result)


@in_new_loop
async def test_without_a_tokenizer_there_is_no_counter(tmp_path: Path) -> None:
    """Whatever is asked of it; the first tokenizer makes one, which stays."""
    counter = TokenCounterOnDemand(tmp_path, NoMetrics(), None)
    record = ExchangeRecord("one", "", 0)
    counter.configure({})
    assert not counter.take(record, lambda _: None)
    await counter.close(0.0)
    assert counter._counter is None
    for tokenizers in ({"a.json": "1"}, {}):
        counter.configure(tokenizers)
        made = counter._counter
        assert made is not None
    assert counter._counter is made
    await counter.close(0.0)
