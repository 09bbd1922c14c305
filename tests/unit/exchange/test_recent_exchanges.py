"""The exchanges that a process remembers for feedback."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.feedback import FeedbackClaim, FeedbackType, GivenFeedback, RatedExchange
from extproc.domain.record import ExchangeRecord, Outcome, VersionFacts
from extproc.domain.usage import Prices
from extproc.exchange.recent_exchanges import RecentExchanges

S_NS, S_US = 1_000_000_000, 1_000_000
FACTS = VersionFacts("tiny", "v2", "f2", Prices(0, 0, 0), "helper", "p1")


def record(number: int = 1, outcome: Outcome = Outcome.COMPLETED, sent_ns: int = 1) -> ExchangeRecord:
    """An exchange that has ended at five seconds."""
    one = ExchangeRecord(f"ab-{number}", "", 0, sent_ns, team="search\n", project="index", route="night")
    one.version, one.outcome, one.ended_ns = FACTS, outcome, 5 * S_NS
    return one


def named(exchange: str = "", response: str = "", team: str = "search\ufffd") -> FeedbackClaim:
    """A feedback for an exchange."""
    return FeedbackClaim(GivenFeedback(exchange, FeedbackType.COPY, response), team, "", b"", 0, 0)


def test_an_exchange_is_known_by_the_id_of_its_response() -> None:
    """To its team; of several the last one. Such an id is forgotten with its exchange."""
    recent = RecentExchanges(2)
    for number in (1, 2):
        one = record(number)
        one.response_id = "chatcmpl-7"
        recent.exchange_ended(one)
    found = recent.get(named(response="chatcmpl-7"), 0, 0)
    assert found is not None
    assert found.exchange == "ab-2"
    assert recent.get(named(response="chatcmpl-7", team="atlas"), 0, 0) is None
    assert recent.get(named(response="chatcmpl-8"), 0, 0) is None
    recent.exchange_ended(record(3))
    assert recent.get(named(response="chatcmpl-7"), 0, 0) == found
    recent.exchange_ended(record(4))
    assert recent.get(named(response="chatcmpl-7"), 0, 0) is None


def test_an_exchange_is_known_with_what_answered_it() -> None:
    """By the time of day; names as the ledger has them."""
    recent = RecentExchanges(10)
    recent.exchange_ended(record())
    assert recent.get(named("ab-1"), 7 * S_NS, 1_000 * S_US) == RatedExchange(
        "ab-1", 998 * S_US, "search\ufffd", "index", "night", "tiny", "v2", "f2", "helper", "p1"
    )
    assert recent.get(named("ab-2"), 7 * S_NS, 0) is None


def test_one_without_a_version() -> None:
    """Its parts are empty."""
    one = record()
    one.version = None
    recent = RecentExchanges(10)
    recent.exchange_ended(one)
    found = recent.get(named("ab-1"), 5 * S_NS, 0)
    assert found is not None
    assert found[5:] == ("", "", "", "", "")


def test_what_reached_no_model_is_not_remembered() -> None:
    """No answer could be rated."""
    recent = RecentExchanges(10)
    recent.exchange_ended(record(1, sent_ns=0))
    recent.exchange_ended(record(2, Outcome.LOCAL_REPLY))
    assert (recent.get(named("ab-1"), 0, 0), recent.get(named("ab-2"), 0, 0)) == (None, None)


@given(st.integers(0, 5), st.lists(st.integers(0, 9), unique=True))
def test_the_last_ones_are_known(exchanges_max: int, numbers: list[int]) -> None:
    """As many as are allowed."""
    recent = RecentExchanges(exchanges_max)
    for number in numbers:
        recent.exchange_ended(record(number))
    known = [number for number in numbers if recent.get(named(f"ab-{number}"), 5 * S_NS, 0) is not None]
    assert known == numbers[len(numbers) - min(exchanges_max, len(numbers)) :]
