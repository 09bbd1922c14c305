"""Rate limits through the machine: refused early, reserved behind the guards, settled by what was used, and told."""

from __future__ import annotations

from typing import Any

import pytest

from extproc.domain.record import ExchangeRecord, Outcome
from extproc.exchange.answer_lengths import ANSWER_TOKENS_START
from extproc.exchange.claims import Claim
from extproc.exchange.events import (
    Command,
    ContinueBody,
    ContinueHeaders,
    ImmediateResponse,
    LimitsAnswered,
    ResponseHeaders,
    StreamClosed,
)
from extproc.exchange.limit_memory import LimitMemory
from tests.playbooks.driver import (
    CHAT,
    DONE,
    METER,
    SSE,
    VERSION,
    Conversation,
    chat_answer,
    chat_chunk,
    chunks,
    request_body,
    request_headers,
    response_headers,
    snapshot_of,
    usage_chunk,
)

S_NS = 1_000_000_000
REQUESTS: dict[str, Any] = {"name": "requests", "of": "requests", "limit": 60, "window": "minute", "burst": 2}
TOKENS: dict[str, Any] = {"name": "tokens", "of": "tokens", "limit": 60_000, "window": "minute", "burst": 100}
BLOCKING: dict[str, Any] = {"guard": "banned", "phrases": ["forbidden"], "action": "block", "on": "request"}
MESSAGES = "/v1/messages"
ANSWER = [response_headers(), *chunks(chat_answer("Good morning."))]


class Talks:
    """Conversations that share what is counted."""

    def __init__(self, *limits: dict[str, Any], parts: tuple[dict[str, Any], ...] = (VERSION, METER)) -> None:
        self.snapshot = snapshot_of(*parts, rate_limits={"limits": limits})
        self.memory = LimitMemory()

    def ask(self, now_ns: int = 0, path: str = CHAT, team: str = "search", **fields: Any) -> Conversation:
        """A request; by default its answer is short."""
        talk = Conversation(self.snapshot, limiter=self.memory, now_ns=now_ns)
        talk.hears(request_headers(path, x_team=team))
        talk.hears(request_body(**{"max_tokens": 5, **fields}))
        return talk

    def answer(self, now_ns: int = 0, **fields: Any) -> Conversation:
        """An exchange to its end."""
        talk = self.ask(now_ns, **fields).hears_all(ANSWER)
        talk.hears(StreamClosed())
        return talk


def refusal(talk: Conversation) -> ImmediateResponse:
    """The reply to a request that was refused."""
    command = talk.steps[-1].commands[0]
    assert isinstance(command, ImmediateResponse)
    return command


def told(command: Command) -> dict[str, str]:
    """What an answer tells of limits."""
    assert isinstance(command, ContinueHeaders)
    return dict(command.told)


# --- 429 -----------------------------------------------------------------------------------------------------------


def test_a_full_limit_is_429_in_the_error_of_openai() -> None:
    """With the time after which it fits, and not before."""
    talks = Talks(REQUESTS)
    assert [talks.answer().record.outcome for _ in range(2)] == [Outcome.COMPLETED] * 2
    talk = talks.ask(S_NS // 2)
    reply = refusal(talk)
    assert (reply.status, reply.code, reply.retry_after_s) == (429, "rate_limit_exceeded", 1)
    headers = dict(reply.headers)
    wait_ms = int(headers["retry-after-ms"])
    assert 490 <= wait_ms <= 510
    message = f"Rate limit `requests` reached: 60 requests per minute. Try again in {wait_ms}ms."
    error = {"message": message, "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    assert talk.client_json == {"error": error}
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert (talk.record.outcome, talk.record.limits) == (Outcome.REJECTED, (("requests", "refused"),))
    assert refusal(talks.ask(S_NS // 2 + (wait_ms - 20) * 1_000_000)).status == 429
    assert talks.ask(S_NS // 2 + wait_ms * 1_000_000).server is not None


def test_the_same_in_the_error_of_anthropic() -> None:
    """With its own headers."""
    talks = Talks({**REQUESTS, "burst": 1})
    talks.answer(path=MESSAGES)
    talk = talks.ask(path=MESSAGES)
    assert talk.client_json["type"] == "error"
    assert talk.client_json["error"]["type"] == "rate_limit_error"
    headers = dict(refusal(talk).headers)
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"] == "1970-01-01T00:00:02Z"
    assert not any(name.startswith("x-ratelimit") for name in headers)


def test_a_request_larger_than_the_burst_is_not_to_be_tried_again() -> None:
    """The official clients would try it for ever less one."""
    talks = Talks(TOKENS)
    talk = talks.ask(max_tokens=200)
    reply = refusal(talk)
    assert (reply.status, reply.code, reply.retry_after_s) == (429, "rate_limit_exceeded", 0)
    assert dict(reply.headers)["x-should-retry"] == "false"
    assert "retry-after-ms" not in dict(reply.headers)
    assert talk.client_json["error"]["message"].startswith(
        "Request too large for the rate limit `tokens`: it admits 100 tokens at once, and about 21"
    )


def test_a_request_is_refused_before_its_guards_run() -> None:
    """Nothing is spent on a client whose limit is full."""
    talks = Talks({**REQUESTS, "burst": 1}, parts=(VERSION, BLOCKING, METER))
    talks.answer()
    talk = talks.ask()
    assert refusal(talk).status == 429
    assert not talk.record.coverage


def test_a_request_that_a_guard_refuses_counts_as_one() -> None:
    """Else a client could try a thousand ways round a guard."""
    talks = Talks(REQUESTS, TOKENS, parts=(VERSION, BLOCKING, METER))
    bad = [{"role": "user", "content": "forbidden"}]
    assert [refusal(talks.ask(messages=bad)).status for _ in range(3)] == [400, 400, 429]
    assert len(talks.memory) == 1


def test_who_is_refused_takes_nothing() -> None:
    """A client that does not wait is not locked out."""
    talks = Talks({**REQUESTS, "burst": 1})
    talks.answer()
    assert [refusal(talks.ask(number * S_NS // 10)).status for number in range(1, 10)] == [429] * 9
    assert talks.ask(S_NS).server is not None


# --- settled -------------------------------------------------------------------------------------------------------


def owed(talks: Talks, now_ns: int = 0) -> int:
    """Tokens that are reserved of the limit `tokens`, less what time has paid off."""
    probe = Claim(talks.snapshot.rate_limits.of(exchange()) if talks.snapshot.rate_limits else ())
    talks.memory.judge(probe, now_ns)
    one = next(one for one in probe.limits if one.limit.name == "tokens")
    return round(one.ahead / one.limit.rate.interval)


def exchange() -> ExchangeRecord:
    """Of the team that asks."""
    return ExchangeRecord("probe", "", 0, endpoint="chat", team="search")


BIG = {**TOKENS, "limit": 1, "window": "day", "burst": 100_000}


def test_an_answer_is_settled_by_what_its_server_counted() -> None:
    """13 tokens, whatever was reserved."""
    talks = Talks(BIG)
    talks.ask(max_tokens=900)
    assert owed(talks) > 900
    talks = Talks(BIG)
    talks.answer(max_tokens=900)
    assert owed(talks) == 13


def test_a_stream_that_is_broken_off_is_settled_by_what_was_seen() -> None:
    """And what nobody saw of it is given back."""
    talks = Talks(BIG)
    talk = talks.ask(stream=True, max_tokens=900)
    talk.hears(response_headers(SSE))
    talk.hears_all(chunks(chat_chunk("one") + chat_chunk(" two"), end=False))
    talk.hears(StreamClosed())
    assert talk.record.outcome is Outcome.ABORTED
    assert talk.record.usage is not None
    assert owed(talks) == talk.record.usage.prompt + talk.record.usage.completion < 50


@pytest.mark.parametrize(
    "events",
    [
        [response_headers(status=503, details="no_healthy_upstream")],
        [response_headers(status=500), *chunks(b'{"error": {"message": "out of memory"}}')],
    ],
)
def test_an_error_of_the_server_takes_no_tokens(events: list[Any]) -> None:
    """Only the request counts."""
    talks = Talks(BIG, REQUESTS)
    talk = talks.ask(max_tokens=900).hears_all(events)
    talk.hears(StreamClosed())
    assert owed(talks) == 0


def test_a_client_that_leaves_before_its_request_is_sent_on_takes_no_tokens() -> None:
    """The store had already admitted it."""

    class Store(LimitMemory):
        def reserve(self, claim: Claim, now_ns: int) -> bool:
            super().reserve(claim, now_ns)
            return False

    talks = Talks(BIG)
    talks.memory = Store()
    talk = talks.ask(max_tokens=900)
    assert owed(talks) > 900
    talk.hears(StreamClosed())
    assert owed(talks) == 0


def test_without_a_meter_what_was_reserved_stays() -> None:
    """Nobody has counted."""
    talks = Talks(BIG, parts=(VERSION,))
    talks.answer(max_tokens=900)
    assert owed(talks) > 900


def test_money_is_settled_by_the_price_of_the_version() -> None:
    """1 micro-USD a token of the prompt, 2 one of the answer."""
    talks = Talks({**BIG, "of": "micro_usd"})
    talks.answer()
    assert owed(talks) == 9 + 2 * 4


def test_exchanges_at_a_time_end_with_the_exchange() -> None:
    """However it ends."""
    talks = Talks({"name": "running", "of": "exchanges", "limit": 1, "per": ["team"]})
    first = talks.ask()
    assert refusal(talks.ask()).retry_after_s == 1
    assert talks.ask(team="other").server is not None
    first.hears(StreamClosed())
    assert talks.ask().server is not None


# --- reserved ------------------------------------------------------------------------------------------------------


def test_an_answer_is_expected_to_be_like_the_last_ones() -> None:
    """At first as long as a usual one; never longer than the client asks for."""
    talks = Talks(BIG)
    free = talks.ask(max_tokens=None)
    prompt = owed(talks) - ANSWER_TOKENS_START
    free.hears(StreamClosed())
    for _ in range(40):
        talks.answer(max_tokens=None)
    before = owed(talks)
    talks.ask(max_tokens=None)
    assert owed(talks) - before - prompt in range(3, 8)
    before = owed(talks)
    talks.ask(max_tokens=2, n=3)
    assert owed(talks) - before - prompt == 6


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": "Good morning"}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "Good morning"}]}),
    ],
)
def test_what_generates_nothing_reserves_nothing_for_an_answer(path: str, body: dict[str, Any]) -> None:
    """A count of tokens costs nothing at all."""
    talks = Talks(BIG)
    talk = Conversation(talks.snapshot, limiter=talks.memory)
    talk.hears(request_headers(path, x_team="search"))
    talk.hears(request_body(**body) if "messages" in body else request_body(messages=None, **body))
    assert owed(talks) < 20


# --- told ----------------------------------------------------------------------------------------------------------


def test_a_success_tells_what_is_left() -> None:
    """As OpenAI's clients read it; of two limits the one with the least share left."""
    talks = Talks({**REQUESTS, "burst": 60}, TOKENS, {**TOKENS, "name": "day", "window": "day", "limit": 100_000})
    talk = talks.ask()
    headers = told(talk.hears(response_headers())[0])
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "59"
    assert headers["x-ratelimit-reset-requests"] == "999ms"
    assert headers["x-ratelimit-limit-tokens"] == "60000"
    assert int(headers["x-ratelimit-remaining-tokens"]) < 100


def test_the_messages_api_tells_input_and_output_apart() -> None:
    """As Anthropic's clients read it."""
    talks = Talks(
        {**BIG, "name": "in", "of": "prompt_tokens"}, {**BIG, "name": "out", "of": "completion_tokens"}, REQUESTS
    )
    talk = talks.ask(path=MESSAGES)
    headers = told(talk.hears(response_headers())[0])
    assert headers["anthropic-ratelimit-output-tokens-limit"] == "1"
    assert headers["anthropic-ratelimit-input-tokens-reset"].startswith("1970-01-")
    assert headers["anthropic-ratelimit-requests-limit"] == "60"


def test_a_limit_in_shadow_is_not_told() -> None:
    """It is the operator's."""
    talks = Talks({**REQUESTS, "burst": 1, "mode": "shadow"})
    assert [talks.answer().record.limits[0][1] for _ in range(2)] == ["admitted", "shadow_refused"]
    assert told(talks.ask().hears(response_headers())[0]) == {}


def test_an_exchange_without_limits_is_told_nothing() -> None:
    """None applies to its team."""
    talks = Talks({**REQUESTS, "match": {"teams": ["other"]}})
    talk = talks.ask()
    assert told(talk.hears(response_headers())[0]) == {}
    talk.hears_all(ANSWER[1:])
    talk.hears(StreamClosed())
    assert talk.record.limits == ()


# --- a store that must be asked ------------------------------------------------------------------------------------


class Asked(LimitMemory):
    """Limits that another one decides, later."""

    def reserve(self, claim: Claim, now_ns: int) -> bool:
        """The store is asked."""
        return False


def waiting(talks: Talks) -> tuple[Conversation, Claim]:
    """A request that waits for its limits."""
    talk = talks.ask()
    (claim,) = talk.steps[-1].waits
    assert isinstance(claim, Claim)
    assert talk.server is None
    return talk, claim


def test_a_request_waits_for_the_store() -> None:
    """And goes on when it is admitted."""
    talks = Talks(REQUESTS)
    talks.memory = Asked()
    talk, claim = waiting(talks)
    assert LimitMemory().reserve(claim, talk.now_ns)
    assert isinstance(talk.hears(LimitsAnswered(claim))[0], ContinueBody)


def test_a_request_that_the_store_refuses_is_429() -> None:
    """With the wait that it says."""
    talks = Talks(REQUESTS)
    talks.memory = Asked()
    talk, claim = waiting(talks)
    full = LimitMemory()
    full.charge(claim, talk.now_ns)
    full.charge(claim, talk.now_ns)
    full.reserve(claim, talk.now_ns)
    talk.hears(LimitsAnswered(claim))
    assert refusal(talk).status == 429


def test_streams_are_settled_by_their_last_count() -> None:
    """As an unstreamed answer."""
    talks = Talks(BIG)
    talk = talks.ask(stream=True, max_tokens=900)
    talk.hears(ResponseHeaders({":status": "200", "content-type": SSE}, details="via_upstream"))
    talk.hears_all(chunks(chat_chunk("one") + chat_chunk(finish="stop") + usage_chunk(30, 40) + DONE))
    talk.hears(StreamClosed())
    assert owed(talks) == 70


# --- in the middle of a stream -------------------------------------------------------------------------------------

CUTTING = {**TOKENS, "limit": 1, "window": "day", "burst": 100, "mid_stream": "cut"}


def long_stream(limit: dict[str, Any], *parts: dict[str, Any]) -> Conversation:
    """A stream of 400 tokens to a team whose answers are short."""
    talks = Talks(limit, parts=parts or (VERSION, METER))
    for _ in range(3):
        talks.memory.lengths.learn("search", "tiny/v1", "chat", 5)
    talk = talks.ask(stream=True, max_tokens=None)
    talk.hears(response_headers(SSE))
    for number in range(400):
        if not talk.closed:
            talk.hears_all(chunks(chat_chunk(f" word{number}"), end=False))
    talk.hears_all(chunks(chat_chunk(finish="stop") + usage_chunk(9, 400) + DONE))
    talk.hears(StreamClosed())
    return talk


def test_a_stream_that_passes_its_budget_is_cut_where_a_limit_says_so() -> None:
    """As if it had reached its token limit: clients know that end, and keep the text."""
    talk = long_stream(CUTTING)
    *texts, end, done = talk.client_events
    assert end["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "length"}
    assert done == "[DONE]"
    assert len(texts) in range(50, 101)
    record = talk.record
    assert (record.outcome, record.reason) == (Outcome.CUT, "rate_limit_exceeded")
    assert record.usage is not None
    assert record.usage.prompt + record.usage.completion <= 120


@pytest.mark.parametrize("limit", [{**CUTTING, "mid_stream": "pass"}, {**CUTTING, "mode": "shadow"}])
def test_otherwise_it_goes_on(limit: dict[str, Any]) -> None:
    """And later requests pay for it."""
    talk = long_stream(limit)
    assert talk.record.outcome is Outcome.COMPLETED
    assert talk.record.usage is not None
    assert talk.record.usage.completion == 400


def test_a_stream_that_has_room_is_not_cut() -> None:
    """It reserves more as it goes."""
    talk = long_stream({**CUTTING, "burst": 1_000})
    assert talk.record.outcome is Outcome.COMPLETED


def test_what_guards_hold_is_checked_before_the_cut() -> None:
    """Nothing leaves unchecked, and nothing that may leave is lost."""
    talk = long_stream(CUTTING, VERSION, {"guard": "pii", "on": "both"}, METER)
    assert talk.record.outcome is Outcome.CUT
    assert talk.client_events[-1] == "[DONE]"
    assert talk.record.coverage


def test_what_was_reserved_for_a_longer_stream_is_settled() -> None:
    """It has used less than its last extension."""
    talks = Talks({**BIG, "mid_stream": "cut"})
    for _ in range(3):
        talks.memory.lengths.learn("search", "tiny/v1", "chat", 5)
    talk = talks.ask(stream=True, max_tokens=None)
    talk.hears(response_headers(SSE))
    for number in range(50):
        talk.hears_all(chunks(chat_chunk(f" word{number}"), end=False))
    assert owed(talks) > 60
    talk.hears_all(chunks(chat_chunk(finish="stop") + usage_chunk(9, 50) + DONE))
    talk.hears(StreamClosed())
    assert owed(talks) == 59
