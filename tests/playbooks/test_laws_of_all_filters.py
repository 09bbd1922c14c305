"""The laws, for every filter that the registry has: one that is added is tried, or fails for want of an example."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.exchange.events import StreamClosed
from extproc.exchange.snapshot import Snapshot
from extproc.filters.base import Filter
from extproc.filters.registry import FILTERS
from tests.filter_examples import EXAMPLES, FilterExample
from tests.playbooks.driver import (
    DONE,
    JSON,
    SSE,
    Conversation,
    asked,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    response_headers,
    snapshot_of,
    text_of,
    usage_chunk,
)
from tests.thorough import examples

NAMES = sorted(FILTERS)
OBSERVER: dict[str, Any] = {"filter": "meter", "mode": "shadow"}
"""A document has one filter at least."""


def snapshot(example: FilterExample, **keys: Any) -> Snapshot:
    """A configuration with this filter, behind those that it needs. Args: keys: of its section."""
    return snapshot_of(*example.behind, {**example.section, **keys})


def without(example: FilterExample) -> Snapshot:
    """The same without it."""
    return snapshot_of(*(example.behind or (OBSERVER,)))


def played(compiled: Snapshot, example: FilterExample, cuts: tuple[int, ...] = (), **fields: Any) -> Conversation:
    """The example's request and its answer, to the end."""
    request = {**example.request, **fields}
    talk = asked(compiled, body=request_body(**request), x_pin="v2")
    if request.get("stream"):
        pieces = [chat_chunk(word) for word in re.findall(r"\S+\s*", example.answers)]
        talk.hears(response_headers(SSE))
        talk.hears_all(chunks(b"".join([*pieces, chat_chunk(finish="stop"), usage_chunk(), DONE]), cuts))
    else:
        talk.hears(response_headers(JSON))
        talk.hears_all(chunks(chat_answer(example.answers)))
    talk.hears(StreamClosed())
    assert not talk.errors
    return talk


def signals_of(talk: Conversation) -> object:
    """What is known of the answers, but for times."""
    signals = talk.record.signals
    return signals and (signals.rates(), signals.words)


def test_every_filter_brings_an_example() -> None:
    """And no example is of a filter that has gone."""
    assert EXAMPLES.keys() == FILTERS.keys()
    assert all(example.section["filter"] == name for name, example in EXAMPLES.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_has_the_name_of_its_section_and_of_its_module(name: str) -> None:
    """As records and messages name it."""
    assert issubclass(FILTERS[name], Filter)
    assert FILTERS[name].name == name
    assert FILTERS[name].__module__ == f"extproc.filters.{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_in_force_changes_what_its_example_says(name: str) -> None:
    """What the model server reads, or what the client reads; nothing if it only observes, but the record says more."""
    example = EXAMPLES[name]
    with_it, other = played(snapshot(example), example), played(without(example), example)
    assert ((with_it.server, with_it.client) == (other.server, other.client)) is example.observes
    assert not example.observes or with_it.record != other.record


@pytest.mark.parametrize("name", NAMES)
def test_a_filter_in_shadow_changes_nothing(name: str) -> None:
    """Neither the request nor the answer; it decides and counts only."""
    example = EXAMPLES[name]
    with_it, other = played(snapshot(example, mode="shadow"), example), played(without(example), example)
    assert (with_it.server, with_it.client) == (other.server, other.client)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=examples(20))
@given(cuts=st.lists(st.integers(0, 900), max_size=6))
def test_cuts_of_a_stream_do_not_matter(name: str, cuts: list[int]) -> None:
    """The client reads the same text, and the record says the same."""
    example = EXAMPLES[name]
    whole = played(snapshot(example), example, stream=True)
    cut = played(snapshot(example), example, tuple(cuts), stream=True)
    assert text_of(cut.client_events) == text_of(whole.client_events)
    assert (cut.record.outcome, cut.record.usage) == (whole.record.outcome, whole.record.usage)
    assert signals_of(cut) == signals_of(whole)
    assert signals_of(whole) == signals_of(played(snapshot(example), example, stream=False))
