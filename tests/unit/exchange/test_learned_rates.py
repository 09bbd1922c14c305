"""Rates are learned from what servers count: they follow it, forget what was, and stay within bounds."""

from __future__ import annotations

import random
from dataclasses import replace
from math import isfinite

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extproc.domain.record import VersionFacts
from extproc.domain.token_rates import START, RequestSize
from extproc.domain.usage import Prices, Usage
from extproc.exchange import learned_rates
from extproc.exchange.learned_rates import CountedExchange, LearnedRates

REVISION = VersionFacts("m", "v", "f0", Prices(1, 1, 1))
VERSION = (REVISION, "chat")
HUGE = 10**15
COUNTS = st.integers(0, 300) | st.integers(0, HUGE)
SIZES = st.builds(RequestSize, COUNTS, COUNTS, COUNTS, st.integers(0, 1_000), COUNTS, st.booleans())
COUNTED = st.builds(
    CountedExchange,
    SIZES,
    st.builds(Usage, COUNTS, COUNTS),
    COUNTS,
    COUNTS,
    st.integers(-HUGE, HUGE),
    st.integers(-HUGE, HUGE),
)


def counted(
    size: RequestSize, prompt: int, completion: int = 0, pieces: int = 0, utf8_bytes: int = 0
) -> CountedExchange:
    """An exchange without times."""
    return CountedExchange(size, Usage(prompt, completion), pieces, utf8_bytes, 0, 0)


@given(st.lists(COUNTED, max_size=30), SIZES, COUNTS, COUNTS)
@example([counted(RequestSize(0, 24_602_285, 188_796_515_327), 1)], RequestSize(), 0, 0)
def test_estimates_are_counts_whatever_was_learned(
    exchanges: list[CountedExchange], size: RequestSize, pieces: int, utf8_bytes: int
) -> None:
    """A server may say anything: no overflow, no division by zero, nothing below 0."""
    rates = LearnedRates()
    for exchange in exchanges:
        rates.learn(*VERSION, exchange)
    known = rates.of(*VERSION)
    assert known.prompt_tokens(size) >= 1
    assert known.streamed_tokens(pieces, utf8_bytes) >= bool(pieces)
    assert known.whole_tokens(utf8_bytes) >= bool(utf8_bytes)
    assert known.unseen_tokens(size, utf8_bytes) >= 0
    assert all(isfinite(rate) for rate in (known.per_prompt_byte, known.per_turn, known.per_second, known.wait_s))


@given(st.floats(0.1, 0.9), st.floats(1, 20), st.floats(0.1, 0.9), st.floats(10, 400), st.integers(0, 2**32))
def test_a_template_and_a_vocabulary_are_found(
    per_byte: float, per_turn: float, per_tool_byte: float, with_tools: float, seed: int
) -> None:
    """From requests of all lengths, with tools and without, the parts of their tokens are told apart."""
    draw = random.Random(seed)

    def size() -> RequestSize:
        tools = draw.choice((0, draw.randrange(200, 2_000)))
        return RequestSize(draw.randrange(20, 2_000), draw.randrange(2, 12), tools)

    def tokens(of: RequestSize) -> int:
        tools = of.tool_utf8_bytes * per_tool_byte + with_tools if of.tool_utf8_bytes else 0
        return round(of.utf8_bytes * per_byte + of.turns * per_turn + tools)

    rates = LearnedRates()
    for _ in range(60):
        asked = size()
        rates.learn(*VERSION, counted(asked, tokens(asked)))
    others = [size() for _ in range(20)]
    total = sum(map(tokens, others))
    assert sum(map(rates.of(*VERSION).prompt_tokens, others)) == pytest.approx(total, rel=0.05)


def test_what_was_is_forgotten() -> None:
    """A version whose tokens change (another vocabulary behind the same name) is known anew after some hundred."""
    rates = LearnedRates()
    for tokens in [50] * 300 + [200] * 300:
        rates.learn(*VERSION, counted(RequestSize(400), tokens, tokens, tokens, 400))
    known = rates.of(*VERSION)
    assert known.prompt_tokens(RequestSize(400)) == pytest.approx(200, rel=0.02)
    assert known.whole_tokens(400) == pytest.approx(200, rel=0.02)


def test_it_goes_on_for_ever() -> None:
    """Weights that grow are made small again before they overflow, and nothing is lost by it."""
    rates = LearnedRates()
    for _ in range(40_000):
        rates.learn(*VERSION, counted(RequestSize(400, 2), 100))
    assert rates.of(*VERSION).prompt_tokens(RequestSize(400, 2)) == 100


def test_requests_of_unknown_size_teach_nothing() -> None:
    """Token ids and media, and an answer without text."""
    rates = LearnedRates()
    rates.learn(*VERSION, counted(RequestSize(4, readable=False), 9_000, 9_000))
    known = rates.of(*VERSION)
    assert known.prompt_tokens(RequestSize(44, 2)) == START.prompt_tokens(RequestSize(44, 2))
    assert known.whole_tokens(440) == START.whole_tokens(440)


def test_an_endpoint_that_is_not_known_takes_the_rates_of_another() -> None:
    """The vocabulary is the same, most likely in the next revision too; another version's may not be."""
    rates = LearnedRates()
    for _ in range(50):
        rates.learn(*VERSION, counted(RequestSize(400), 50, 50, 50, 400))
    revised = replace(REVISION, fingerprint="f1")
    for near in ((REVISION, "responses"), (revised, "chat"), (revised, "responses")):
        assert rates.of(*near).whole_tokens(400) == rates.of(*VERSION).whole_tokens(400)
    assert rates.of(replace(REVISION, version="other"), "chat") is START


def test_a_revision_does_not_change_the_rates_of_the_one_before() -> None:
    """Exchanges of both run at once while a prompt changes."""
    rates, revised = LearnedRates(), replace(REVISION, fingerprint="f1")
    rates.learn(*VERSION, counted(RequestSize(400), 100))
    before = rates.of(*VERSION)
    for _ in range(50):
        rates.learn(revised, "chat", counted(RequestSize(400), 400))
    assert rates.of(*VERSION) == before
    assert rates.of(revised, "chat").prompt_tokens(RequestSize(400)) == pytest.approx(400, rel=0.05)


def test_there_are_no_more_rates_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions come and go with reloads: when there are too many, all is learned again."""
    monkeypatch.setattr(learned_rates, "RATES_MAX", 8)
    rates = LearnedRates()
    for number in range(100):
        rates.learn(replace(REVISION, version=str(number)), "chat", counted(RequestSize(400), 100))
        assert len(rates) <= 8
    assert rates.of(replace(REVISION, version="99"), "chat") is not START
