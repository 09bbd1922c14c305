"""What the benchmark computes, without running it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from grpc import aio
from rich.console import Console

from extproc._pb import ext_proc_pb2 as pb
from extproc.demo.installation import DEMO_CONFIG, Change
from extproc.exchange.snapshot import compile_snapshot
from extproc.filters.registry import GUARDS
from extproc.server.operations.config_files import read_config
from tests.bench import rate_limits
from tests.bench.budgets import measure_budgets
from tests.bench.collector import pause_figures
from tests.bench.detectors import ALL, measured_policies
from tests.bench.event_rates import HELD, STREAMS, EventSample, load_name, rate_figures
from tests.bench.figures import OTHERS, RATIOS, Key, ratios, raw_figures, slower
from tests.bench.intervals import widest_spread
from tests.bench.ledger import measure_ledger
from tests.bench.loads import Sample, Taken, loads
from tests.bench.noop_processor import REPLIES, SERVERS, NoopProcessor
from tests.bench.otel import measure_otel
from tests.bench.picks import measure_picks
from tests.bench.picture import added_latency
from tests.bench.processes import begin_peak, child, cpu_seconds, memory, needed, peak_mb
from tests.bench.report import print_detectors
from tests.bench.rollout_arms import measure_rollout_arms
from tests.bench.rounds import ROUNDS_MAX, Rounds
from tests.bench.signals import measure_signals
from tests.bench.subjects import (
    ENVOY,
    GO_NOOP,
    Places,
    Subject,
    forget_texts,
    full_installation,
    only_light_guards,
    only_meter,
    ours_full,
    ours_noop,
)
from tests.unit.server.clients import exchange, say


def sample(cpu_us: float, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Sample:
    """A measurement of which only some figures matter."""
    return Sample(100, 0, "", cpu_us, 50.0, 4.0, 1_000.0, p50_ms, p99_ms, p50_ms)


def test_a_figure_is_the_median_of_its_rounds_beside_their_spread() -> None:
    """One slow round moves the spread, and not the figure."""
    raw = raw_figures({(GO_NOOP, "json_1k", 8): [sample(100), sample(900), sample(110)]})
    name = "cpu_us.grpc_go_noop.json_1k.c8"
    assert (raw[name], raw[f"{name}.min"], raw[f"{name}.max"]) == (110, 100, 900)


def test_ratios_compare_medians_of_one_run() -> None:
    """Ours divided by grpc-go's no-op, and latency less that of Envoy alone."""
    raw = raw_figures(
        {
            (ENVOY, "json_1k", 8): [sample(80, p50_ms=1.0, p99_ms=2.0)],
            (GO_NOOP, "json_1k", 8): [sample(100)],
            (ours_noop("fast"), "json_1k", 8): [sample(40)],
            (ours_full("fast"), "json_1k", 8): [sample(150, p50_ms=1.5, p99_ms=4.0)],
        }
    )
    found = ratios(raw, "fast", loads(full=False))
    expected = {"noop_vs_go": 0.4, "full_json_vs_go_noop": 1.5, "added_p50_ms": 0.5, "added_p99_ms": 2.0}
    assert found == pytest.approx(expected)  # and nothing of what was not measured


@pytest.mark.parametrize(("long_us", "growth"), [(100 + 2_000 * 10, 1.0), (100 + 2_000 * 20, 2.0)])
def test_growth_compares_events_and_not_what_every_request_costs(long_us: float, growth: float) -> None:
    """100 us a request and 10 us an event: longer streams may not hide dearer events behind the fixed part."""
    full = ours_full("fast")
    raw = raw_figures(
        {
            (full, "json_1k", 8): [sample(100)],
            (full, "stream_100", 8): [sample(100 + 100 * 10)],
            (full, "stream_2000", 8): [sample(long_us)],
        }
    )
    assert ratios(raw, "fast", loads(full=False))["event_cost_growth"] == pytest.approx(growth)


def test_only_what_is_slower_by_more_than_the_noise_is_called_slower() -> None:
    """A figure that the baseline does not have is not judged."""
    now = {"noop_vs_go": 0.6, "full_json_vs_go_noop": 1.05, "event_cost_growth": 9.0}
    assert slower(now, {"noop_vs_go": 0.4, "full_json_vs_go_noop": 1.0}) == {"noop_vs_go": pytest.approx(1.5)}


@pytest.mark.parametrize("kind", REPLIES)
def test_both_no_ops_send_the_same_bytes(kind: str) -> None:
    """The Go program writes field n-1, empty, for a message that is field n; so does ours."""
    message = pb.ProcessingRequest(**{kind: {}})
    number = pb.ProcessingRequest.DESCRIPTOR.fields_by_name[kind].number
    session = NoopProcessor().open()
    assert session.receive(message.SerializeToString()).messages == [bytes([(number - 1) << 3 | 2, 0])]


@pytest.mark.parametrize("transport", sorted(SERVERS))
def test_the_no_op_answers_whatever_a_transport_asks_of_it(transport: str, tmp_path: Path) -> None:
    """A body of a megabyte too: a session that lacks a method fails each exchange, and is left out of the run."""
    kinds: dict[str, dict[str, Any]] = {kind: {} for kind in REPLIES} | {"request_body": {"body": bytes(1_000_000)}}
    address = f"unix:{tmp_path / 'noop.sock'}"

    async def said() -> list[str | None]:
        async with aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), 10)
            call = exchange(channel)
            replies = await say(call, *[pb.ProcessingRequest(**{kind: content}) for kind, content in kinds.items()])
            await call.done_writing()
            return [reply.WhichOneof("response") for reply in replies]

    with child(
        [sys.executable, "-m", "tests.bench.noop_processor", transport, address], address, tmp_path / "noop.log"
    ):
        assert asyncio.run(said()) == list(kinds)


def test_requests_have_the_size_that_they_are_named_after() -> None:
    """And are JSON."""
    sizes = {load.name: len(load.body) for load in loads(full=True) if json.loads(load.body)}
    assert (sizes["json_1k"], sizes["json_4k"], sizes["stream_100"]) == (1_024, 4_096, 1_024)


def test_the_picture_is_well_formed_and_names_its_subjects() -> None:
    """Also where a subject was as quick as Envoy alone, which a logarithmic scale has no place for."""
    raw = raw_figures({(name, "json_1k", 8): [sample(1)] for name in (ENVOY, GO_NOOP)})
    svg = ElementTree.fromstring(
        added_latency(raw, [("json_1k", 8), ("json_4k", 8)], {ENVOY: "Envoy", GO_NOOP: "a < b"})
    )
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "a < b" in texts
    assert "0.00 / 0.00" in texts


def test_rates_tell_what_an_event_costs_and_where_the_machine_is_full() -> None:
    """10 and 20 events a second are reached; 40 come too, but late, and of 60 half."""

    def taken(events_per_s: float, delay_ms: float) -> EventSample:
        return EventSample(STREAMS, 0, "", 30.0, 20.0, events_per_s, delay_ms, delay_ms * 2)

    ours = ours_full("fast")
    found = rate_figures(
        raw_figures(
            {
                (ENVOY, load_name(HELD), STREAMS): [taken(HELD * STREAMS, 0.5)],
                (ours, load_name(HELD), STREAMS): [taken(HELD * STREAMS, 0.7)],
                (ours, load_name(20), STREAMS): [taken(20 * STREAMS * 0.99, 2.0)],
                (ours, load_name(40), STREAMS): [taken(40 * STREAMS, 300.0)],
                (ours, load_name(60), STREAMS): [taken(15_000, 900.0)],
            }
        )
    )
    expected = {"event_cpu_us": 30, "event_added_p50_ms": 0.2, "event_added_p99_ms": 0.4}
    assert found == pytest.approx({**expected, "events_per_s_max": 20_000, "events_per_s_missed": 20_000})


def test_pauses_are_summed_up_for_ten_thousand_requests() -> None:
    """The longest is as it was, however many requests there were; without a pause all are 0."""
    found = pause_figures("gc", [1.0, 4.0], requests=5_000)
    assert found == {"gc_pause_longest_ms": 4.0, "gc_pause_total_ms": 10.0, "gc_pauses": 4.0}
    assert set(pause_figures("gc", [], requests=5_000).values()) == {0.0}


def test_guards_are_measured_each_and_together() -> None:
    """Those that look at requests on texts, those that look at answers on events; a table has a row for each."""
    found = dict.fromkeys(("detector_us_pii_chat_1k", "detector_us_pii_event", "detector_us_all_chat_1k"), 1.5)
    console = Console(width=120, record=True, file=io.StringIO())
    print_detectors(console, {**found, "noop_vs_go": 1.0})
    rows = [line.split() for line in console.export_text().splitlines() if "1.5" in line]
    assert [[cell for cell in row if cell != "│"] for row in rows] == [
        ["pii", "1.5", "-", "-", "1.5"],
        ["all", "1.5", "-", "-", "-"],
    ]


def test_every_guard_has_a_cost() -> None:
    """But the one whose detector is somebody else's; the budget is that of the demo's default policy."""
    files = read_config(DEMO_CONFIG)
    snapshot = compile_snapshot(files.loaded.document, files.prompts)
    measured = measured_policies(snapshot)
    assert set(measured) == set(GUARDS) - {"custom"} | {ALL}
    assert measured[ALL] is snapshot.policies[-1]
    assert all([guard.name for guard in one.guards] == [name] for name, one in measured.items() if name != ALL)


def test_a_pick_has_a_cost() -> None:
    """Of the order of its budget; how near is for a quiet machine to say."""
    assert 1 < measure_picks()["pick_us"] < 100


def test_a_rollout_has_a_cost() -> None:
    """Of the order of its budget; how near is for a quiet machine to say."""
    assert 0 < measure_rollout_arms()["rollout_us"] < 100


def test_the_ledger_is_measured() -> None:
    """On the loop and in its thread."""
    found = measure_ledger()
    assert 0.5 < found["ledger_us"] < 100
    assert 0.1 < found["ledger_thread_us"] < 100


def test_signals_are_measured() -> None:
    """Of an answer, and of an event more."""
    figures = measure_signals()
    assert 1 < figures["signals_us"] < 500
    assert 0 <= figures["signals_event_us"] < 50
    assert 0.1 < figures["filter_us"] < 200


def test_spans_are_measured() -> None:
    """On the loop and in the thread that sends them."""
    found = measure_otel()
    assert 1 < found["otel_us"] < 500
    assert 1 < found["otel_thread_us"] < 5_000


def test_budgets_are_measured() -> None:
    """Two of them."""
    assert 1 < measure_budgets()["budget_us"] < 500


def test_rate_limits_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory, and in a store where there is one."""
    monkeypatch.setattr(rate_limits, "ASKED", 20)
    found = rate_limits.measure_rate_limits()
    assert 1 < found["limit_us"] < 500
    if "limit_store_us" in found:
        assert 0 < found["limit_store_p50_ms"] <= found["limit_store_p99_ms"]


@pytest.mark.parametrize(
    "change",
    [None, only_meter, only_light_guards, forget_texts],
    ids=["full", "metered", "light", "unremembered"],
)
def test_what_is_measured_is_a_valid_configuration(change: Change | None, tmp_path: Path) -> None:
    """Whatever the demo shows, from which it is made."""
    places = Places("127.0.0.1:1", tmp_path, {}, print)
    installation = full_installation(places, "ours", "fast", change, with_processor=False)
    written = installation.write_config(installation.change)
    assert bool(written.policies) == (change is not only_meter)


def test_the_documentation_names_every_figure() -> None:
    """What stands in bench.json can be looked up."""
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    assert [figure.name for figure in (*RATIOS, *OTHERS) if f"`{figure.name}`" not in page] == []


def test_memory_is_that_of_the_process_and_its_peak_begins_anew() -> None:
    """50 MB that came and went are in the peak, and not in a peak that began after them."""
    pid = os.getpid()
    begin_peak(pid)
    before = memory(pid)
    assert 0 < before.pss_mb <= before.rss_mb
    held = bytearray(50_000_000)
    held[::4_096] = b"x" * len(held[::4_096])
    del held
    assert peak_mb(pid) >= before.rss_mb + 45
    begin_peak(pid)
    assert peak_mb(pid) < before.rss_mb + 45


def test_a_process_that_does_not_listen_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    """Whoever reads it knows which program, and what it said last."""
    command = [sys.executable, "-c", "print('no such port'); raise SystemExit(1)"]
    with pytest.raises(RuntimeError, match=r"does not listen on unix:\S+:\nno such port") as failure:  # noqa: SIM117
        with child(command, f"unix:{tmp_path / 'nobody.sock'}", tmp_path / "child.log"):
            pass
    assert sys.executable in str(failure.value)


def test_a_process_that_has_ended_has_no_cpu_time() -> None:
    """Not even while nobody has asked for its exit code: its figures would be those of a request refused."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(RuntimeError, match=f"process {process.pid} has ended"):
        cpu_seconds(process.pid)
    process.wait()
    with pytest.raises(RuntimeError, match=f"process {process.pid} has ended"):
        cpu_seconds(process.pid)


class Quiet:
    """A console that nobody reads."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def print(self, text: str, **_: object) -> None:
        """Keep what is told."""
        self.told.append(text)

    def status(self, _: str) -> contextlib.AbstractContextManager[None]:
        """Show nothing."""
        return contextlib.nullcontext()


def subject(name: str, log: Path) -> Subject:
    """One of which nothing runs."""
    return Subject(name, name, "http://127.0.0.1:1", os.getpid(), os.getpid(), lambda: 0, log)


def test_subjects_take_turns_and_one_that_breaks_is_left_out(tmp_path: Path) -> None:
    """A B, A B; what fails in too many requests is no figure, and what fails altogether is said with its log."""
    log = tmp_path / "processor.log"
    log.write_text("out of ink")
    console, turns = Quiet(), []
    rounds = Rounds(Path("load"), tmp_path, os.getpid(), cast(Console, console))

    def take(one: Subject) -> Sample:
        turns.append(one.name)
        if one.name == "broken" and len(turns) > 3:
            raise RuntimeError("it is gone")
        return replace(sample(100.0), failed=5 if one.name == "failing" else 0)

    for turn in range(3):
        rounds.turns([subject(name, log) for name in ("good", "failing", "broken")], ("json_1k", 8), str(turn), take)
    assert turns == ["good", "failing", "broken"] * 2 + ["good", "failing"]
    assert {name: len(taken) for (name, _, _), taken in rounds.samples.items()} == {"good": 3, "broken": 1}
    assert (rounds.broken, rounds.dropped) == ({"broken"}, 3)
    assert "broken is left out from here on: it is gone\nout of ink" in console.told


def test_what_fails_without_a_process_says_that_it_has_ended(tmp_path: Path) -> None:
    """And not only that a connection was refused; with the process, the error stays what it was."""
    log = tmp_path / "processor.log"
    log.write_text("out of ink")
    with pytest.raises(ConnectionRefusedError), needed(os.getpid(), log):
        raise ConnectionRefusedError
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(RuntimeError, match=r"has ended:\nout of ink"), needed(process.pid, log):
        raise ConnectionRefusedError


def test_cpu_time_is_that_of_the_process() -> None:
    """Grows with what the process does, by the kernel's count."""
    before, wanted = cpu_seconds(os.getpid()), time.process_time() + 0.1
    while time.process_time() < wanted:
        pass
    assert cpu_seconds(os.getpid()) - before == pytest.approx(0.1, abs=0.05)


def test_rounds_go_on_until_the_spread_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or there were as many as there may be; without a wish for it, the rounds that were asked for."""
    taken: list[Sample] = []

    def measure(*_: object) -> Sample:
        taken.append(sample(100.0))
        return taken[-1]

    monkeypatch.setattr("tests.bench.rounds.measure", measure)
    rounds = Rounds(Path("load"), tmp_path, os.getpid(), cast(Console, Quiet()))
    load = replace(loads(full=False)[0], events=10_000)  # one that needs no warming up
    answers = iter([True, True, False])
    started = [subject("good", tmp_path / "log")]
    rounds.run(started, [load], 2, lambda: next(answers))
    assert len(taken) == 4
    rounds.run(started, [load], 2, lambda: True)
    assert len(taken) == 4 + ROUNDS_MAX
    rounds.run(started, [load], 2)
    assert len(taken) == 4 + ROUNDS_MAX + 2


def test_the_widest_spread_is_that_of_ratios_of_cpu_times() -> None:
    """Of at least two rounds."""

    def one(ours_us: float, go_us: float) -> dict[Key, list[Taken]]:
        names = {ours_noop("fast"): ours_us, GO_NOOP: go_us}
        return {(name, "json_1k", 8): [sample(cpu_us)] for name, cpu_us in names.items()}

    first, second = one(50.0, 100.0), one(60.0, 100.0)
    both = {key: [*taken, *second[key]] for key, taken in first.items()}
    assert widest_spread(first) == math.inf
    assert widest_spread(both) > 0.1
    assert widest_spread({key: taken * 2 for key, taken in first.items()}) == pytest.approx(0.0)
