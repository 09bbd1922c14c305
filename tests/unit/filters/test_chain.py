"""Chains: what one stage releases the next is fed; rejecting and failing in the middle of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.section import OnError
from extproc.domain.errors import PayloadRefused
from extproc.domain.text import Kind
from extproc.filters.base import ExchangeContext
from extproc.filters.chain import Chain, Channels, FilterFailed, sort_by_effect
from extproc.payload.view import response_source
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import Broken, FakeFilter, exchange_of

CONTENT = response_source(Kind.CONTENT, 0)
REASONING = response_source(Kind.REASONING, 0)


def chain_of(*filters: FakeFilter, exchange: ExchangeContext | None = None) -> Chain:
    """A chain of fakes."""
    return Channels(sort_by_effect(filters), exchange or exchange_of(), 10).chain(CONTENT)


def all_of(chain: Chain, pieces: list[str]) -> str:
    """Everything a chain releases."""
    released = ""
    for piece in pieces:
        released += chain.feed(piece)
        if chain.rejected_by is not None:
            return released
    return released + chain.close()


def test_stages_work_in_the_order_of_the_list() -> None:
    """The second sees what the first has made of the text."""
    first = FakeFilter("first", replaces={"a": "b"})
    second = FakeFilter("second", replaces={"b": "c"})
    assert all_of(chain_of(first, second), ["ab"]) == "cc"
    assert all_of(chain_of(second, first), ["ab"]) == "bc"


def test_filters_that_only_look_see_what_is_let_through() -> None:
    """They come last, wherever they stand in the list, so that they never see past a cut."""
    looks = FakeFilter("looks", looks_only=True)
    all_of(chain_of(looks, FakeFilter("cuts", rejects_at="!")), ["good! bad"])
    assert looks.fed == "good"


def test_what_was_released_before_a_rejection_goes_through_the_later_stages() -> None:
    """And they come to their end with it."""
    holds = FakeFilter("holds", holds=3)
    chain = chain_of(FakeFilter("cuts", rejects_at="!"), holds)
    assert chain.feed("good! bad") == "good"
    assert chain.rejected_by is not None
    assert chain.rejected_by.name == "cuts"
    assert chain.feed("more") == "more", "no stage is left; whoever feeds on must not"


def test_a_later_stage_may_reject_what_an_earlier_one_still_gave() -> None:
    """The one that ends the text earlier counts, however it came: in one piece, or with no more than it needs."""
    for pieces in (["a?b!c"], ["a", "?", "b!c"]):
        chain = chain_of(FakeFilter("first", rejects_at="!"), FakeFilter("second", rejects_at="?"))
        released = ""
        for piece in pieces:
            if chain.rejected_by is None:
                released += chain.feed(piece)
        assert released == "a"
        assert chain.rejected_by is not None
        assert chain.rejected_by.name == "second"


def test_those_that_end_a_text_come_before_those_that_change_it() -> None:
    """What is behind the end is never changed, nor counted; those that only look see what is let through."""
    changes, cuts = FakeFilter("changes"), FakeFilter("cuts", rejects_at="!")
    looks = FakeFilter("looks", looks_only=True)
    assert sort_by_effect([looks, changes, cuts]) == (cuts, changes, looks)
    assert chain_of(looks, changes, cuts).feed("a!b") == "a"
    assert (changes.fed, looks.fed) == ("a", "a")


def test_a_filter_that_fails_closed_ends_the_exchange() -> None:
    """With what it raised as the cause."""
    exchange = exchange_of()
    chain = chain_of(FakeFilter("fails", raises_at="x"), exchange=exchange)
    with pytest.raises(FilterFailed) as failed:
        chain.feed("ax")
    assert failed.value.filter_name == "fails"
    assert isinstance(failed.value.cause, Broken)
    assert exchange.failed_closed == "fails"


@given(cut(st.text("abx", max_size=12)), st.booleans(), st.booleans())
def test_a_filter_that_fails_open_loses_and_doubles_nothing(
    pieces: list[str], on_close: bool, only_on_close: bool
) -> None:
    """What it held is given back in its place; the other stages go on."""
    fails = FakeFilter(
        "fails", holds=3, raises_at="" if only_on_close else "x", raises_on_close=on_close, on_error=OnError.OPEN
    )
    exchange = exchange_of()
    released = all_of(
        chain_of(FakeFilter("before", holds=1), fails, FakeFilter("after", holds=2), exchange=exchange), pieces
    )
    assert released == "".join(pieces)
    failed = ("x" in released and not only_on_close) or on_close
    assert exchange.failed_open == ({"fails"} if failed else set())


def test_a_filter_that_failed_open_is_left_out_of_the_rest_of_the_exchange() -> None:
    """Of channels that have begun, where it gives back what it holds, and of those to come."""
    fails = FakeFilter("fails", holds=3, raises_at="x", on_error=OnError.OPEN)
    channels = Channels((fails,), exchange_of(), 10)
    content, reasoning = channels.chain(CONTENT), channels.chain(REASONING)
    assert reasoning.feed("held") == "h"
    assert content.feed("x") == "x"
    assert reasoning.feed("!") == "eld!"
    assert channels.chain(response_source(Kind.CONTENT, 1)).feed("abc") == "abc"
    assert fails.fed == "heldx"


def test_a_rejection_after_a_failure_skips_no_stage() -> None:
    """The stages after both still see the text."""
    fails = FakeFilter("fails", raises_at="x", on_error=OnError.OPEN)
    looks = FakeFilter("looks")
    chain = chain_of(fails, FakeFilter("cuts", rejects_at="!"), looks)
    assert chain.feed("ax!b") == "ax"
    assert looks.fed == "ax"


def test_a_stage_that_cannot_be_made_counts_as_a_failure() -> None:
    """Open: left out. Closed: the end."""
    exchange = exchange_of()
    assert chain_of(FakeFilter("fails", raises=True, on_error=OnError.OPEN), exchange=exchange).feed("a") == "a"
    assert exchange.failed_open == {"fails"}
    with pytest.raises(FilterFailed):
        chain_of(FakeFilter("fails", raises=True))


def test_channels_are_limited() -> None:
    """Each costs memory: an answer with endless indexes is not followed."""
    channels = Channels((), exchange_of(), 2)
    for index in (0, 1, 0):
        channels.chain(response_source(Kind.CONTENT, index))
    with pytest.raises(PayloadRefused):
        channels.chain(response_source(Kind.CONTENT, 2))


def test_a_chain_is_asked_what_would_come_of_its_end() -> None:
    """Through all stages, without an effect on any."""
    chain = chain_of(FakeFilter("holds", holds=9), FakeFilter("cuts", holds=9, rejects_at="!"))
    assert chain.feed("a!b") == ""
    assert chain.rejects_if_closed()
    assert chain.rejected_by is None
    assert chain.close() == "a"
    assert chain.rejected_by is not None


def test_a_chain_that_cannot_reject_is_not_asked_further() -> None:
    """Most chains; and one that fails when asked fails when it is closed, where it counts."""
    assert not chain_of(FakeFilter("holds", holds=9)).rejects_if_closed()
    chain = chain_of(FakeFilter("fails", holds=9, rejects_at="!", raises_on_close=True))
    chain.feed("a!")
    assert not chain.rejects_if_closed()
    with pytest.raises(FilterFailed):
        chain.close()
