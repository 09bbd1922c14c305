"""Single values on a page of Prometheus metrics.

vLLM's page has some 70 KB, nearly all of it histograms. So it is searched for a few names, which takes 0.01 ms; the
library's parser takes more than 10 ms.
"""

from __future__ import annotations

from typing import NamedTuple


class PageValue(NamedTuple):
    """A value with its labels, as they are written."""

    labels: bytes
    value: float


def page_values(page: bytes, name: bytes) -> list[PageValue]:
    """The values of a metric, one for each set of labels, which stand together; none if one of them is no number.

    Args: page, name: each begins with a line break.
    """
    values: list[PageValue] = []
    begin = page.find(name)
    while begin >= 0:
        after = begin + len(name)
        end = page.find(b"\n", after)
        line = page[after:] if end < 0 else page[after:end]
        if line[:1] in (b"{", b" "):  # else it is the beginning of another name
            labels, _, written = line.rpartition(b"}")
            try:
                values.append(PageValue(labels, float(written.split()[0])))  # a time may follow
            except (ValueError, IndexError):
                return []
            begin = end if end >= 0 and page.startswith(name, end) else -1
        else:
            begin = -1 if values else page.find(name, after)
    return values
