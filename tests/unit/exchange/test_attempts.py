"""What an answer through a fallback says of its attempts, and what the exchange makes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.record import ANSWERED, SERVER_CHARS_MAX, Attempt, ExchangeRecord, Outcome
from extproc.exchange.attempts import ATTEMPTS_MAX, REASONS, RETRY_AFTER_S_MAX, parse_attempts
from extproc.exchange.events import (
    Command,
    ContinueBody,
    ContinueHeaders,
    ImmediateResponse,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
)
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from tests.unit.exchange.falling import CHAT, FIRST, RESPONSES, SECOND, SPARE, snapshot

EGRESSED = frozenset({FIRST, SECOND})
HI = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "tiny-next",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}


class Asked:
    """An exchange whose request was forwarded by an Envoy that calls again for these versions."""

    def __init__(
        self,
        body: Mapping[str, object] = HI,
        path: str = CHAT,
        egressed: frozenset[str] = EGRESSED,
        compiled: Snapshot | None = None,
    ) -> None:
        self.exchange = Exchange(compiled or snapshot(), "exchange-1", 0, egressed=egressed)
        self.exchange.step(RequestHeaders({":method": "POST", ":path": path, "content-type": "application/json"}), 1)
        sent = json.dumps(body).encode()
        (command,) = self.exchange.step(RequestBody(sent), 2).commands
        assert isinstance(command, ContinueBody)
        self.forward = command
        self.server = json.loads(sent if command.body is None else command.body)

    def answered(self, attempts: str, served: str, status: int = 200, upstream: str = "", **headers: str) -> Command:
        """The reply to the headers of an answer."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = {":status": str(status), "content-type": "application/json", "content-length": "9"}
        answer |= {"x-llm-served-version": served, "x-llm-attempts": attempts, "x-llm-attempt": "any", **told}
        (command,) = self.exchange.step(ResponseHeaders(answer, False, "via_upstream", upstream), 3).commands
        return command

    def ended(self, body: object = ANSWER) -> ExchangeRecord:
        """The record after the whole answer."""
        step = self.exchange.step(ResponseBody(json.dumps(body).encode(), True), 4)
        self.client = step.commands[0]
        assert step.ended is not None
        return step.ended


def test_name_and_prompt_are_left_to_the_attempt() -> None:
    """The client sees the name that it asked for, and its own instructions."""
    asked = Asked()
    assert asked.server == HI
    asked.answered(f"{FIRST}=reset=,{SECOND}=answered=", SECOND)
    asked.ended()
    assert isinstance(asked.client, ContinueBody)
    assert json.loads(asked.client.body or b"")["model"] == "tiny"
    asked = Asked({"model": "tiny", "input": "Hi", "instructions": "Be brief."}, RESPONSES)
    asked.answered(f"{SECOND}=answered=", SECOND)
    asked.ended({"model": "tiny-next", "instructions": "You are the second.\n\nBe brief.", "output": []})
    assert isinstance(asked.client, ContinueBody)
    assert json.loads(asked.client.body or b"")["instructions"] == "Be brief."


def test_an_envoy_that_does_not_call_again_gets_both_at_once() -> None:
    """Its routes decide, not our configuration: it may be older."""
    server = Asked(egressed=frozenset()).server
    assert server["messages"][0] == {"role": "system", "content": "You are the first."}


def test_the_version_that_answered_is_billed() -> None:
    """With all attempts, and a step for each change of the version."""
    asked = Asked()
    asked.answered(f"{FIRST}=rate_limit=7,{SECOND}=timeout=,{SPARE}=answered=", SPARE)
    record = asked.ended()
    assert record.version is not None
    assert record.chosen is not None
    assert (record.version.name, record.chosen.name) == (SPARE, FIRST)
    assert record.cost_micro_usd == 5 * 3
    assert record.attempts == (Attempt(FIRST, "rate_limit"), Attempt(SECOND, "timeout"), Attempt(SPARE, ANSWERED))
    assert record.fallbacks == [(FIRST, SECOND, "rate_limit"), (SECOND, SPARE, "timeout")]
    assert isinstance(asked.client, ContinueBody)
    assert asked.client.metadata == {
        "tokens_in": 5,
        "tokens_out": 1,
        "model": "large",
        "version": "v1",
        "fingerprint": record.version.fingerprint,
        "fallback_from": FIRST,
        "fallback_reason": "rate_limit",
    }


def test_a_version_that_envoy_did_not_try_was_ejected() -> None:
    """It had failed before: the first attempt is already another's."""
    asked = Asked()
    asked.answered(f"{SECOND}=answered=", SECOND)
    assert asked.ended().fallbacks == [(FIRST, SECOND, "ejected")]


def test_a_first_answer_is_no_fallback() -> None:
    """The common case."""
    asked = Asked()
    asked.answered(f"{FIRST}=answered=", FIRST)
    record = asked.ended()
    assert record.fallbacks == []
    assert record.chosen is None


def test_a_model_server_cannot_tell_of_attempts() -> None:
    """Where no internal listener is in between, the header is the server's own."""
    asked = Asked(egressed=frozenset())
    command = asked.answered(f"{FIRST}=reset=,{SECOND}=answered=", FIRST)
    assert asked.ended().attempts == ()
    assert isinstance(command, ContinueHeaders)
    assert {"x-llm-attempts", "x-llm-attempt"} <= set(command.changes.remove)


def test_when_all_are_busy_the_shortest_wait_reaches_the_client() -> None:
    """Also where the last one has not told any."""
    command = Asked().answered(f"{FIRST}=rate_limit=7,{SECOND}=rate_limit=3,{SPARE}=gateway_error=", SPARE, 503)
    assert isinstance(command, ContinueHeaders)
    assert command.changes.set == (("retry-after", "3"),)
    command = Asked().answered(f"{FIRST}=rate_limit=7,{SECOND}=answered=", SECOND)
    assert isinstance(command, ContinueHeaders)
    assert command.changes.set == ()


def test_a_request_that_fits_nowhere_is_the_clients_error() -> None:
    """In its dialect, and without a bill."""
    asked = Asked()
    made = ",".join(f"{version}=context_length_exceeded=" for version in (FIRST, SECOND, SPARE))
    command = asked.answered(made, SPARE, 421)
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.code) == (400, "context_length_exceeded")
    assert json.loads(command.body)["error"]["type"] == "invalid_request_error"
    record = asked.exchange.record
    assert (record.outcome, record.cost_micro_usd) == (Outcome.REJECTED, 0)


def test_one_that_is_only_busy_may_fit_later() -> None:
    """So that is no error of the client."""
    asked = Asked()
    made = f"{FIRST}=rate_limit=9,{SECOND}=context_length_exceeded=,{SPARE}=context_length_exceeded="
    command = asked.answered(made, SPARE, 421)
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.retry_after_s) == (503, 9)
    record = asked.exchange.record
    assert (record.outcome, record.cost_micro_usd) == (Outcome.UPSTREAM_ERROR, 0)


@pytest.mark.parametrize(
    ("reasons", "status", "code"),
    [
        (("context_length_exceeded", "provider_forbidden", "api_not_served"), 400, "context_length_exceeded"),
        (("api_not_served", "provider_forbidden", "api_not_served"), 403, "provider_forbidden"),
        (("api_not_served", "api_not_served", "api_not_served"), 400, "api_not_served"),
        (("connect_failure", "provider_forbidden", "api_not_served"), 503, "model_unavailable"),
        (("version_unavailable", "provider_forbidden", "api_not_served"), 503, "model_unavailable"),
    ],
)
def test_why_no_version_got_the_request(reasons: tuple[str, ...], status: int, code: str) -> None:
    """The client is told what is true of all; what only one could not do, another one may do later."""
    made = ",".join(f"{version}={reason}=" for version, reason in zip((FIRST, SECOND, SPARE), reasons, strict=True))
    command = Asked().answered(made, SPARE, 421)
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.code) == (status, code)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_a_provider_refuses_is_not_the_clients(status: int) -> None:
    """So its answer, which may show a part of the key, is not passed on."""
    command = Asked().answered(f"{FIRST}=rate_limit=7,{SECOND}=credential=", SECOND, status)
    assert isinstance(command, ImmediateResponse)
    assert (command.status, command.code, command.retry_after_s) == (503, "model_unavailable", 7)


@pytest.mark.parametrize(
    ("text", "made", "wait"),
    [
        ("", (), 0),
        ("a/b=reset=", (Attempt("a/b", "reset"),), 0),
        ("a/b=hacked=5,,=,c", (Attempt("a/b", "other"),), 5),
        ("a/b=reset=-1,a/b=reset=1e9", (Attempt("a/b", "reset"), Attempt("a/b", "reset")), 0),
        ("a/b=rate_limit=99999", (Attempt("a/b", "rate_limit"),), RETRY_AFTER_S_MAX),
    ],
)
def test_odd_headers(text: str, made: tuple[Attempt, ...], wait: int) -> None:
    """What is no attempt is skipped, and nothing fails."""
    assert parse_attempts(text)[:2] == (made, wait)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("a/b=answered=", ""),
        ("a/b=answered==10.0.0.7:8000", "10.0.0.7:8000"),
        ("a/b=rate_limit=7=10.0.0.7:8000,c/d=answered==[fd00::7]:8000", "[fd00::7]:8000"),
        ("a/b=timeout==10.0.0.7:8000,c/d=context_length_exceeded=", "10.0.0.7:8000"),
        ("a/b=answered==" + "x" * (SERVER_CHARS_MAX + 1), ""),
    ],
)
def test_the_server_is_that_of_the_last_attempt_that_reached_one(text: str, server: str) -> None:
    """An attempt that was not sent has none; neither has one at a provider, nor in an Envoy of an older release."""
    assert parse_attempts(text).server == server


@pytest.mark.parametrize("upstream", ["envoy://v2__egress/", "", "10.9.9.9:8000"])
def test_through_a_fallback_the_server_is_the_one_behind_the_internal_listener(upstream: str) -> None:
    """What Envoy asked in front is that listener."""
    asked = Asked()
    asked.answered(f"{FIRST}=reset==10.0.0.1:8000,{SECOND}=answered==10.0.0.2:8000", SECOND, upstream=upstream)
    assert asked.ended().server == "10.0.0.2:8000"


@given(st.text())
def test_any_header_can_be_read(text: str) -> None:
    """A bounded number of attempts, with reasons that labels may have."""
    attempts = parse_attempts(text)
    assert len(attempts.made) <= ATTEMPTS_MAX
    assert {one.reason for one in attempts.made} <= {*REASONS, "other"}
    assert 0 <= attempts.retry_after_s <= RETRY_AFTER_S_MAX


def test_the_answer_of_another_version_has_the_prompt_of_the_route() -> None:
    """So it is measured as that revision; the attempt is told of the route."""
    routed = snapshot(routes=[{"name": "legal", "prompt": {"file": "legal.txt"}}])
    asked = Asked(compiled=routed)
    assert dict(asked.forward.changes.set)["x-llm-route"] == "legal"
    asked.answered(f"{FIRST}=reset=,{SECOND}=answered=", SECOND)
    version = asked.ended().version
    assert version is not None
    assert (version.name, version.prompt) == (SECOND, "legal.txt")


def test_an_error_of_the_server_names_the_model_as_requested() -> None:
    """Whatever the one that answered calls it."""
    asked = Asked()
    asked.answered(f"{FIRST}=reset=,{SECOND}=answered=", SECOND, 404)
    asked.ended({"error": {"message": "The model `tiny-next` does not exist.", "type": "x", "code": 404}})
    assert isinstance(asked.client, ContinueBody)
    assert json.loads(asked.client.body or b"")["error"]["message"] == "The model `tiny` does not exist."
