"""The few numbers on vLLM's metrics page by which endpoints are compared."""

from __future__ import annotations

from typing import Final

from extproc.domain.metrics_page import page_values
from extproc.exchange.endpoint_loads import EndpointLoad

_WAITING: Final = b"\nvllm:num_requests_waiting"
_RUNNING: Final = b"\nvllm:num_requests_running"
_CACHE: Final = (b"\nvllm:kv_cache_usage_perc", b"\nvllm:gpu_cache_usage_perc")
"""The second is the name up to vLLM 0.10."""
_VALUE_MAX: Final = 1e6
"""No server has so many requests."""


def read_load(page: bytes, at_ns: int) -> EndpointLoad | None:
    """The load of a server, from its page. Several engines count together; their caches by their average.

    Args: at_ns: when it was asked.
    Returns: None if the page does not say how many requests wait and run.
    """
    page = b"\n" + page
    waiting, running = _values(page, _WAITING), _values(page, _RUNNING)
    cache = _values(page, _CACHE[0]) or _values(page, _CACHE[1])
    if not waiting or not running:
        return None
    return EndpointLoad(at_ns, True, sum(waiting), sum(running), sum(cache) / len(cache) if cache else 0.0)


def _values(page: bytes, name: bytes) -> list[float]:
    """Of a gauge; none if one of them cannot be."""
    values = [one.value for one in page_values(page, name)]
    return values if all(0 <= value <= _VALUE_MAX for value in values) else []
