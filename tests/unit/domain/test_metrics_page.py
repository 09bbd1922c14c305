"""Values of a page by the name of their metric."""

from __future__ import annotations

import pytest

from extproc.domain.metrics_page import PageValue, page_values

PAGE = b"""
# HELP a_total things
a_total{x="1"} 5.0
a_total{x="2",y="a}b"} 1.5e+03
a_total_of_another 7
b 3 1795518957
c{x="1"} none
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"\na_total", [PageValue(b'{x="1"', 5.0), PageValue(b'{x="2",y="a}b"', 1500.0)]),
        (b"\na_total_of_another", [PageValue(b"", 7.0)]),
        (b"\nb", [PageValue(b"", 3.0)]),
        (b"\nc", []),
        (b"\nd", []),
        (b"\na", []),
    ],
)
def test_values_with_their_labels(name: bytes, found: list[PageValue]) -> None:
    """A name that begins like another one is another metric; what is no number has no values; a time may follow."""
    assert page_values(PAGE, name) == found


def test_a_page_may_end_anywhere() -> None:
    """Also behind a name."""
    assert page_values(b"\na 1", b"\na") == [PageValue(b"", 1.0)]
    assert page_values(b"\na ", b"\na") == []
    assert page_values(b"\na", b"\na") == []
