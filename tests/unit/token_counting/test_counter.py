"""Records wait for their tokens, and always reach the sinks: counted, or as learned rates have estimated them."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.token_rates import RequestSize
from extproc.domain.uncounted import Uncounted
from extproc.domain.usage import Usage, utf8_bytes_of
from extproc.token_counting import counter as counting
from extproc.token_counting.counter import TokenCounter
from extproc.token_counting.process import CountingProcess
from tests.unit.classifiers.runners import in_new_loop, until
from tests.unit.ledger.records import record_of
from tests.unit.token_counting.test_process import FAKE_WORKER
from tests.unit.token_counting.tokenizer_files import SAID, sha256_of, tokens_of, write_tokenizer

ESTIMATE = Usage(1_000, 1_000, estimated=True)


class Bench:
    """A counter, and what it tells."""

    def __init__(self, folder: Path, *tokenizers: str, real: bool = False, count_s_max: float = 60.0) -> None:
        self.results: Counter[str] = Counter()
        self.log: list[str] = []
        self.published: list[ExchangeRecord] = []
        fake = CountingProcess((sys.executable, FAKE_WORKER), count_s_max)
        self.counter = TokenCounter(folder, self, self, None if real else fake)
        self.counter.configure(dict.fromkeys(tokenizers, "1"))

    def tokenizer_took(self, result: str) -> None:
        """A metric."""
        self.results[result] += 1

    def error(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.log.append(f"error {event} {fields}")

    def info(self, event: str, **fields: Any) -> None:
        """Likewise."""
        self.log.append(f"info {event} {fields}")

    def take(self, *texts: str, **changed: Any) -> bool:
        """An exchange whose client left; its answer is the given texts."""
        terms: dict[str, Any] = {"outcome": Outcome.ABORTED, "usage": ESTIMATE, "streamed": True}
        record = record_of(**(terms | changed))
        answer_utf8_bytes = sum(map(utf8_bytes_of, texts))
        size = RequestSize(utf8_bytes=4, turns=1)
        record.uncounted = Uncounted("t.json", size, ["four"], [], texts, answer_utf8_bytes, 1, 0)
        return self.counter.take(record, self.published.append)

    def usages(self) -> list[tuple[int, int]]:
        """Of the records, in order."""
        return [(one.usage.prompt, one.usage.completion) for one in self.published if one.usage is not None]


@in_new_loop
async def test_records_are_published_once_they_are_counted(tmp_path: Path) -> None:
    """In the order of their ends, without their texts; still estimates."""
    bench = Bench(tmp_path, "t.json")
    assert [bench.take("x" * length) for length in (7, 9, 5)] == [True] * 3
    assert bench.published == []
    await until(lambda: len(bench.published) == 3)
    assert bench.usages() == [(8, 7), (8, 9), (8, 5)]
    assert all(one.uncounted is None and one.usage and one.usage.estimated for one in bench.published)
    assert bench.results == {"counted": 3}
    await bench.counter.close(1)
    assert bench.log == []


@in_new_loop
async def test_a_real_tokenizer_counts(tmp_path: Path) -> None:
    """Its file is relative to the configuration. Surrogates, NUL and no text at all are texts like others."""
    sha256 = write_tokenizer(tmp_path / "t.json")
    bench = Bench(tmp_path, real=True)
    bench.counter.configure({"t.json": sha256})
    texts = (SAID, "\ud800 lone", "\x00\x00", "")
    for text in texts:
        assert bench.take(text)
    await until(lambda: len(bench.published) == 4)
    await bench.counter.close(1)
    expected = [max(1, tokens_of(text)) for text in (SAID, "? lone", "\x00\x00", "")]
    assert [completion for _, completion in bench.usages()] == expected
    assert bench.results == {"counted": 4}


@in_new_loop
async def test_what_is_not_to_be_counted_is_published_by_the_caller(tmp_path: Path) -> None:
    """Without a tokenizer at all, without texts, without usage."""
    assert not Bench(tmp_path).take("four")
    bench = Bench(tmp_path, "t.json")
    assert not bench.counter.take(record_of(), bench.published.append)
    assert not bench.take("four", usage=None)
    await bench.counter.close(1)
    assert (bench.published, dict(bench.results)) == ([], {})


@in_new_loop
async def test_reported_usage_teaches_and_its_record_does_not_wait(tmp_path: Path) -> None:
    """Only while nothing else waits."""
    bench = Bench(tmp_path, "t.json")
    assert not bench.take("x" * 8, usage=Usage(8, 10), outcome=Outcome.COMPLETED)
    assert bench.take("x" * 8)
    assert not bench.take("x" * 8, usage=Usage(8, 10), outcome=Outcome.COMPLETED)
    await until(lambda: bench.published)
    assert bench.results == {"learned": 1, "counted": 1}
    await bench.counter.close(1)


@pytest.mark.parametrize(
    ("word", "count_s_max", "reason"),
    [
        ("refuse", 60.0, "TypeError"),
        ("die", 60.0, "the process died, or did not answer in time"),
        ("hang", 0.2, "the process died, or did not answer in time"),
    ],
)
@in_new_loop
async def test_a_text_that_cannot_be_counted_keeps_its_estimate(
    tmp_path: Path, word: str, count_s_max: float, reason: str
) -> None:
    """That is told once, and so is its end; others are counted again."""
    bench = Bench(tmp_path, "t.json", count_s_max=count_s_max)
    bench.take(word)
    bench.take(word)
    await until(lambda: len(bench.published) == 2)
    assert bench.usages() == [(1_000, 1_000)] * 2
    while bench.results["counted"] == 0:  # a process that died is started again after a pause
        bench.take("four")
        await asyncio.sleep(0.05)
    told = f"error tokens are not counted, learned rates estimate them {{'reason': '{reason}'}}"
    assert bench.log == [told, "info tokens are counted again {}"]
    await bench.counter.close(1)


@in_new_loop
async def test_a_full_queue_lets_records_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded by its length."""
    monkeypatch.setattr(counting, "QUEUE_CHARS_MAX", 40)
    bench = Bench(tmp_path, "t.json")
    assert [bench.take("x" * 16) for _ in range(3)] == [True, True, False]
    await until(lambda: len(bench.published) == 2)
    assert bench.take("x" * 16)
    await until(lambda: len(bench.published) == 3)
    assert bench.results == {"counted": 3, "dropped": 1}
    await bench.counter.close(1)


@in_new_loop
async def test_the_end_publishes_all(tmp_path: Path) -> None:
    """What can be counted in time is; the rest has its estimate. Afterwards nothing waits."""
    bench = Bench(tmp_path, "t.json")
    bench.take("x" * 7)
    bench.take("hang")
    bench.take("x" * 9)
    await until(lambda: bench.published)
    await bench.counter.close(0.05)
    assert bench.usages() == [(8, 7), (1_000, 1_000), (1_000, 1_000)]
    assert bench.results == {"counted": 1, "stopped": 2}
    assert not bench.take("x" * 7)


@in_new_loop
async def test_a_tokenizer_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """The file changed after it was checked, for example: the next configuration has its new content."""
    bench = Bench(tmp_path, "bad.json")
    bench.take("four")
    await until(lambda: bench.published)
    assert bench.usages() == [(1_000, 1_000)]
    reason = "a tokenizer cannot be loaded: no tokenizer"
    assert bench.log == [f"error tokens are not counted, learned rates estimate them {{'reason': '{reason}'}}"]
    bench.counter.configure({"t.json": "1"})
    bench.take("four")
    await until(lambda: bench.results["counted"])
    await bench.counter.close(1)


@in_new_loop
async def test_a_reload_changes_the_tokenizer(tmp_path: Path) -> None:
    """New content under the same name counts from then on; a name that is gone counts nothing."""
    file = tmp_path / "t.json"
    bench = Bench(tmp_path, real=True)
    bench.counter.configure({"t.json": write_tokenizer(file)})
    bench.take(SAID)
    await until(lambda: len(bench.published) == 1)
    text = file.read_text()
    file.write_text(text.replace('"merges":', '"unused":').replace('"unused":', '"merges":[],"ignored":', 1))
    bench.counter.configure({"t.json": sha256_of(file)})
    bench.take(SAID)
    await until(lambda: len(bench.published) == 2)
    bench.counter.configure({})
    bench.take(SAID)
    await until(lambda: len(bench.published) == 3)
    await bench.counter.close(1)
    assert [completion for _, completion in bench.usages()] == [tokens_of(SAID), len(SAID), 1_000]


@in_new_loop
async def test_an_internal_error_keeps_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by its type."""
    bench = Bench(tmp_path, "t.json")

    def fail(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr(bench.counter._counts, "take", fail)
    bench.take("four")
    await until(lambda: bench.published)
    assert bench.usages() == [(1_000, 1_000)]
    assert bench.log == ["error tokens are not counted, learned rates estimate them {'reason': 'RuntimeError'}"]
    await bench.counter.close(1)
