"""Budgets through the machine: refused early, a cheaper route, counted while in flight, settled, and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from extproc.domain.budgets import BudgetSums
from extproc.domain.record import Outcome
from extproc.exchange.budget_memory import BudgetMemory
from extproc.exchange.events import ImmediateResponse, StreamClosed
from extproc.exchange.limit_memory import LimitMemory
from tests.playbooks.driver import (
    CHAT,
    METER,
    VERSION,
    Conversation,
    chat_answer,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
)

S_NS = 1_000_000_000
DAY_S = 86_400
NOON_S = DAY_S // 2
MESSAGES = "/v1/messages"
FREE = {"prompt_micro_usd_per_mtok": 0, "completion_micro_usd_per_mtok": 0}
MONTHLY: dict[str, Any] = {
    **{"name": "monthly", "per": "team", "of": "tokens", "amount": 1_000, "period": "day"},
    **{"on_exhausted": "block", "when_unknown": "allow"},
}
DOLLARS: dict[str, Any] = {**MONTHLY, "name": "dollars", "of": "micro_usd"}
SOFT: dict[str, Any] = {**MONTHLY, "name": "soft", "on_exhausted": "downgrade"}
GPU: dict[str, Any] = {**MONTHLY, "name": "gpus", "of": "gpu_seconds"}
ON_GPUS: dict[str, Any] = {
    "gpus": {
        "servers": [{"endpoint": "127.0.0.1:8001", "gpus": 1, "kind": "L4", "price": "l4"}],
        "prices": [{"name": "l4", "per_gpu_hour": "0.70"}],
    },
    "providers": {"cloud": {"url": "https://api.example.com/v1"}},
    "models": {
        "tiny": {"versions": {"v1": {"weight": 1, "price": FREE, "endpoints": ["127.0.0.1:8001"]}}},
        "far": {"versions": {"v1": {"weight": 1, "price": FREE, "provider": "cloud", "served_model": "gpt"}}},
    },
}
"""A model on servers of ours, and one of a provider."""
ROUTES: list[Any] = [
    {"name": "saving", "when": [{"budget_exhausted": ["soft"]}], "version": "tiny/v2"},
    {"name": "default"},
]
BLOCKING: dict[str, Any] = {"guard": "banned", "phrases": ["forbidden"], "action": "block", "on": "request"}
ANSWER = [response_headers(), *chunks(chat_answer("Good morning."))]
"""13 tokens, or 17 micro-USD at version v1."""


class Talks:
    """Conversations of one worker, and the store behind it."""

    def __init__(self, *budgets: dict[str, Any], parts: tuple[dict[str, Any], ...] = (VERSION, METER), **more: Any):
        self.snapshot = snapshot_of(*parts, ledger={}, budgets=budgets, **more)
        self.memory = BudgetMemory()
        self.memory.configure(self.snapshot.budgets)
        self.written = 0
        self.day = 0

    def sums(
        self, now_s: float = 0, others: Mapping[str, int] | None = None, written: int | None = None, **spent: Any
    ) -> None:
        """The store says what is spent by key, with everything that this worker has written."""
        found = []
        for one in self.snapshot.budgets.budgets if self.snapshot.budgets else ():
            period = one.section.period_at(int((NOON_S + now_s) * 1_000_000))
            keys = {key: value if isinstance(value, tuple) else (value, 0) for key, value in spent.items()}
            found.append(BudgetSums(one.name, one.per, one.of, period, keys, {"another": others or {}}))
        covered = self.written if written is None else written
        self.memory.take(found, "mine", covered, int((NOON_S + now_s) * 1_000_000), int(now_s * S_NS))

    def ask(self, now_s: float = 0, path: str = CHAT, team: str = "search", **fields: Any) -> Conversation:
        """A request; by default its answer is short."""
        now_ns, limiter = int(now_s * S_NS), LimitMemory()
        talk = Conversation(self.snapshot, limiter=limiter, now_ns=now_ns, budgets=self.memory, utc_s=NOON_S + now_s)
        talk.hears(request_headers(path, x_team=team))
        talk.hears(request_body(**{"max_tokens": 5, **fields}))
        return talk

    def answer(self, now_s: float = 0, **fields: Any) -> Conversation:
        """An exchange to its end, and its entry in the spool."""
        return self.end(self.ask(now_s, **fields))

    def end(self, talk: Conversation) -> Conversation:
        """The answer, and the entry in the spool."""
        talk.hears_all(ANSWER)
        talk.hears(StreamClosed())
        self.written += 1
        self.memory.spooled(self.written, talk.record.spent)
        return talk


def refusal(talk: Conversation) -> ImmediateResponse:
    """The reply to a request that was refused."""
    command = talk.steps[-1].commands[0]
    assert isinstance(command, ImmediateResponse)
    return command


def code(talk: Conversation) -> str:
    """Of the refusal; empty: it went on."""
    return "" if talk.server is not None else refusal(talk).code


# --- block ---------------------------------------------------------------------------------------------------------


def test_an_exhausted_budget_is_429_until_its_period_ends() -> None:
    """It names the budget and the end, and asks official clients not to try again."""
    talks = Talks(MONTHLY)
    talks.sums(search=999)
    assert talks.answer().record.outcome is Outcome.COMPLETED
    talk = talks.ask(30.5)
    reply = refusal(talk)
    assert (reply.status, reply.code) == (429, "budget_exhausted")
    assert reply.retry_after_s == DAY_S - NOON_S - 30
    assert reply.headers == (("x-should-retry", "false"),)
    message = "The budget `monthly` is exhausted. Its period ends at 1970-01-02T00:00:00Z."
    error = {"message": message, "type": "insufficient_quota", "param": None, "code": "budget_exhausted"}
    assert talk.client_json == {"error": error}
    assert talk.record.outcome is Outcome.REJECTED
    assert talk.record.budget_acts == (("monthly", "blocked"),)
    assert talk.record.spent == ()


def test_the_same_in_the_error_of_anthropic() -> None:
    """Which has a name for each status."""
    talks = Talks(MONTHLY)
    talks.sums(search=1_000)
    talk = talks.ask(path=MESSAGES)
    assert talk.client_json["type"] == "error"
    assert talk.client_json["error"]["type"] == "rate_limit_error"
    assert "The budget `monthly` is exhausted." in talk.client_json["error"]["message"]


def test_who_has_something_left_may_pass_the_budget_with_one_request() -> None:
    """The answer goes on; the next request is refused. Other teams have their own."""
    talks = Talks({**MONTHLY, "amount": 10})
    talks.sums()
    assert talks.answer().record.outcome is Outcome.COMPLETED
    assert code(talks.ask()) == "budget_exhausted"
    assert code(talks.ask(team="hr")) == ""


def test_a_request_is_refused_before_its_guards_run() -> None:
    """Nothing is spent on who has nothing left."""
    talks = Talks(MONTHLY, parts=(VERSION, BLOCKING, METER))
    talks.sums(search=1_000)
    talk = talks.ask(messages=[{"role": "user", "content": "forbidden"}])
    assert code(talk) == "budget_exhausted"
    assert not talk.record.coverage


def test_a_grant_makes_room() -> None:
    """With the next sums."""
    talks = Talks(MONTHLY)
    talks.sums(search=1_000)
    assert code(talks.ask()) == "budget_exhausted"
    talks.sums(search=(1_000, 500))
    assert code(talks.ask()) == ""


def test_a_budget_is_of_those_that_it_matches() -> None:
    """Also of projects and budget codes."""
    talks = Talks({**MONTHLY, "match": ["search"]}, {**MONTHLY, "name": "wide", "per": "project", "match": ["index"]})
    talks.sums(search=1_000, hr=1_000)
    assert [code(talks.ask(team=team)) for team in ("search", "hr")] == ["budget_exhausted", ""]


def test_the_budget_that_lasts_longest_is_told() -> None:
    """Else a client would come back for nothing."""
    talks = Talks(MONTHLY, {**MONTHLY, "name": "weekly", "period": "week"})
    talks.sums(search=1_000)
    assert "`weekly`" in talks.ask().client_json["error"]["message"]


def test_what_costs_nothing_is_not_blocked() -> None:
    """A version without prices takes nothing of a budget of money, and `count_tokens` of none."""
    price = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
    models: dict[str, Any] = {
        name: {"versions": {"v1": {"weight": 1, "price": prices}}}
        for name, prices in (("tiny", FREE), ("other", price))
    }
    talks = Talks(DOLLARS, models=models)
    talks.sums(search=1_000)
    assert [code(talks.ask(model=model)) for model in ("tiny", "other")] == ["", "budget_exhausted"]
    counting = Talks(MONTHLY)
    counting.sums(search=1_000)
    assert code(counting.ask(path=f"{MESSAGES}/count_tokens")) == ""
    free_provider = Talks(DOLLARS, **ON_GPUS)
    free_provider.sums(search=1_000)
    assert code(free_provider.ask(model="far")) == ""
    assert code(Talks({**MONTHLY, "when_unknown": "block"}).ask(path=f"{MESSAGES}/count_tokens")) == ""
    falling = {
        "tiny": {
            "versions": {
                "v1": {"weight": 1, "endpoints": ["127.0.0.1:8001"], "price": FREE},
                "v2": {"weight": 0, "endpoints": ["127.0.0.1:8002"], "price": price},
            },
            "fallback": {"to": ["v2"]},
        }
    }
    talks = Talks(DOLLARS, models=falling)
    talks.sums(search=1_000)
    assert code(talks.ask()) == "budget_exhausted"


# --- GPU time ------------------------------------------------------------------------------------------------------


def test_gpu_time_is_spent_when_the_store_has_it() -> None:
    """An exchange reserves and spends none of it: what it took is allocated later."""
    talks = Talks({**GPU, "amount": 5}, **ON_GPUS)
    talks.sums(search=4)
    running = [talks.ask(max_tokens=900) for _ in range(3)]
    for talk in running:
        assert talks.end(talk).record.spent == ()
    assert (code(talks.ask()), len(talks.memory)) == ("", 1)
    talks.sums(search=5)
    talk = talks.ask()
    assert (code(talk), talk.record.budget_acts) == ("budget_exhausted", (("gpus", "blocked"),))
    assert code(talks.ask(team="hr")) == ""


def test_what_takes_no_gpu_time_of_ours_is_not_blocked() -> None:
    """A provider has servers of its own, unless ours answer in its place; `count_tokens` computes nothing."""
    talks = Talks(GPU, **ON_GPUS)
    talks.sums(search=1_000)
    asked = [code(talks.ask(model=model)) for model in ("tiny", "far")]
    assert asked == ["budget_exhausted", ""]
    assert code(talks.ask(path=f"{MESSAGES}/count_tokens")) == ""
    far = ON_GPUS["models"]["far"]["versions"]["v1"]
    near = {**ON_GPUS["models"]["tiny"]["versions"]["v1"], "weight": 0}
    falling = {"far": {"versions": {"v1": far, "v2": near}, "fallback": {"to": ["v2"]}}}
    talks = Talks(GPU, **{**ON_GPUS, "models": falling})
    talks.sums(search=1_000)
    assert code(talks.ask(model="far")) == "budget_exhausted"


# --- in flight -----------------------------------------------------------------------------------------------------


def test_what_is_in_flight_is_reserved_for_a_moment() -> None:
    """The estimate may be too high, so the client is asked to come back in a second, not in a month."""
    talks = Talks({**MONTHLY, "amount": 500})
    talks.sums()
    running = talks.ask(max_tokens=900)
    talk = talks.ask()
    reply = refusal(talk)
    assert (reply.status, reply.code, reply.retry_after_s, reply.headers) == (429, "budget_reserved", 1, ())
    message = "What is left of the budget `monthly` is reserved by requests that still run. Try again."
    assert talk.client_json["error"]["message"] == message
    assert talk.record.budget_acts == (("monthly", "reserved"),)
    talks.end(running)
    assert code(talks.ask()) == ""


def test_what_other_workers_have_in_flight_counts_too() -> None:
    """As the shipper has seen it; what is counted of one's own is not counted again."""
    talks = Talks(MONTHLY)
    talks.sums(others={"search": 1_000})
    assert code(talks.ask()) == "budget_reserved"
    talks.sums(others={"search": 999})
    assert code(talks.ask()) == ""


def test_who_leaves_gives_back_what_it_did_not_use() -> None:
    """As does a request that a guard refuses behind the budget."""
    talks = Talks({**MONTHLY, "amount": 40}, parts=(VERSION, METER, BLOCKING))
    talks.sums()
    for _ in range(3):
        assert code(talks.ask(messages=[{"role": "user", "content": "forbidden"}])) == "banned_phrase"
    gone = talks.ask(max_tokens=900)
    assert code(talks.ask()) == "budget_reserved"
    gone.hears(StreamClosed())
    assert gone.record.outcome is Outcome.ABORTED
    assert code(talks.ask()) == ""


def test_an_answer_counts_until_the_sums_have_it_and_never_twice() -> None:
    """However late they come."""
    talks = Talks({**MONTHLY, "amount": 30})
    talks.sums()
    talks.answer()
    talks.answer()
    talks.sums(written=1, search=13)  # the second is not in it
    talks.answer()
    assert code(talks.ask()) == "budget_exhausted"
    talks.sums(search=(39, 10))
    assert code(talks.ask()) == ""
    assert len(talks.memory) == 1  # the one in flight


# --- periods -------------------------------------------------------------------------------------------------------


def test_a_new_period_begins_with_nothing() -> None:
    """Though the last sums are those of the day before; what is spent since counts."""
    talks = Talks({**MONTHLY, "amount": 20, "unknown_after_s": DAY_S})
    talks.sums(search=20)
    assert code(talks.ask(DAY_S - NOON_S - 1)) == "budget_exhausted"
    assert talks.answer(DAY_S - NOON_S).record.outcome is Outcome.COMPLETED
    talks.answer(DAY_S - NOON_S)
    assert code(talks.ask(DAY_S - NOON_S + 1)) == "budget_exhausted"
    talks.sums(DAY_S - NOON_S + 2, search=0)
    assert code(talks.ask(DAY_S - NOON_S + 2)) == ""


def test_what_began_before_midnight_is_spent_of_the_old_period() -> None:
    """As the ledger counts it."""
    talks = Talks({**MONTHLY, "amount": 100, "unknown_after_s": DAY_S})
    talks.sums()
    late = talks.ask(DAY_S - NOON_S - 1, max_tokens=90)
    assert code(talks.ask(DAY_S - NOON_S, max_tokens=90)) == ""
    talks.end(late)
    assert late.record.spent[0].period_start_us == 0
    assert code(talks.ask(DAY_S - NOON_S - 0.5)) == ""  # a straggler of the day that is over
    assert code(talks.ask(DAY_S - NOON_S)) == "budget_reserved"


def test_a_range_of_days_says_nothing_before_and_after() -> None:
    """Nor does it count."""
    days = {"period": None, "first_day": "2030-01-01", "last_day": "2030-01-02"}
    talks = Talks({**MONTHLY, **days, "when_unknown": "block"})
    assert talks.answer().record.spent == ()
    assert code(talks.ask((1_893_456_000 - NOON_S) + 1)) == "budget_unknown"


# --- a cheaper route -----------------------------------------------------------------------------------------------


def test_an_exhausted_budget_takes_another_route() -> None:
    """The conversation goes on, with a cheaper version; who has something left does not notice."""
    talks = Talks(SOFT, routes=ROUTES)
    talks.sums(search=1_000)
    talk = talks.ask()
    assert talk.server_json["model"] == "tiny-next"
    talks.end(talk)
    assert (talk.record.route, talk.record.budget_acts) == ("saving", (("soft", "downgraded"),))
    other = talks.answer(team="hr")
    assert (other.record.route, other.record.budget_acts) == ("default", ())


def test_a_cheaper_route_and_a_block_behind_it() -> None:
    """The first budget saves, the second one ends it."""
    talks = Talks({**SOFT, "amount": 10}, {**MONTHLY, "amount": 20}, routes=ROUTES)
    talks.sums()
    assert talks.answer().record.route == "default"
    assert talks.answer().record.route == "saving"
    talk = talks.ask()
    assert code(talk) == "budget_exhausted"
    assert talk.record.budget_acts == (("soft", "downgraded"), ("monthly", "blocked"))


def test_a_budget_that_another_route_does_not_name_downgrades_nothing() -> None:
    """The first route that matches applies, as ever."""
    routes = [{"name": "streams", "when": [{"streamed": True}], "version": "tiny/v1"}, *ROUTES]
    talks = Talks(SOFT, routes=routes)
    talks.sums(search=1_000)
    talk = talks.ask(stream=True)
    talk.hears(StreamClosed())
    assert (talk.record.route, talk.record.budget_acts) == ("streams", ())


# --- unknown -------------------------------------------------------------------------------------------------------


def test_without_sums_it_is_allowed_if_so_configured() -> None:
    """And counted, each time."""
    talks = Talks(MONTHLY)
    talk = talks.answer()
    assert talk.record.budget_acts == (("monthly", "unknown_allowed"),)
    assert talks.memory.take_missed() == {"monthly"}
    assert talks.memory.take_missed() == set()


def test_without_sums_it_is_503_if_so_configured() -> None:
    """Clients may try again: the sums come back."""
    talks = Talks({**MONTHLY, "when_unknown": "block"})
    talk = talks.ask()
    reply = refusal(talk)
    assert (reply.status, reply.code, reply.retry_after_s) == (503, "budget_unknown", 5)
    assert talk.client_json["error"]["message"] == (
        "It is not known what is left of the budget `monthly`, so this request is not answered. Please retry shortly."
    )
    assert (talk.record.outcome, talk.record.budget_acts) == (Outcome.FAILED, (("monthly", "unknown_blocked"),))


@pytest.mark.parametrize(("when", "expected"), [("allow", ""), ("block", "budget_unknown")])
def test_old_sums_are_none(when: str, expected: str) -> None:
    """From the age on that is configured; what was spent meanwhile is known again with the next ones."""
    talks = Talks({**MONTHLY, "when_unknown": when, "unknown_after_s": 10})
    talks.sums(search=1_000)
    assert code(talks.ask(9.9)) == "budget_exhausted"
    assert code(talks.ask(10.1)) == expected
    talks.sums(20, search=900)
    assert code(talks.ask(20)) == ""


def test_what_is_spent_while_it_is_unknown_is_not_forgotten() -> None:
    """When the store comes back."""
    talks = Talks({**MONTHLY, "amount": 20})
    talks.answer()
    talks.answer()
    talks.sums(written=0)
    assert code(talks.ask()) == "budget_exhausted"


def test_an_unknown_budget_takes_no_other_route() -> None:
    """Allowed means: as if something was left."""
    talks = Talks(SOFT, routes=ROUTES)
    assert talks.answer().record.route == "default"
    blocked = Talks({**SOFT, "when_unknown": "block"}, routes=ROUTES)
    assert code(blocked.ask()) == "budget_unknown"


def test_an_exhausted_budget_is_told_before_an_unknown_one() -> None:
    """It is the one that does not pass by itself."""
    talks = Talks({**MONTHLY, "name": "unknown", "when_unknown": "block", "unknown_after_s": 5}, MONTHLY)
    talks.sums(search=1_000)
    assert code(talks.ask(6)) == "budget_exhausted"
