"""From measurements to figures: medians with their spread under flat names, and the ratios that have a target."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, fields

from tests.bench.loads import Load, Sample
from tests.bench.subjects import ENVOY, GO_NOOP, LITELLM, ours_full, ours_noop

Key = tuple[str, str, int]
"""Subject, load, connections."""

Figures = dict[str, float]

CONNECTIONS = 8  # those that the ratios are of
SLOWER = 1.1  # times the baseline from which a ratio is called slower


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure that is judged: at most ``target``."""

    name: str
    target: float | None
    meaning: str


RATIOS = (
    Ratio("noop_vs_go", 0.5, "CPU a request, no-op, 1 KB JSON: ours / grpc-go"),
    Ratio("full_json_vs_go_noop", 1.5, "CPU a request, 1 KB JSON: ours in full / grpc-go no-op"),
    Ratio("full_stream_vs_go_noop", 1.5, "CPU a guarded 100-event stream: ours in full / grpc-go no-op"),
    Ratio("full_json_vs_litellm", 0.05, "CPU a request, 1 KB JSON: ours in full / LiteLLM"),
    Ratio("full_stream_vs_litellm", 0.05, "CPU a 100-event stream: ours in full / LiteLLM"),
    Ratio("added_p50_ms", 1.0, "median latency added to Envoy alone, 8 connections always busy, in ms"),
    Ratio("added_p99_ms", 3.0, "99th percentile added to Envoy alone, 8 connections always busy, in ms"),
    Ratio("added_p50_paced_ms", None, "median added at 200 requests/s on 8 connections, in ms"),
    Ratio("added_p99_paced_ms", None, "99th percentile added at 200 requests/s on 8 connections, in ms"),
    Ratio("event_cost_growth", 1.1, "CPU an event, less that of a JSON request: 2,000-event / 100-event stream"),
)


def raw_figures(samples: Mapping[Key, list[Sample]]) -> Figures:
    """``MEASURE.SUBJECT.LOAD.cN`` as the median of the rounds, and ``.min`` and ``.max`` of the same."""
    found: Figures = {}
    for (subject, load, connections), rounds in samples.items():
        for measure in (field.name for field in fields(Sample) if field.name != "failure"):
            values = [float(getattr(sample, measure)) for sample in rounds]
            name = f"{measure}.{subject}.{load}.c{connections}"
            found[name] = statistics.median(values)
            found[f"{name}.min"], found[f"{name}.max"] = min(values), max(values)
    return found


def ratios(raw: Figures, transport: str, loads: list[Load]) -> Figures:
    """The ratios of one transport; those whose parts were not measured are missing."""
    noop, full = ours_noop(transport), ours_full(transport)
    growth = _divided(
        _event_cost(raw, full, loads, "stream_2000"),
        _event_cost(raw, full, loads, "stream_100"),
    )
    found = {
        "noop_vs_go": _divided(_cpu(raw, noop, "json_1k"), _cpu(raw, GO_NOOP, "json_1k")),
        "full_json_vs_go_noop": _divided(_cpu(raw, full, "json_1k"), _cpu(raw, GO_NOOP, "json_1k")),
        "full_stream_vs_go_noop": _divided(_cpu(raw, full, "stream_100"), _cpu(raw, GO_NOOP, "stream_100")),
        "full_json_vs_litellm": _divided(_cpu(raw, full, "json_1k"), _cpu(raw, LITELLM, "json_1k")),
        "full_stream_vs_litellm": _divided(_cpu(raw, full, "stream_100"), _cpu(raw, LITELLM, "stream_100")),
        "added_p50_ms": _added(raw, "p50_ms", full, "json_1k"),
        "added_p99_ms": _added(raw, "p99_ms", full, "json_1k"),
        "added_p50_paced_ms": _added(raw, "p50_ms", full, "json_1k_paced"),
        "added_p99_paced_ms": _added(raw, "p99_ms", full, "json_1k_paced"),
        "event_cost_growth": growth,
    }
    return {name: value for name, value in found.items() if value is not None}


def slower(now: Figures, baseline: Figures) -> dict[str, float]:
    """Ratios that are worse than the baseline's by more than the noise, by how many times."""
    names = [ratio.name for ratio in RATIOS if ratio.name in now and baseline.get(ratio.name, 0) > 0]
    times = {name: now[name] / baseline[name] for name in names}
    return {name: value for name, value in times.items() if value > SLOWER}


def _cpu(raw: Figures, subject: str, load: str) -> float | None:
    return raw.get(f"cpu_us.{subject}.{load}.c{CONNECTIONS}")


def _added(raw: Figures, measure: str, subject: str, load: str) -> float | None:
    ours = raw.get(f"{measure}.{subject}.{load}.c{CONNECTIONS}")
    alone = raw.get(f"{measure}.{ENVOY}.{load}.c{CONNECTIONS}")
    return None if ours is None or alone is None else ours - alone


def _event_cost(raw: Figures, subject: str, loads: list[Load], name: str) -> float | None:
    """CPU of one event [us], without what a request costs whatever its length."""
    whole, request = _cpu(raw, subject, name), _cpu(raw, subject, "json_1k")
    events = next((load.events for load in loads if load.name == name), 0)
    return None if whole is None or request is None or not events else (whole - request) / events


def _divided(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other
