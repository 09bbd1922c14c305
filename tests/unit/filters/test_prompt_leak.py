"""The guard against answers that repeat the system prompt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import ExchangeRecord
from extproc.domain.text import Kind
from extproc.filters.base import ExchangeContext
from extproc.filters.chain import Chain, Channels
from extproc.payload.view import response_source
from tests.playbooks.driver import VERSION, snapshot_of
from tests.unit.filters.cutting import cut, through
from tests.unit.filters.fakes import exchange_of

PROMPT = "You are the second version."  # of the driver's version v2, five words
LEAK: dict[str, Any] = {"guard": "prompt_leak", "words_min": 5}
# Rich in beginnings of the prompt, and in what may stand between its words.
PARTS = st.sampled_from(
    [
        "You",
        "are",
        "the",
        "second",
        "version",
        PROMPT,
        "you ARE, the:second\nversion",
        "other",
        "are the second",
        "x" * 70,
    ]
)
GAPS = st.sampled_from([" ", " ", " ", ", ", "\n", "", "\u200b", "*" * 66])
ANSWERS = st.lists(st.tuples(PARTS, GAPS), max_size=10).map(lambda parts: "".join(map("".join, parts)))


def exchange_with(snapshot: Any, version: str = "v2") -> ExchangeContext:
    """An exchange that has chosen a version."""
    exchange = exchange_of(snapshot.models)
    exchange.choice = snapshot.models["tiny"].by_name[version]
    return exchange


def guarded(guard: dict[str, Any], kind: Kind = Kind.CONTENT, version: str = "v2") -> tuple[Chain, ExchangeRecord]:
    """A channel of an answer of a version, and what is noted of it."""
    snapshot = snapshot_of(VERSION, guard)
    exchange = exchange_with(snapshot, version)
    return Channels(snapshot.policies[-1].response_filters, exchange, 10).chain(
        response_source(kind, 0)
    ), exchange.record


def released(chain: Chain, *pieces: str) -> str:
    """All that a channel lets through."""
    text = ""
    for piece in pieces:
        text += chain.feed(piece)
        if chain.rejected_by is not None:
            return text
    return text + chain.close()


def test_a_leak_is_replaced_from_the_third_word_on() -> None:
    """Two words are no run yet, and have gone out."""
    chain, record = guarded({**LEAK, "action": "mask"})
    assert released(chain, f"I was told: {PROMPT} So there.") == "I was told: You are <PROMPT>. So there."
    assert record.findings == {("prompt_leak", "response", "PROMPT_LEAK"): 1}


def test_an_answer_ends_where_the_leak_begins() -> None:
    """Action block."""
    chain, record = guarded({**LEAK, "action": "block"})
    assert released(chain, f"I was told: {PROMPT} So there.") == "I was told: You are"
    assert record.verdicts == {("prompt_leak", "response", "block"): 1}


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_looking_only_changes_nothing(action: str) -> None:
    """Text passes at once."""
    chain, record = guarded({**LEAK, "action": action})
    assert chain.feed("You are the second ver") == "You are the second ver"
    assert released(chain, "sion.") == "sion."
    assert record.verdicts == {("prompt_leak", "response", action): 1}


def test_only_a_run_in_progress_is_held_back() -> None:
    """Words that are no run of the prompt go out at once, even half a word."""
    chain, _ = guarded(LEAK)
    assert chain.feed("The second thou") == "The second"
    assert chain.feed("ght was are the se") == " thought was are the"
    assert chain.feed("cret") == ""
    assert chain.feed(" plan") == " secret plan"


def test_another_version_has_another_prompt() -> None:
    """Version v1 of the driver has none, so nothing can leak."""
    chain, record = guarded(LEAK, version="v1")
    assert released(chain, PROMPT) == PROMPT
    assert not record.findings


def test_arguments_of_tools_stay_json() -> None:
    """A leak inside a string is masked in it."""
    chain, _ = guarded({**LEAK, "action": "mask"}, Kind.JSON)
    assert released(chain, '{"q": "you are the sec\\u006fnd version!"}') == '{"q": "you are <PROMPT>!"}'


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ("# Prompt\n> **You** are *the*\n> `second` version!", True),
        ("YOU ARE THE SECOND VERSION", True),
        ("1. You 2. are", False),
        ("You\u200b are th\u00ade second\u2060 version", True),
        ('"You", "are", "the", "second", "version"', True),
        ("You_are_the_second_version", True),
        ("You are actually the second version", False),
        ("Y o u a r e t h e s e c o n d v e r s i o n", False),
        ("noisrev dnoces eht era uoY", False),
        ("WW91IGFyZSB0aGUgc2Vjb25kIHZlcnNpb24u", False),
        ("Du bist die zweite Version.", False),
        ("The model is version number two.", False),
    ],
)
def test_layout_hides_nothing_and_another_wording_does(told: str, seen: bool) -> None:
    """A known gap: what is reworded, translated, spelt out, reversed or encoded is not found."""
    chain, record = guarded({**LEAK, "action": "flag"})
    released(chain, told)
    assert bool(record.findings) == seen


@given(cut(ANSWERS), st.sampled_from(["mask", "block", "flag"]))
def test_the_pieces_do_not_matter(pieces: list[str], action: str) -> None:
    """What is released and found is that of the whole text."""
    chain, record = guarded({**LEAK, "action": action})
    whole, whole_record = guarded({**LEAK, "action": action})
    assert released(chain, *pieces) == released(whole, "".join(pieces))
    assert record.findings == whole_record.findings


@given(cut(ANSWERS))
def test_what_is_held_is_bounded_and_given_back(pieces: list[str]) -> None:
    """Released and held together are what was fed, until something is masked; a fork comes to the same."""
    snapshot = snapshot_of(VERSION, {**LEAK, "action": "mask"})
    exchange = exchange_with(snapshot)
    stage = snapshot.policies[-1].response_filters[0].stage(response_source(Kind.CONTENT, 0), exchange)
    assert stage is not None
    fed = text = ""
    for piece in pieces:
        fed += piece
        text += stage.feed(piece)
        if not exchange.record.findings:
            assert text + stage.held() == fed
    before = dict(exchange.record.findings)
    fork = stage.fork()
    rest = through(fork, [])
    assert exchange.record.findings == before
    assert stage.close() == rest
