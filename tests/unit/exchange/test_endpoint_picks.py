"""A request goes where it is likely to be answered soonest: by what a server has seen, and by what it has to do."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.exchange import endpoint_picks
from extproc.exchange.endpoint_loads import LOAD_AGE_NS_MAX, EndpointLoad
from extproc.exchange.endpoint_picks import BLOCK_CHARS, BLOCKS_MAX, EndpointPick, EndpointPicks, blocks_of, home_of

ENDPOINTS = tuple(f"10.0.0.{number}:8000" for number in range(4))
SYSTEM = "You help the customers of a bookshop. " * 100


def pick(
    picks: EndpointPicks,
    *texts: str,
    endpoints: tuple[str, ...] = ENDPOINTS,
    version: str = "llama/v1",
    now_ns: int = 0,
) -> EndpointPick:
    """A request with these texts."""
    found = picks.pick(version, endpoints, texts, now_ns)
    assert found is not None
    return found


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
    assert len({pick(EndpointPicks(), "", SYSTEM, f"Question {number}").endpoint for number in range(5)}) == 1
    names = [(crc32(name.encode()), place) for place, name in enumerate(ENDPOINTS)]
    moved = [(name, 3 - place) for name, place in reversed(names)]
    assert home_of(["", SYSTEM], names) == home_of([SYSTEM[:BLOCK_CHARS], "x"], names) == 3 - home_of([SYSTEM], moved)


def test_homes_are_shared_out_and_a_server_that_goes_moves_no_other() -> None:
    """Each server is the home of about as many prompts."""
    names = [(crc32(name.encode()), place) for place, name in enumerate(ENDPOINTS)]
    homes = [home_of([f"You help customer {number}."], names) for number in range(2_000)]
    counted = Counter(homes)
    assert min(counted.values()) > 400
    after = [home_of([f"You help customer {number}."], names[:-1]) for number in range(2_000)]
    assert all(new == old for new, old in zip(after, homes, strict=True) if old != 3)
    assert min(Counter(after).values()) > 500


@given(st.lists(st.text(max_size=3) | st.integers(0, 5_000).map("x".__mul__), max_size=80))
def test_blocks_are_bounded_and_their_lengths_add_up(texts: list[str]) -> None:
    """The whole prompt counts, however little of it is compared."""
    chains, ends, chars = blocks_of(texts)
    assert len(chains) == len(ends) - 1 <= BLOCKS_MAX
    assert chars == sum(map(len, texts))
    assert ends[-1] == chars if len(chains) < BLOCKS_MAX else ends[-1] <= chars
    assert all(0 <= after - before <= BLOCK_CHARS for before, after in pairwise(ends))


@given(st.lists(st.sampled_from(["a", "b", "ab", "", "x" * 1_500]), max_size=8), st.data())
def test_only_a_common_beginning_is_common(texts: list[str], data: st.DataObject) -> None:
    """A block is known by all that stands before it; where texts end matters too, as each is a message."""
    others = data.draw(st.lists(st.sampled_from(["a", "b", "ab", "", "x" * 1_500]), max_size=8))
    mine, theirs = blocks_of(texts)[0], blocks_of(others)[0]
    common = next((n for n, (one, other) in enumerate(zip(texts, others, strict=False)) if one != other), None)
    alike = sum(one == other for one, other in zip(mine, theirs, strict=False))
    if common is None:
        assert alike == min(len(mine), len(theirs))
    else:
        assert alike >= len(blocks_of(texts[:common])[0])


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
    assert known is None or (set(known.costs), set(known.running)) == ({0}, {0})


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of blocks by two generations, of versions and endpoints by their number."""
    picks = EndpointPicks()
    monkeypatch.setattr(endpoint_picks, "LOADS_MAX", 100)
    for number in range(endpoint_picks.VERSIONS_MAX + 5):
        pick(picks, "x", version=f"llama/v{number}").ends()
        picks.report(f"10.0.0.1:{number}", load())
    assert len(picks._known) <= endpoint_picks.VERSIONS_MAX
    assert len(picks._loads) <= 100


def away_from_home(picks: EndpointPicks, *texts: str) -> str:
    """The endpoint of a request whose home was busy."""
    home = pick(EndpointPicks(), *texts).endpoint
    picks.report(home, load(waiting=50))
    for endpoint in ENDPOINTS:
        if endpoint != home:
            picks.report(endpoint, load())
    found = pick(picks, *texts)
    found.ends()
    assert found.endpoint != home
    return found.endpoint


def test_old_beginnings_are_forgotten_and_used_ones_stay() -> None:
    """The two generations of a version."""
    picks = EndpointPicks()
    seen_by = away_from_home(picks, SYSTEM)
    for number in range(endpoint_picks.KNOWN_BLOCKS_MAX * 3):
        pick(picks, f"{number}", now_ns=LOAD_AGE_NS_MAX).ends()
        if number % 1_000 == 0:
            again = pick(picks, SYSTEM, now_ns=LOAD_AGE_NS_MAX)
            again.ends()
            assert again.endpoint == seen_by
    (known,) = picks._known.values()
    assert len(known._recent) + len(known._older) <= 2 * (endpoint_picks.KNOWN_BLOCKS_MAX + BLOCKS_MAX)


def test_several_servers_may_have_seen_a_beginning() -> None:
    """They take turns then."""
    picks = EndpointPicks()
    home = pick(picks, SYSTEM)
    home.ends()
    other = away_from_home(picks, SYSTEM)
    found = Counter[str]()
    for number in range(10):
        one = pick(picks, SYSTEM, f"Question {number}", now_ns=LOAD_AGE_NS_MAX)
        one.ends()
        found[one.endpoint] += 1
    assert set(found) == {home.endpoint, other}


# --- what servers say ----------------------------------------------------------------------------------------------


def load(
    at_ns: int = 0, waiting: float = 0, running: float = 0, cache: float = 0, reachable: bool = True
) -> EndpointLoad:
    """One look at a server."""
    return EndpointLoad(at_ns, reachable, waiting, running, cache)


def picked(picks: EndpointPicks, number: int = 40, now_ns: int = 1) -> Counter[str]:
    """Where short requests go that have nothing in common, each answered before the next."""
    found = Counter[str]()
    for each in range(number):
        one = pick(picks, f"Question {each} at {now_ns}", now_ns=now_ns)
        one.ends()
        found[one.endpoint] += 1
    return found


@pytest.mark.parametrize("first", [True, False], ids=["before a pick", "after a pick"])
@pytest.mark.parametrize("busy", [load(waiting=5), load(running=30), load(cache=0.99)], ids=["queue", "runs", "cache"])
def test_a_server_that_is_busy_with_others_is_passed_over(busy: EndpointLoad, first: bool) -> None:
    """This process sent it nothing."""
    picks = EndpointPicks()
    if not first:
        assert set(picked(picks)) == set(ENDPOINTS)
    for endpoint in ENDPOINTS:
        picks.report(endpoint, busy if endpoint == ENDPOINTS[0] else load())
    assert set(picked(picks)) == set(ENDPOINTS[1:])


def test_numbers_that_are_old_are_not_used() -> None:
    """Then the own load alone counts, also when the other servers still tell theirs."""
    picks = EndpointPicks()
    picks.report(ENDPOINTS[0], load(waiting=500))
    assert set(picked(picks, now_ns=LOAD_AGE_NS_MAX - 1)) == set(ENDPOINTS)  # nobody else says anything: all alike
    for endpoint in ENDPOINTS[1:]:
        picks.report(endpoint, load(1))
    assert set(picked(picks, now_ns=LOAD_AGE_NS_MAX - 1)) == set(ENDPOINTS[1:])
    assert set(picked(picks, now_ns=LOAD_AGE_NS_MAX)) == set(ENDPOINTS)


def test_what_this_process_sent_is_not_counted_twice() -> None:
    """A server says all that it has; the own part of that is known better."""
    picks, running = EndpointPicks(), list[EndpointPick]()
    for number in range(20):
        running.append(pick(picks, SYSTEM, f"{number}"))
        running[-1].answer_begins()
    assert len({one.endpoint for one in running}) == 1
    (known,) = picks._known.values()
    own = list(known.costs)
    for endpoint, number in zip(ENDPOINTS, known.running, strict=True):
        picks.report(endpoint, load(waiting=number))
    assert known.costs == own
    for one in running:
        one.ends()
    assert (set(known.costs), set(known.running)) == ({0}, {0})


def test_a_request_of_others_that_waits_counts_as_an_average_prompt() -> None:
    """Of those that this process has sent lately."""
    costs = []
    for chars in (100, 10_000):
        picks = EndpointPicks()
        for number in range(100):
            pick(picks, f"{number} ".ljust(chars, "x")).ends()
        for endpoint in ENDPOINTS:
            picks.report(endpoint, load(waiting=endpoint == ENDPOINTS[0]))
        (known,) = picks._known.values()
        costs.append(known.costs[0])
    assert costs[0] == 0  # a difference that is too small to follow
    assert 9_000 < costs[1] < 10_000


def test_without_any_server_that_can_be_reached_nothing_is_picked() -> None:
    """Envoy decides then. A single one that can be reached gets all, however busy; what is old says nothing."""
    picks = EndpointPicks()
    for endpoint in ENDPOINTS:
        picks.report(endpoint, load(reachable=False))
    assert picks.pick("llama/v1", ENDPOINTS, ["Hello"], 1) is None
    picks.report(ENDPOINTS[2], load(waiting=1_000, running=256, cache=1))
    assert set(picked(picks)) == {ENDPOINTS[2]}
    assert set(picked(picks, now_ns=LOAD_AGE_NS_MAX)) == set(ENDPOINTS)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans(), st.integers(0, 3)), max_size=60))
def test_whatever_servers_say_leaves_nothing_behind(steps: list[tuple[int, int, bool, int]]) -> None:
    """When all has ended and all numbers are old, every cost is 0 again."""
    picks, running, now_ns = EndpointPicks(), list[EndpointPick](), 0
    for server, waiting, reachable, seconds in steps:
        now_ns += seconds * 1_000_000_000
        picks.report(ENDPOINTS[server], load(now_ns, waiting=waiting, running=waiting, reachable=reachable))
        found = picks.pick("llama/v1", ENDPOINTS, [SYSTEM, f"{server}" * 300], now_ns)
        running += [found] if found is not None else []
    for one in running:
        one.ends()
    last = picks.pick("llama/v1", ENDPOINTS, ["x"], now_ns + LOAD_AGE_NS_MAX)
    assert last is not None
    last.ends()
    (known,) = picks._known.values()
    assert (set(known.costs), set(known.running)) == ({0}, {0})


# --- endpoints that change -----------------------------------------------------------------------------------------

NAMED = ("vllm:8000", "10.0.0.9:8000")


def named(picks: EndpointPicks, *texts: str, now_ns: int = 0) -> str | None:
    """The address that a request gets which is over at once."""
    found = picks.pick("llama/v1", NAMED, texts, now_ns)
    if found is not None:
        found.ends()
    return None if found is None else found.endpoint


def test_a_name_stands_for_its_addresses() -> None:
    """Before they are known, only the other endpoint is picked from."""
    picks = EndpointPicks()
    assert {named(picks, f"{number}") for number in range(20)} == {NAMED[1]}
    picks.resolve("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))
    assert {named(picks, f"a{number}") for number in range(20)} == {"10.0.0.1:8000", "10.0.0.2:8000", NAMED[1]}
    picks.resolve("vllm:8000", ("10.0.0.2:8000", NAMED[1]))  # also named by itself: it is one server
    assert {named(picks, f"b{number}") for number in range(20)} == {"10.0.0.2:8000", NAMED[1]}


def test_without_any_address_nothing_is_picked() -> None:
    """Envoy may know one."""
    picks = EndpointPicks()
    assert picks.pick("llama/v1", ("vllm:8000",), ["Hello"], 0) is None
    picks.resolve("vllm:8000", ("10.0.0.1:8000",))
    assert picks.pick("llama/v1", ("vllm:8000",), ["Hello"], 0) is not None


def test_who_stays_is_known_for_what_it_has_seen() -> None:
    """Servers come and go; a conversation goes on where it was, also if a configuration names others."""
    picks = EndpointPicks()
    addresses = tuple(f"10.0.0.{number}:8000" for number in range(1, 5))
    picks.resolve("vllm:8000", addresses)
    conversations = [f"You help customer {number}. " * 100 for number in range(30)]
    homes = [named(picks, conversation) for conversation in conversations]
    for change in (addresses[1:], (*addresses[1:], "10.0.0.7:8000"), (addresses[3], addresses[1], "10.0.0.8:8000")):
        picks.resolve("vllm:8000", change)
        for conversation, home in zip(conversations, homes, strict=True):
            if home in (addresses[1], addresses[3], NAMED[1]):
                assert named(picks, conversation, "go on") == home
    written = (addresses[3], NAMED[1], addresses[1])
    for conversation, home in zip(conversations, homes, strict=True):
        if home in written:
            found = picks.pick("llama/v1", written, [conversation, "go on"], 0)
            assert found is not None
            assert found.endpoint == home


def test_the_same_addresses_again_change_nothing() -> None:
    """What runs there still counts."""
    picks = EndpointPicks()
    picks.resolve("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))
    found = picks.pick("llama/v1", NAMED, ["Hello"], 0)
    picks.resolve("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))
    (known,) = picks._known.values()
    assert found is not None
    assert known.costs[known.names.index(found.endpoint)] > 0


def test_what_only_a_server_that_is_gone_has_seen_is_new() -> None:
    """It has a home again, on which all processes agree."""
    texts = [f"You help customer {number}. " * 50 for number in range(40)]
    picks, fresh = EndpointPicks(), EndpointPicks()
    picks.resolve("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))
    gone = [text for text in texts if named(picks, text) == "10.0.0.1:8000"]
    assert gone
    for each in (picks, fresh):
        each.resolve("vllm:8000", ("10.0.0.2:8000",))
    assert [named(picks, text) for text in gone] == [named(fresh, text) for text in gone]


def test_what_a_server_says_is_known_when_it_comes() -> None:
    """And who is gone is not picked, whatever it said."""
    picks = EndpointPicks()
    picks.resolve("vllm:8000", ("10.0.0.1:8000", "10.0.0.2:8000"))
    for address, waiting in (("10.0.0.1:8000", 0), ("10.0.0.2:8000", 5), ("10.0.0.3:8000", 50), (NAMED[1], 50)):
        picks.report(address, load(waiting=waiting))
    assert {named(picks, f"{number}", now_ns=1) for number in range(20)} == {"10.0.0.1:8000"}
    picks.resolve("vllm:8000", ("10.0.0.2:8000", "10.0.0.3:8000"))
    assert {named(picks, f"a{number}", now_ns=1) for number in range(20)} == {"10.0.0.2:8000"}


@given(st.lists(st.lists(st.integers(0, 6), unique=True, max_size=5), max_size=12), st.data())
def test_only_addresses_of_now_are_picked(changes: list[list[int]], data: st.DataObject) -> None:
    """However they change while requests run, which end at any time."""
    picks, running = EndpointPicks(), list[EndpointPick]()
    for change in changes:
        addresses = tuple(f"10.0.0.{number}:8000" for number in change)
        picks.resolve("vllm:8000", addresses)
        for number in range(3):
            found = picks.pick("llama/v1", ("vllm:8000",), [SYSTEM[:1_000], f"{number}"], 0)
            assert (found is None) is (addresses == ())
            if found is not None:
                assert found.endpoint in addresses
                running.append(found)
        ends: bool = data.draw(st.booleans())
        if running and ends:
            running.pop(0).ends()
    for one in running:
        one.ends()
    (known,) = picks._known.values() or [None]
    assert known is None or len(known.names) <= max(1, *map(len, changes))
    assert known is None or all(cost == 0 for cost, name in zip(known.costs, known.names, strict=True) if name)
