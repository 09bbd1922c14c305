"""A request goes where it is likely to be answered soonest: by what a server has seen, and by what it has to do."""

from __future__ import annotations

from collections import Counter
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange import endpoint_picks
from extproc.exchange.endpoint_picks import BLOCK_CHARS, BLOCKS_MAX, EndpointPick, EndpointPicks, blocks_of

ENDPOINTS = tuple(f"10.0.0.{number}:8000" for number in range(4))
SYSTEM = "You help the customers of a bookshop. " * 100


def pick(picks: EndpointPicks, *texts: str, endpoints: tuple[str, ...] = ENDPOINTS) -> EndpointPick:
    """A request with these texts."""
    return picks.pick("llama/v1", endpoints, texts)


def test_a_conversation_stays_where_it_is_known() -> None:
    """Each turn repeats the turns before it."""
    picks = EndpointPicks()
    turns = [SYSTEM, "Hello"]
    first = pick(picks, *turns)
    first.ends()
    for number in range(10):
        turns += [f"Answer {number}", f"Question {number}"]
        one = pick(picks, *turns)
        one.ends()
        assert one.endpoint == first.endpoint


def test_a_server_that_has_much_to_compute_is_passed_over() -> None:
    """A prefix is worth as much as it has text, and no more."""
    picks = EndpointPicks()
    home = pick(picks, SYSTEM)
    home.ends()
    asked = [pick(picks, SYSTEM, f"Question {number} " * 500).endpoint for number in range(8)]
    assert asked[0] == home.endpoint
    assert set(asked) == set(ENDPOINTS)


def test_requests_with_nothing_in_common_are_shared_out() -> None:
    """By the text that waits, not by their number: a long one counts as long as it is."""
    picks = EndpointPicks()
    given_chars: Counter[str] = Counter()
    for number in range(200):
        text = f"{number} " * (50 if number % 7 else 2_000)
        given_chars[pick(picks, text).endpoint] += len(text)
    assert max(given_chars.values()) - min(given_chars.values()) <= 2 * len("196 " * 2_000)


def test_an_answer_that_begins_makes_room() -> None:
    """From then on only its share of each step counts."""
    picks = EndpointPicks()
    busy = [pick(picks, f"{number}" * 10_000) for number in range(4)]
    busy[2].answer_begins()
    assert pick(picks, "x" * 100).endpoint == busy[2].endpoint


def test_processes_agree_where_a_prompt_is_at_home() -> None:
    """Each knows only what it sent itself; hashes of Python differ between processes, so those are not used for it."""
    assert blocks_of([SYSTEM, "Question"]).home == crc32(SYSTEM[:BLOCK_CHARS].encode())
    assert len({pick(EndpointPicks(), SYSTEM, f"Question {number}").endpoint for number in range(5)}) == 1


@given(st.lists(st.text(max_size=3) | st.integers(0, 5_000).map("x".__mul__), max_size=80))
def test_blocks_are_bounded_and_their_lengths_add_up(texts: list[str]) -> None:
    """The whole prompt counts, however little of it is compared."""
    found = blocks_of(texts)
    assert len(found.blocks) <= BLOCKS_MAX
    assert found.chars == sum(map(len, texts))
    compared = sum(chars for _, chars in found.blocks)
    assert compared == found.chars if len(found.blocks) < BLOCKS_MAX else compared <= found.chars
    assert all(chars <= BLOCK_CHARS for _, chars in found.blocks)


@given(st.lists(st.sampled_from(["a", "b", "ab", "", "x" * 1_500]), max_size=8), st.data())
def test_only_a_common_beginning_is_common(texts: list[str], data: st.DataObject) -> None:
    """A block is known by all that stands before it; where texts end matters too, as each is a message."""
    others = data.draw(st.lists(st.sampled_from(["a", "b", "ab", "", "x" * 1_500]), max_size=8))
    mine, theirs = blocks_of(texts).blocks, blocks_of(others).blocks
    common = next((n for n, (one, other) in enumerate(zip(texts, others, strict=False)) if one != other), None)
    alike = sum(one == other for one, other in zip(mine, theirs, strict=False))
    if common is None:
        assert alike == min(len(mine), len(theirs))
    else:
        assert alike >= len(blocks_of(texts[:common]).blocks)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60))
def test_what_has_ended_leaves_nothing_behind(steps: list[tuple[int, bool]]) -> None:
    """Whatever begins and ends in which order, the load is 0 when all has ended."""
    picks, running = EndpointPicks(), list[EndpointPick]()
    for number, begins in steps:
        running.append(pick(picks, SYSTEM, f"{number}" * 300))
        if begins:
            running[-1].answer_begins()
            running[-1].answer_begins()
        if number % 3 == 0:
            running.pop(0).ends()
    for one in running:
        one.ends()
    (known,) = picks._known.values() or [None]
    assert known is None or (set(known.waiting_chars), set(known.running)) == ({0}, {0})


def test_memory_is_bounded() -> None:
    """Of blocks by two generations, of versions by their number."""
    picks = EndpointPicks()
    for number in range(endpoint_picks.VERSIONS_MAX + 5):
        picks.pick(f"llama/v{number}", ENDPOINTS, ["x"]).ends()
    assert len(picks._known) <= endpoint_picks.VERSIONS_MAX


def test_old_beginnings_are_forgotten_and_used_ones_stay() -> None:
    """The two generations of a version."""
    known = endpoint_picks._Endpoints(ENDPOINTS)
    first = known.pick(blocks_of([SYSTEM]))
    first.ends()
    for number in range(endpoint_picks.KNOWN_BLOCKS_MAX * 3):
        known.pick(blocks_of([f"{number}"])).ends()
        if number % 1_000 == 0:
            again = known.pick(blocks_of([SYSTEM]))
            again.ends()
            assert again.endpoint == first.endpoint
    assert len(known._recent) + len(known._older) <= 2 * (endpoint_picks.KNOWN_BLOCKS_MAX + BLOCKS_MAX)
