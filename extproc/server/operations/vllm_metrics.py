"""The few numbers on vLLM's metrics page by which endpoints are compared.

The page has some 70 KB, nearly all of it histograms, and is read several times a second. So it is searched for three
names, which takes 0.01 ms; the library's parser takes more than 10 ms.
"""

from __future__ import annotations

from typing import Final

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
    """The values of a gauge, one for each set of labels, which stand together; none if one of them cannot be."""
    values: list[float] = []
    begin = page.find(name)
    while begin >= 0:
        after = begin + len(name)
        end = page.find(b"\n", after)
        line = page[after:] if end < 0 else page[after:end]
        if line[:1] in (b"{", b" "):  # else it is the beginning of another name
            value = _number(line.rpartition(b"}")[2])
            if value is None:
                return []
            values.append(value)
            begin = end if end >= 0 and page.startswith(name, end) else -1
        else:
            begin = -1 if values else page.find(name, after)
    return values


def _number(text: bytes) -> float | None:
    """A value, which a time may follow."""
    try:
        value = float(text.split()[0])
    except (ValueError, IndexError):
        return None
    return value if 0 <= value <= _VALUE_MAX else None
