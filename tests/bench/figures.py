"""From measurements to figures: medians with their spread under flat names, and the ratios that have a target."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tests.bench import peers
from tests.bench.loads import CONNECTIONS, Load, Taken
from tests.bench.subjects import COMPILED, COMPILED_METERED, ENVOY, GO_NOOP, LITELLM, METERED, ours_full, ours_noop

Key = tuple[str, str, int]
"""Subject, load, connections."""

Figures = dict[str, float]

SLOWER = 1.1  # times the baseline from which a ratio is called slower


@dataclass(frozen=True, slots=True)
class Figure:
    """One that is printed beside its meaning. ``target``: it is to be at most this."""

    name: str
    meaning: str
    target: float | None = None


RATIOS = (
    Figure("noop_vs_go", "CPU a request, no-op, 1 KB JSON: ours / grpc-go", 0.45),
    Figure("metered_json_vs_go_noop", "CPU a request, 1 KB JSON: ours, only metering / grpc-go no-op", 2.5),
    Figure("full_json_vs_go_noop", "CPU a request, 1 KB JSON: ours in full / grpc-go no-op", 4.0),
    Figure("full_stream_vs_go_noop", "CPU a guarded 100-event stream: ours in full / grpc-go no-op", 1.5),
    Figure("metered_stream_vs_go_noop", "CPU a 100-event stream that is only metered / grpc-go no-op"),
    Figure("passed_stream_vs_go_noop", "CPU a 100-event stream on a path that passes unread / grpc-go no-op"),
    Figure("compiled_metered_json_vs_go_noop", "as metered_json_vs_go_noop, compiled (make compiled)", 1.5),
    Figure("compiled_json_vs_go_noop", "as full_json_vs_go_noop, compiled", 2.5),
    Figure("compiled_stream_vs_go_noop", "as full_stream_vs_go_noop, compiled", 1.0),
    Figure("full_json_vs_litellm", "CPU a request, 1 KB JSON: ours in full / LiteLLM", 0.025),
    Figure("full_stream_vs_litellm", "CPU a 100-event stream: ours in full / LiteLLM", 0.033),
    Figure("compiled_json_vs_litellm", "as full_json_vs_litellm, compiled", 0.025),
    Figure("compiled_stream_vs_litellm", "as full_stream_vs_litellm, compiled", 0.033),
    Figure("full_json_vs_content_filter", "as full_json_vs_litellm, with LiteLLM's own content filter"),
    Figure("full_stream_vs_content_filter", "as full_stream_vs_litellm, with LiteLLM's own content filter"),
    Figure("full_json_vs_presidio", "as full_json_vs_litellm, with Presidio"),
    Figure("full_stream_vs_presidio", "as full_stream_vs_litellm, with Presidio, which holds the whole stream"),
    Figure("added_p50_ms", "median latency added to Envoy alone, 8 connections always busy, in ms", 1.0),
    Figure("added_p99_ms", "99th percentile added to Envoy alone, 8 connections always busy, in ms", 3.0),
    Figure("added_p50_paced_ms", "median added at 200 requests/s on 8 connections, in ms", 0.4),
    Figure("added_p99_paced_ms", "99th percentile added at 200 requests/s on 8 connections, in ms", 1.2),
    Figure("event_cost_growth", "CPU an event, less that of a JSON request: 2,000-event / 100-event stream", 1.1),
    Figure("event_added_p50_ms", "median delay of an event added to Envoy alone: 500 streams, 10 events/s each"),
    Figure("event_added_p99_ms", "its 99th percentile", 2.0),
    Figure("detector_us_all_chat_1k", "CPU of the demo's default guards on a 1 KB chat with nothing in it, us", 60.0),
    Figure("detector_us_all_chat_4k", "the same on 4 KB", 200.0),
    Figure("detector_us_all_document_100k", "the same on a document of 100 KB", 8_000.0),
    Figure("detector_us_all_event", "the same on an event of a stream", 12.0),
    Figure("compiled_detector_us_all_chat_1k", "as detector_us_all_chat_1k, compiled", 40.0),
    Figure("compiled_detector_us_all_chat_4k", "as detector_us_all_chat_4k, compiled", 120.0),
    Figure("compiled_detector_us_all_document_100k", "as detector_us_all_document_100k, compiled", 3_000.0),
    Figure("compiled_detector_us_all_event", "as detector_us_all_event, compiled", 2.0),
    Figure(
        "text_cost_times_max",
        "the most expensive text before all guards / prose of its length (see `text_costs`)",
        10.0,
    ),
    Figure("rollout_us", "CPU of a rollout an exchange in the path, in us: its arm, and its part in the entry", 5.0),
    Figure("pick_us", "CPU of `pick: load` a request, in us: eight servers, a prompt of ten blocks", 10.0),
    Figure("limit_us", "CPU of three rate limits in memory a request, in us: reserved, told, settled", 20.0),
    Figure("budget_us", "CPU of two budgets that act a request, in us: looked at, reserved, settled", 20.0),
    Figure("signals_us", "CPU of the signals of an answer of 1 KB, more than of a filter that does nothing, us", 15.0),
    Figure("signals_event_us", "the same for each event of a stream"),
    Figure("limit_store_p99_ms", "wait for a store of rate limits here, 200 requests/s, 99th percentile, in ms"),
    Figure("ledger_us", "CPU of the ledger an exchange on the event loop, in us", 5.0),
    Figure("otel_us", "CPU of `otel` an exchange on the event loop, in us: a sampled stream of 20 events", 20.0),
    Figure("start_help_s", "CPU of `extproc --help`, in s", 0.2),
    Figure("start_check_s", "CPU of `extproc check`, in s", 0.6),
    Figure("start_serve_mb", "MB resident of `extproc serve` at rest, with the guards of `extproc init`", 70.0),
    Figure("compiled_start_serve_mb", "as start_serve_mb, compiled", 70.0),
    Figure("idle_stream_mb", "idle guarded streams (see idle_streams): MB resident more than at rest", 100.0),
)
"""Compared with the baseline: more is worse."""

OTHERS = (
    Figure("filter_us", "CPU of a filter that hears an answer of 1 KB and does nothing, in us"),
    Figure("ledger_thread_us", "CPU of the ledger's thread an exchange, in us"),
    Figure("otel_thread_us", "CPU of the thread of `otel` an exchange, in us: three spans, and metrics"),
    Figure("event_cpu_us", "CPU of the processor an event: 500 streams, 10 events/s each"),
    Figure("events_per_s_max", "most events a second on 500 streams that the whole machine came to"),
    Figure(
        "events_per_s_missed", "least rate asked for of which it came to less than 95 %, or half more than 50 ms late"
    ),
    Figure("idle_streams", "idle guarded streams that were open at a time"),
    Figure("idle_stream_pss_mb", "the same growth, by the share of what processes have in common"),
    Figure("idle_stream_kb_each", "KB resident for each of them"),
    Figure("idle_rest_mb", "MB resident at rest, warm"),
    Figure("idle_kept_mb", "MB more than at rest after all of them have left"),
    Figure("idle_envoy_mb", "MB that Envoy has more with them"),
    Figure("idle_cpu_share", "share of a core that the processor takes with them"),
    Figure("idle_opened_per_s", "streams opened a second"),
    Figure("idle_beside_p50_ms", "median latency that they add to 200 requests/s"),
    Figure("idle_beside_p99_ms", "its 99th percentile"),
    Figure("slow_reader_mb", "20 slow readers of 2,000 events: most MB more than without"),
    Figure("slow_reader_rest_s", "seconds until the processor has done what is taken from it at first"),
    Figure("slow_reader_cpu_share", "share of a core from then on, with 50 other streams of 20 events/s"),
    Figure("slow_reader_added_p50_ms", "median delay from then on that they add to the events of the others"),
    Figure("slow_reader_added_p99_ms", "its 99th percentile"),
    Figure("slow_reader_long_mb", "2 slow readers of 200,000 events, more than Envoy's buffers hold: as above"),
    Figure("slow_reader_long_rest_s", "as above"),
    Figure("slow_reader_long_cpu_share", "as above"),
    Figure("slow_reader_long_added_p50_ms", "as above"),
    Figure("slow_reader_long_added_p99_ms", "as above"),
    Figure("gc_pause_longest_ms", "garbage collector, 1 KB JSON on 8 busy connections: longest pause"),
    Figure("gc_pause_total_ms", "all pauses in 10,000 requests"),
    Figure("gc_pauses", "how many pauses that is"),
    Figure("gc_stream_pause_longest_ms", "the same with guarded 100-event streams: longest pause"),
    Figure("gc_stream_pause_total_ms", "all pauses in 10,000 streams"),
    Figure("gc_stream_pauses", "how many pauses that is"),
    Figure("limit_store_us", "CPU of a request to that store and its settlement, in us"),
    Figure("limit_store_p50_ms", "median wait for it, in ms"),
    Figure("compiled_start_serve_pss_mb", "as compiled_start_serve_mb, by the share of what processes have in common"),
    Figure("start_serve_pss_mb", "as start_serve_mb, by the share of what processes have in common"),
    Figure("start_metered_mb", "MB resident of `extproc serve` at rest, without guards"),
    Figure("start_metered_pss_mb", "the same, by the share of what processes have in common"),
    Figure("busy_share_before", "share of the machine that others used before the run"),
)
"""Only told."""


def raw_figures(samples: Mapping[Key, list[Taken]]) -> Figures:
    """``MEASURE.SUBJECT.LOAD.cN`` as the median of the rounds, and ``.min`` and ``.max`` of the same."""
    found: Figures = {}
    for (subject, load, connections), rounds in samples.items():
        for measure in (field.name for field in fields(rounds[0]) if field.name != "failure"):
            values = [float(getattr(sample, measure)) for sample in rounds]
            name = f"{measure}.{subject}.{load}.c{connections}"
            found[name] = statistics.median(values)
            found[f"{name}.min"], found[f"{name}.max"] = min(values), max(values)
    return found


def ratios(raw: Figures, transport: str, loads: list[Load], connections: int = CONNECTIONS) -> Figures:
    """The ratios of one transport; those whose parts were not measured are missing.

    Args: connections: how many were busy.
    """
    noop, full = ours_noop(transport), ours_full(transport)
    json, stream = "json_1k", "stream_100"

    def times(subject: str, other: str, load: str, other_load: str = "") -> float | None:
        return _divided(_cpu(raw, subject, load, connections), _cpu(raw, other, other_load or load, connections))

    def added(measure: str, load: str) -> float | None:
        ours, alone = (raw.get(f"{measure}.{subject}.{load}.c{connections}") for subject in (full, ENVOY))
        return None if ours is None or alone is None else ours - alone

    found = {
        "noop_vs_go": times(noop, GO_NOOP, json),
        "metered_json_vs_go_noop": times(METERED, GO_NOOP, json),
        "full_json_vs_go_noop": times(full, GO_NOOP, json),
        "full_stream_vs_go_noop": times(full, GO_NOOP, stream),
        "metered_stream_vs_go_noop": times(METERED, GO_NOOP, stream),
        "passed_stream_vs_go_noop": times(full, GO_NOOP, "stream_100_passed", stream),
        "compiled_metered_json_vs_go_noop": times(COMPILED_METERED, GO_NOOP, json),
        "compiled_json_vs_go_noop": times(COMPILED, GO_NOOP, json),
        "compiled_stream_vs_go_noop": times(COMPILED, GO_NOOP, stream),
        "compiled_json_vs_litellm": times(COMPILED, LITELLM, json),
        "compiled_stream_vs_litellm": times(COMPILED, LITELLM, stream),
        "full_json_vs_litellm": times(full, LITELLM, json),
        "full_stream_vs_litellm": times(full, LITELLM, stream),
        "full_json_vs_content_filter": times(full, peers.CONTENT_FILTER, json),
        "full_stream_vs_content_filter": times(full, peers.CONTENT_FILTER, stream),
        "full_json_vs_presidio": times(full, peers.PRESIDIO, json),
        "full_stream_vs_presidio": times(full, peers.PRESIDIO, stream),
        "added_p50_ms": added("p50_ms", json),
        "added_p99_ms": added("p99_ms", json),
        "added_p50_paced_ms": added("p50_ms", "json_1k_paced"),
        "added_p99_paced_ms": added("p99_ms", "json_1k_paced"),
        "event_cost_growth": _growth(raw, full, loads, connections),
    }
    return {name: value for name, value in found.items() if value is not None}


def _growth(raw: Figures, full: str, loads: list[Load], connections: int) -> float | None:
    long, short = (_event_cost(raw, full, loads, name, connections) for name in ("stream_2000", "stream_100"))
    return _divided(long, short)


def slower(now: Figures, baseline: Figures) -> dict[str, float]:
    """Ratios that are worse than the baseline's by more than the noise, by how many times."""
    names = [ratio.name for ratio in RATIOS if ratio.name in now and baseline.get(ratio.name, 0) > 0]
    times = {name: now[name] / baseline[name] for name in names}
    return {name: value for name, value in times.items() if value > SLOWER}


def _cpu(raw: Figures, subject: str, load: str, connections: int) -> float | None:
    return raw.get(f"cpu_us.{subject}.{load}.c{connections}")


def _event_cost(raw: Figures, subject: str, loads: list[Load], name: str, connections: int) -> float | None:
    """CPU of one event [us], without what a request costs whatever its length."""
    whole, request = _cpu(raw, subject, name, connections), _cpu(raw, subject, "json_1k", connections)
    events = next((load.events for load in loads if load.name == name), 0)
    return None if whole is None or request is None or not events else (whole - request) / events


def _divided(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other
