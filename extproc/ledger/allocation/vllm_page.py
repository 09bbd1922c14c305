"""What vLLM's metrics page says of its engines, as one sample: whole numbers of all engines together.

Which names there are, and what they mean, was read in vLLM 0.32 and measured there. A release that has other names
says less; without the requests that run and the tokens that were written a page is not vLLM's.
"""

from __future__ import annotations

from typing import Final

from extproc.allocation.server_samples import UNKNOWN, ServerSample
from extproc.domain.metrics_page import page_values

_VALUE_MAX: Final = float(1 << 53)
"""Beyond it a number on the page is not exact any more."""
_US: Final = 1_000_000
_RUNNING: Final = b"\nvllm:num_requests_running"
_WAITING: Final = b"\nvllm:num_requests_waiting"
_WRITTEN: Final = b"\nvllm:generation_tokens_total"
_READY: Final = b"\nvllm:generation_tokens_created"
_STARTED: Final = b"\nprocess_start_time_seconds"
_SLEEP: Final = b"\nvllm:engine_sleep_state"
_AWAKE: Final = b'sleep_state="awake"'
_COMPUTED: Final = b"\nvllm:prompt_tokens_by_source_total"
_COMPUTED_HERE: Final = b'source="local_compute"'
_STEPS: Final = b"\nvllm:iteration_tokens_total_count"
_PREEMPTIONS: Final = b"\nvllm:num_preemptions_total"
_SPECULATION: Final = (
    b"\nvllm:spec_decode_num_drafts_total",
    b"\nvllm:spec_decode_num_draft_tokens_total",
    b"\nvllm:spec_decode_num_accepted_tokens_total",
)


def read_sample(page: bytes, at_us: int) -> ServerSample | None:
    """A sample. Args: at_us: when the server was asked. Returns: None: the page is not vLLM's, or makes no sense."""
    page = b"\n" + page
    running, written = _numbers(page, _RUNNING), _numbers(page, _WRITTEN)
    if not running or not written:
        return None
    return ServerSample(
        at_us=at_us,
        start_us=_latest_us(page, _STARTED),
        ready_us=_latest_us(page, _READY),
        engines=len(running),
        asleep=_asleep(page, len(running)),
        running=sum(running),
        waiting=max(_total(page, _WAITING), 0),
        steps=_total(page, _STEPS),
        computed=_total(page, _COMPUTED, _COMPUTED_HERE),
        written=sum(written),
        preemptions=_total(page, _PREEMPTIONS),
        drafts=_total(page, _SPECULATION[0]),
        draft_tokens=_total(page, _SPECULATION[1]),
        accepted_tokens=_total(page, _SPECULATION[2]),
    )


def _numbers(page: bytes, name: bytes, label: bytes = b"") -> list[int]:
    """The values that have a label; none if one of them cannot be."""
    values = page_values(page, name)
    if not all(0 <= one.value <= _VALUE_MAX for one in values):
        return []
    return [round(one.value) for one in values if label in one.labels]


def _total(page: bytes, name: bytes, label: bytes = b"") -> int:
    values = _numbers(page, name, label)
    return sum(values) if values else UNKNOWN


def _latest_us(page: bytes, name: bytes) -> int:
    """Of a time in seconds: an engine that is ready last makes the server ready."""
    times = [one.value for one in page_values(page, name)]
    if not times or not all(0 < at_s < _VALUE_MAX / _US for at_s in times):
        return UNKNOWN
    return round(max(times) * _US)


def _asleep(page: bytes, engines: int) -> int:
    """How many engines say that they are not awake; a release that does not say it has none."""
    awake = _numbers(page, _SLEEP, _AWAKE)
    return min(sum(value == 0 for value in awake), engines)
