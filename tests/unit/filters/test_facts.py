"""The guard that holds answers against known facts."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.config.guards.facts import FactsSection
from extproc.domain.record import DETAILS_MAX, ExchangeRecord
from extproc.domain.text import Kind
from extproc.filters.chain import Chain, Channels
from extproc.filters.facts import FactsGuard
from extproc.payload.view import response_source
from tests.unit.detectors.answers.test_facts import FACTS
from tests.unit.filters.cutting import cut
from tests.unit.filters.fakes import exchange_of

Action = Literal["block", "flag", "shadow"]
WRONG = "You can return your order within 14 days."


def guarded(action: Action, kind: Kind = Kind.CONTENT) -> tuple[Chain, ExchangeRecord]:
    """A channel under a guard that has read its file, and what is noted."""
    guard = FactsGuard(FactsSection(guard="facts", file="facts.yaml", action=action), FACTS)
    exchange = exchange_of()
    return Channels((guard,), exchange, 10).chain(response_source(kind, 0)), exchange.record


def released(chain: Chain, *pieces: str) -> str:
    """All that a channel lets through."""
    text = ""
    for piece in pieces:
        text += chain.feed(piece)
        if chain.rejected_by is not None:
            return text
    return text + chain.close()


def test_an_answer_ends_before_the_sentence() -> None:
    """Action block holds back a sentence until it is judged."""
    chain, record = guarded("block")
    assert chain.feed("Sure. Yo") == "Sure. "
    assert released(chain, f"u are welcome. {WRONG} ", "Bye.") == "You are welcome. "
    assert record.verdicts == {("facts", "response", "block"): 1}


@pytest.mark.parametrize("action", ["flag", "shadow"])
def test_looking_only_changes_nothing(action: Action) -> None:
    """Text passes at once; the fact's id is told to people, and is no label."""
    chain, record = guarded(action)
    assert chain.feed("You can ret") == "You can ret"
    assert released(chain, "urn your order within 14 days. Bye.") == "urn your order within 14 days. Bye."
    assert record.findings == {("facts", "response", "FACT_CONTRADICTED"): 1}
    assert record.details == ("facts/FACT_CONTRADICTED/return-window",)


def test_details_are_kept_up_to_a_limit() -> None:
    """Each once."""
    record = exchange_of().record
    for number in range(DETAILS_MAX + 5):
        record.note_detail("facts", "FACT_CONTRADICTED", str(number))
        record.note_detail("facts", "FACT_CONTRADICTED", "0")
    assert len(record.details) == len(set(record.details)) == DETAILS_MAX


@pytest.mark.parametrize("kind", [Kind.REASONING, Kind.JSON, Kind.NAME])
def test_only_what_is_told_to_the_user_is_judged(kind: Kind) -> None:
    """A model may think of a wrong value before it gives the right one."""
    chain, record = guarded("block", kind)
    assert released(chain, WRONG) == WRONG
    assert not record.findings


PARTS = st.sampled_from(
    [
        WRONG,
        "Sure. ",
        " The Pro plan. ",
        "It costs $3. ",
        "Return items in 30 days.",
        "The Pro plan costs $3",
        ".50 ",
        "\n",
        " ",
        "x" * 600,
    ]
)


@given(cut(st.lists(PARTS, max_size=8).map("".join)), st.sampled_from(["block", "flag"]))
def test_the_pieces_do_not_matter(pieces: list[str], action: Action) -> None:
    """What is released and found is that of the whole text."""
    chain, record = guarded(action)
    whole, whole_record = guarded(action)
    assert released(chain, *pieces) == released(whole, "".join(pieces))
    assert (record.findings, record.details) == (whole_record.findings, whole_record.details)


@given(cut(st.lists(PARTS, max_size=8).map("".join)))
def test_a_fork_comes_to_the_same_and_tells_nobody(pieces: list[str]) -> None:
    """What is asked before a choice ends must not count."""
    chain, record = guarded("block")
    for piece in pieces:
        chain.feed(piece)
        if chain.rejected_by is not None:
            return
    before = dict(record.findings)
    would_end = chain.rejects_if_closed()
    assert record.findings == before
    chain.close()
    assert (chain.rejected_by is not None) == would_end
