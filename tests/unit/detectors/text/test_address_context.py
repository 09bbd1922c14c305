"""Where a text is inside of an address, however it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.detectors.text.address_context import AddressContext
from tests.unit.filters.cutting import cut

PARTS = [
    "//",
    "www.",
    "](",
    "src=",
    "href = ",
    '"',
    "'",
    "<",
    ">",
    "(",
    ")",
    " ",
    "\n",
    "a",
    "https:",
    "]: ",
    ",",
    "x.y",
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=14).map("".join)


def is_open_behind(*pieces: str) -> bool:
    """Whether what comes then is in an address."""
    context = AddressContext()
    for piece in pieces:
        context.push(piece)
    return context.is_open


@pytest.mark.parametrize(
    "text",
    [
        "see https://a.example/?q=",
        "see //a.example/",
        "www.a.example/",
        "[here](https://a.example/(b)",
        "![](a.png?",
        "[here](<a b",
        '<img src="a b',
        "<img src=a",
        "<a HREF =\n'",
        "[1]: https://a.example/ a b",
        '"https://a.example/ b',
    ],
)
def test_inside(text: str) -> None:
    """A browser may send what stands here."""
    assert is_open_behind(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no address",
        "see https://a.example/ and",
        "[here](https://a.example/(b)) and",
        '<img src="a b">',
        "<img src=a>",
        "[here](<a b>) and",
        "[1]: https://a.example/\nand",
        "a / b, and/or",
        '{"url":"https://a.example","x":',
    ],
)
def test_outside(text: str) -> None:
    """Nothing fetches it."""
    assert not is_open_behind(text)


@given(cut(TEXTS))
def test_cuts_do_not_matter(pieces: list[str]) -> None:
    """What is open behind a text depends on the text alone."""
    assert is_open_behind(*pieces) == is_open_behind("".join(pieces))


@given(TEXTS, TEXTS)
def test_a_copy_goes_on_like_the_first(before: str, behind: str) -> None:
    """And changes nothing of it."""
    context = AddressContext()
    context.push(before)
    was_open, copy = context.is_open, context.copy()
    copy.push(behind)
    assert context.is_open == was_open
    context.push(behind)
    assert context.is_open == copy.is_open
