"""The page of several workers is that of one process that did all the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.parser import text_string_to_metric_families

from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices, Usage
from extproc.server.workers.metrics import FILE_BYTES_MIN, AllocatedDict, count_in_files, page_of
from extproc.sinks.bounded_labels import LABEL_IDLE_NS, OTHER
from extproc.sinks.gathering_registry import ADMITTED_FACTOR_MAX
from extproc.sinks.metrics import Metrics
from tests.thorough import examples
from tests.unit.server.processes import short_folder

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
VERSION = VersionFacts("tiny-chat", "v1", "f00", Prices(1, 1, 1))


def record(tokens: int) -> ExchangeRecord:
    """An exchange whose numbers are exact in binary, so that sums do not depend on their order."""
    usage = Usage(prompt=tokens, completion=tokens, cached=0)
    more = {"team": f"team{tokens % 3}", "version": VERSION, "usage": usage, "cost_micro_usd": tokens, "answers": 1}
    return ExchangeRecord("id", "rev", 0, outcome=Outcome.COMPLETED, ended_ns=2_000_000_000, **more)  # type: ignore[arg-type]


def samples(registry: CollectorRegistry) -> Samples:
    """Every sample of the page."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


@pytest.fixture(scope="module", autouse=True)
def restored() -> object:
    """The library's values are a setting of the process; the other tests want theirs in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "ValueClass", values.MutexValue)
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
        patch.delenv("PROMETHEUS_MULTIPROC_DIR")
        yield


def in_memory(make: Callable[[], Metrics]) -> Metrics:
    """Metrics as the supervisor has them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "ValueClass", values.MutexValue)
        patch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
        return make()


@contextmanager
def in_files(folder: Path) -> Iterator[None]:
    """Metrics that are made in it count in files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
        patch.setattr(values, "ValueClass", values.ValueClass)
        count_in_files(folder, 0)
        yield


def worker(folder: Path, counts_as: int, tokens: list[int], waiting: int = 0) -> None:
    """A process that counts some exchanges, with so many waiting to be judged, and is then gone, without a word."""
    with ExitStack() as at_its_end, pytest.MonkeyPatch.context() as patch:

        class Files(AllocatedDict):
            """Closed at the end of the process, by the system."""

            def __init__(self, filename: str, read_mode: bool = False) -> None:
                super().__init__(filename, read_mode)
                at_its_end.callback(self.close)

        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
        patch.setattr(values, "ValueClass", values.ValueClass)
        patch.setattr("extproc.server.workers.metrics.AllocatedDict", Files)
        count_in_files(folder, counts_as)
        metrics = Metrics(10)
        for number in tokens:
            metrics.exchange_ended(record(number))
            metrics.step("request_headers", 500_000_000)
        if waiting:
            metrics.classifier_waiting("harm", waiting)
        metrics.flush()


@settings(max_examples=examples(25))  # each makes files
@given(lives=st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 100), max_size=5)), max_size=6))
def test_lives_of_workers_add_up_to_the_page_of_one_process(lives: list[tuple[int, list[int]]]) -> None:
    """However the exchanges are spread, and however often a worker came in a dead one's place."""
    with short_folder() as folder:
        for counts_as, tokens in lives:
            worker(folder, counts_as, tokens)
        own, one = in_memory(lambda: Metrics(10)), in_memory(lambda: Metrics(10))
        for _, tokens in lives:
            for number in tokens:
                one.exchange_ended(record(number))
                one.step("request_headers", 500_000_000)
        assert samples(page_of(own.registry, folder, 10)) == samples(one.registry)
        assert {file.name.rpartition("_")[2] for file in folder.glob("*.db")} <= {f"{n}.db" for n, _ in lives}


def test_the_supervisors_own_counts_and_gauges_are_on_the_page_once(tmp_path: Path) -> None:
    """What it counts for all of them is not counted by each; its gauges are not added to anything."""
    worker(tmp_path, 0, [3])
    worker(tmp_path, 1, [4])
    own = in_memory(lambda: Metrics(10))
    own.reloaded("invalid")
    own.worker_restarted("SIGKILL")
    own.in_force("0123456789ab", {VERSION: 1})
    own.inflight.set_function(lambda: 5)
    page = samples(page_of(own.registry, tmp_path, 10))
    assert page["llm_config_reloads_total", frozenset({("result", "invalid")})] == 1
    assert page["llm_worker_restarts_total", frozenset({("reason", "SIGKILL")})] == 1
    assert page["llm_config_revision", frozenset({("revision", "0123456789ab")})] == 1
    assert page["llm_inflight_exchanges", frozenset()] == 5
    assert (
        page["llm_response_tokens_sum", frozenset({("model", "tiny-chat"), ("version", "v1"), ("fingerprint", "f00")})]
        == 7
    )


def test_what_waits_for_classifiers_is_added_up(tmp_path: Path) -> None:
    """Each worker has queues of its own; one in a dead one's place says anew what waits."""
    worker(tmp_path, 0, [3], waiting=5)
    worker(tmp_path, 1, [4], waiting=2)
    worker(tmp_path, 0, [], waiting=1)
    page = samples(page_of(in_memory(lambda: Metrics(10)).registry, tmp_path, 10))
    assert page["llm_classifier_queue", frozenset({("classifier", "harm")})] == 3


def test_values_that_nobody_counts_any_more_leave_the_page_and_come_back_with_what_they_had(tmp_path: Path) -> None:
    """attack 10: no sum falls while it is shown, or its rate would show traffic that never was; the page is bounded."""
    now_ns = [0]
    registry = page_of(in_memory(lambda: Metrics(10)).registry, tmp_path, 1, lambda: now_ns[0])

    def requests() -> dict[str, float]:
        return {
            dict(labels)["team"]: count
            for (name, labels), count in samples(registry).items()
            if name == "llm_requests_total"
        }

    worker(tmp_path, 0, [0, 1, 2])
    assert requests() == {"team0": 1, "team1": 1, "team2": 1}
    now_ns[0] += LABEL_IDLE_NS // 2
    worker(tmp_path, 1, [0])
    assert requests() == {"team0": 2, "team1": 1, "team2": 1}
    now_ns[0] += LABEL_IDLE_NS // 2
    assert requests() == {"team0": 2}
    worker(tmp_path, 0, [1])
    assert requests() == {"team0": 2, "team1": 2}
    roomy = page_of(in_memory(lambda: Metrics(10)).registry, tmp_path, 10, lambda: now_ns[0])
    samples(roomy)
    now_ns[0] += 2 * LABEL_IDLE_NS
    assert len([1 for name, _ in samples(roomy) if name == "llm_requests_total"]) == 3, "there is room for all"


def test_who_counts_in_files_takes_so_many_values_and_no_more() -> None:
    """Their series stay for ever."""
    metrics = in_memory(lambda: Metrics(1, forgets=False))
    for number in range(2 * ADMITTED_FACTOR_MAX):
        one = record(1)
        one.team, one.ended_ns = f"team{number}", number * LABEL_IDLE_NS
        metrics.exchange_ended(one)
    teams = {dict(labels)["team"] for name, labels in samples(metrics.registry) if name == "llm_requests_total"}
    assert teams == {f"team{number}" for number in range(ADMITTED_FACTOR_MAX)} | {OTHER}


def test_what_is_counted_has_its_place_on_the_disk_before_it_is_written(tmp_path: Path) -> None:
    """A page of a mapped file that has none ends the process with SIGBUS where the disk is full."""
    with in_files(tmp_path):
        metrics = Metrics(1_000, forgets=False)
        for number in range(400):
            one = record(1)
            one.team = f"{'long' * 20}{number}"
            metrics.exchange_ended(one)
        metrics.flush()
    sizes = {file.name: file.stat() for file in tmp_path.glob("*.db")}
    assert max(status.st_size for status in sizes.values()) > FILE_BYTES_MIN
    assert all(status.st_blocks * 512 >= status.st_size for status in sizes.values())


def test_where_the_disk_is_full_what_is_counted_already_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New values of labels are lost, and nothing else: no exception reaches whoever flushes."""
    with in_files(tmp_path):
        metrics = Metrics(10_000, forgets=False)
        metrics.exchange_ended(record(1))
        metrics.flush()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "posix_fallocate", full)
        for number in range(1_000):
            one = record(1)
            one.team = f"{'long' * 20}{number}"
            metrics.exchange_ended(one)
        metrics.exchange_ended(record(1))
        metrics.flush()
    page = samples(page_of(in_memory(lambda: Metrics(10)).registry, tmp_path, 10_000))
    requests = {dict(labels)["team"]: value for (name, labels), value in page.items() if name == "llm_requests_total"}
    assert requests["team1"] == 2
    assert 1 < len(requests) < 1_000


def test_a_file_that_is_just_being_made_does_not_spoil_the_page(tmp_path: Path) -> None:
    """A worker that starts has made it, and not given it a size yet."""
    worker(tmp_path, 0, [3])
    (tmp_path / "counter_1.db").touch()
    own = in_memory(lambda: Metrics(10))
    page = samples(page_of(own.registry, tmp_path, 10))
    assert [value for (name, _), value in page.items() if name == "llm_cost_micro_usd_total"] == [3]
