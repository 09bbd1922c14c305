"""Feedback, as it is said and answered: who may send it, what it may say, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.domain.feedback import CommentFate, FeedbackClaim, FeedbackResult, FeedbackType, GivenFeedback
from extproc.domain.identity import user_hash
from extproc.domain.record import ExchangeRecord, Outcome
from extproc.domain.text import Direction
from extproc.exchange.events import (
    Command,
    ContinueHeaders,
    FeedbackAnswered,
    ImmediateResponse,
    RequestBody,
    StreamClosed,
)
from extproc.exchange.machine import Exchange
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.callers import API_KEY, ATLAS, SEARCH, STRANGER, USER_KEY
from tests.playbooks.driver import METER, VERSION, request_headers, snapshot_of

PATH = "/v1/feedback"
PAGE = "https://chat.example.com"
THUMB = {"exchange_id": "ab12-1f", "type": "negative"}
OPEN = snapshot_of(VERSION, METER, ledger={}, feedback={})
KEYED = snapshot_of(VERSION, METER, ledger={}, feedback={"origins": [PAGE]}, identity={"sources": [API_KEY]})
USERS = {"user_field": True, "user_hash_key_file": "users.key"}
NAMING = snapshot_of(VERSION, METER, ledger={}, feedback={}, identity=USERS)


@dataclass
class Talk:
    """One feedback: what the client says, and what it hears."""

    snapshot: Snapshot = OPEN
    path: str = PATH
    commands: list[Command] = field(default_factory=list)
    claim: FeedbackClaim | None = None

    def __post_init__(self) -> None:
        self.exchange = Exchange(self.snapshot, "post-1", 0)

    def says(self, body: Any = None, *, method: str = "POST", **headers: str) -> Talk:
        """Send it; without a body, only its headers."""
        self.commands = self.exchange.step(request_headers(self.path, method, body is None, **headers), 1).commands
        if self.exchange.awaits_request and body is not None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            step = self.exchange.step(RequestBody(raw), 2)
            self.commands = step.commands
            for wait in step.waits:
                assert isinstance(wait, FeedbackClaim)
                self.claim = wait
        return self

    def answered(self, result: FeedbackResult, fate: CommentFate = CommentFate.NONE) -> Talk:
        """The store has decided."""
        assert self.claim is not None
        assert self.commands == []
        exchange = self.claim.exchange or self.claim.given.exchange
        answered = replace(self.claim, result=result, comment_fate=fate, exchange=exchange)
        self.commands = self.exchange.step(FeedbackAnswered(answered), 3).commands
        return self

    @property
    def reply(self) -> ImmediateResponse:
        """What the client hears."""
        (reply,) = self.commands
        assert isinstance(reply, ImmediateResponse)
        return reply

    @property
    def refusal(self) -> tuple[int, str, str | None]:
        """The status, code and place of an error."""
        error = json.loads(self.reply.body)["error"]
        return self.reply.status, error["code"], error["param"]

    @property
    def record(self) -> ExchangeRecord:
        """Of this request."""
        return self.exchange.record


# --- what is taken -------------------------------------------------------------------------------------------------


def test_a_thumb_is_answered_when_the_store_has_it() -> None:
    """Nothing is told before; the model server hears of nothing."""
    talk = Talk().says(THUMB, x_team="search")
    assert talk.commands == []
    talk.answered(FeedbackResult.CREATED)
    assert json.loads(talk.reply.body) == {
        "object": "feedback",
        "exchange_id": "ab12-1f",
        "type": "negative",
        "status": "created",
        "comment": "none",
    }
    assert (talk.reply.status, talk.reply.exchange_id, talk.reply.headers) == (200, "post-1", ())
    record = talk.record
    assert (record.endpoint, record.outcome, record.status, record.team) == (
        "feedback",
        Outcome.ANSWERED,
        200,
        "search",
    )
    assert (record.sent_ns, record.version, record.reason) == (0, None, "")


def test_the_claim_says_who_gives_it_and_until_when() -> None:
    """The store decides by that alone."""
    claim = Talk().says({**THUMB, "score": 2, "comment": None, "user": "ann"}, x_team="search").claim
    assert claim is not None
    assert claim.given == GivenFeedback("ab12-1f", FeedbackType.NEGATIVE, "", 2.0, "", "ann")
    assert (claim.team, claim.user) == ("search", "")  # nobody asked to tell users apart
    assert (claim.age_us_max, claim.wait_ms) == (604_800_000_000, 1_500)


def test_the_store_is_waited_for_less_than_envoy_waits() -> None:
    """Otherwise Envoy would answer, with an error that says nothing."""
    snapshot = snapshot_of(VERSION, METER, ledger={}, feedback={}, envoy={"message_timeout_ms": 400})
    claim = Talk(snapshot).says(THUMB).claim
    assert claim is not None
    assert claim.wait_ms == 300


def test_a_user_of_the_body_is_a_hash() -> None:
    """Where the configuration takes such users, as it does in requests for a model."""
    talk = Talk(NAMING).says({**THUMB, "user": "ann"})
    assert talk.claim is not None
    assert talk.claim.user == talk.record.user == user_hash("ann", USER_KEY)
    assert Talk(NAMING).says(THUMB).record.user == ""


def test_an_answer_may_be_named_by_its_own_id() -> None:
    """As a library of OpenAI's shows it. The client learns the id of the exchange."""
    talk = Talk().says({"response_id": "chatcmpl-1", "type": "copy"})
    assert talk.claim is not None
    assert (talk.claim.given.exchange, talk.claim.given.response) == ("", "chatcmpl-1")
    talk.claim.exchange = "ab12-1f"
    assert json.loads(talk.answered(FeedbackResult.CREATED).reply.body)["exchange_id"] == "ab12-1f"


def test_a_changed_comment_has_another_hash() -> None:
    """Of the same user, exchange and type only: it says nothing of equal comments elsewhere."""

    def hash_of(exchange: str = "ab12-1", **more: Any) -> str:
        claim = Talk(NAMING).says({**THUMB, "comment": "Wrong year.", **more}).claim
        assert claim is not None
        return claim.comment_hash(exchange)

    assert hash_of() == hash_of(exchange_id="", response_id="chatcmpl-1")
    others = [{"comment": "Wrong day."}, {"user": "ann"}, {"type": "custom"}]
    assert len({hash_of(), hash_of("ab12-2"), *(hash_of(**one) for one in others)}) == 5
    assert hash_of(comment="") == ""


def test_a_comment_is_in_no_record() -> None:
    """Nor the user's name."""
    talk = Talk(NAMING).says({**THUMB, "comment": "xyzzy", "user": "plugh"})
    talk.answered(FeedbackResult.CREATED, CommentFate.DROPPED)
    assert json.loads(talk.reply.body)["comment"] == "dropped"
    for one in (talk.record, talk.claim, talk.reply):
        assert "xyzzy" not in repr(one)
        assert "plugh" not in repr(one)


@pytest.mark.parametrize("kind", ["positive", "negative", "regenerate", "copy", "custom"])
def test_each_type_is_taken(kind: str) -> None:
    """With any status that says that it is stored."""
    for status in ("created", "updated", "repeated"):
        talk = Talk().says({**THUMB, "type": kind}).answered(FeedbackResult(status))
        assert (talk.reply.status, json.loads(talk.reply.body)["status"]) == (200, status)


# --- what the store says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "refusal", "retry_after_s"),
    [
        (FeedbackResult.NOT_FOUND, (404, "exchange_not_found", None), 1),
        (FeedbackResult.FOREIGN, (404, "exchange_not_found", None), 1),
        (FeedbackResult.TOO_LATE, (410, "feedback_too_late", None), 0),
        (FeedbackResult.TOO_MANY, (400, "too_much_feedback", None), 0),
        (FeedbackResult.UNAVAILABLE, (503, "feedback_unavailable", None), 5),
    ],
)
def test_what_is_not_stored_is_never_taken_for_stored(
    result: FeedbackResult, refusal: tuple[int, str, None], retry_after_s: int
) -> None:
    """And the metrics know why."""
    talk = Talk().says(THUMB).answered(result)
    assert talk.refusal == refusal
    assert talk.reply.retry_after_s == retry_after_s
    assert (talk.record.reason, talk.record.feedback_refusal) == (refusal[1], result.value)
    assert talk.record.outcome is (Outcome.FAILED if refusal[0] == 503 else Outcome.REJECTED)


def test_an_exchange_of_another_team_looks_like_none() -> None:
    """To the byte: an id tells nobody whether it exists."""
    foreign, unknown = (Talk().says(THUMB).answered(one) for one in (FeedbackResult.FOREIGN, FeedbackResult.NOT_FOUND))
    assert foreign.reply == unknown.reply


def test_a_client_that_leaves_ends_its_request() -> None:
    """What it sent is stored all the same, by who has it now."""
    talk = Talk().says(THUMB)
    step = talk.exchange.step(StreamClosed(), 3)
    assert step.ended is not None
    assert (step.ended.outcome, step.commands) == (Outcome.ABORTED, [])


# --- what is refused -------------------------------------------------------------------------------------------------

BAD_BODIES = {
    "no JSON": (b"{", (400, "invalid_json", None)),
    "nothing": (b"", (400, "invalid_json", None)),
    "another encoding": (b"\xff\xfe{\x00}\x00", (400, "invalid_encoding", None)),
    "a list": (b"[]", (400, "invalid_feedback", None)),
    "the same key twice": (
        b'{"exchange_id":"a","exchange_id":"b","type":"copy"}',
        (400, "duplicate_key", None),
    ),
    "nested": (b'{"exchange_id":' + b"[" * 9 + b"]" * 9 + b"}", (400, "json_too_deep", None)),
    "another key": (json.dumps({**THUMB, "model": "x"}).encode(), (400, "invalid_feedback", None)),
    "no type": (b'{"exchange_id":"a"}', (400, "invalid_feedback", "type")),
    "another type": (b'{"exchange_id":"a","type":"bad"}', (400, "invalid_feedback", "type")),
    "a type of another case": (b'{"exchange_id":"a","type":"Positive"}', (400, "invalid_feedback", "type")),
    "a list as a type": (b'{"exchange_id":"a","type":["copy"]}', (400, "invalid_feedback", "type")),
    "no exchange": (b'{"type":"copy"}', (400, "invalid_feedback", None)),
    "an empty exchange": (b'{"exchange_id":"","type":"copy"}', (400, "invalid_feedback", None)),
    "two exchanges": (b'{"exchange_id":"a","response_id":"b","type":"copy"}', (400, "invalid_feedback", None)),
    "a list as a response": (b'{"response_id":[],"type":"copy"}', (400, "invalid_feedback", "response_id")),
    "a number as an exchange": (b'{"exchange_id":7,"type":"copy"}', (400, "invalid_feedback", "exchange_id")),
    "a long exchange": (
        json.dumps({**THUMB, "exchange_id": "a" * 129}).encode(),
        (400, "invalid_feedback", "exchange_id"),
    ),
    "an exchange with a NUL": (b'{"exchange_id":"a\\u0000","type":"copy"}', (400, "invalid_feedback", "exchange_id")),
    "an exchange that is no ASCII": (
        '{"exchange_id":"ä","type":"copy"}'.encode(),
        (400, "invalid_feedback", "exchange_id"),
    ),
    "a text as a score": (json.dumps({**THUMB, "score": "1"}).encode(), (400, "invalid_feedback", "score")),
    "true as a score": (json.dumps({**THUMB, "score": True}).encode(), (400, "invalid_feedback", "score")),
    "a huge score": (json.dumps({**THUMB, "score": 1_000_001}).encode(), (400, "invalid_feedback", "score")),
    "an endless score": (b'{"exchange_id":"a","type":"copy","score":1e400}', (400, "invalid_json", None)),
    "no number": (b'{"exchange_id":"a","type":"copy","score":NaN}', (400, "invalid_json", None)),
    "a long comment": (json.dumps({**THUMB, "comment": "a" * 1_001}).encode(), (400, "invalid_feedback", "comment")),
    "a long user": (json.dumps({**THUMB, "user": "a" * 257}).encode(), (400, "invalid_feedback", "user")),
    "a huge body": (json.dumps({**THUMB, "comment": "a" * 20_000}).encode(), (413, "feedback_too_large", None)),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_feedback(name: str) -> None:
    """The error says what and where, and quotes nothing."""
    body, refusal = BAD_BODIES[name]
    talk = Talk().says(body)
    assert talk.refusal == refusal
    assert talk.record.outcome is Outcome.REJECTED
    assert talk.record.request_bytes == len(body)


@given(
    st.binary(max_size=300) | st.text(max_size=100).map(lambda text: json.dumps({**THUMB, "comment": text}).encode())
)
def test_any_bytes_are_a_feedback_or_an_error(body: bytes) -> None:
    """Never an internal error."""
    talk = Talk().says(body)
    if talk.claim is None:
        assert talk.refusal[0] in (400, 413)
    else:
        assert talk.answered(FeedbackResult.CREATED).reply.status == 200


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"content_type": "text/plain"}, (415, "unsupported_content_type", None)),  # what a form of any page can send
        ({"content_encoding": "gzip"}, (415, "unsupported_content_encoding", None)),
        ({"content_length": "16385"}, (413, "feedback_too_large", None)),
        ({"method": "GET"}, (405, "method_not_allowed", None)),
        ({"method": "OPTIONS"}, (405, "method_not_allowed", None)),
        ({"method": "PUT"}, (405, "method_not_allowed", None)),
    ],
)
def test_what_is_refused_before_its_body_is_sent(headers: dict[str, str], refusal: tuple[int, str, None]) -> None:
    """By its headers."""
    assert Talk().says(THUMB, **headers).refusal == refusal


def test_a_request_without_a_body() -> None:
    """It ends with its headers."""
    assert Talk().says(None, content_type="application/json").refusal == (400, "body_missing", None)


def test_without_the_section_there_is_no_such_path() -> None:
    """Off by default."""
    off = snapshot_of(VERSION, METER, ledger={})
    assert Talk(off).says(THUMB).refusal == (403, "path_not_allowed", None)


@pytest.mark.parametrize("path", ["/v1/feedback/", "/V1/feedback", "/v1/feedback/x", "//v1/feedback"])
def test_only_its_own_path_is_feedback(path: str) -> None:
    """A query is none of it."""
    assert Talk(path=path).says(THUMB).refusal[1] == "path_not_allowed"
    assert Talk(path=f"{PATH}?a=b").says(THUMB).answered(FeedbackResult.CREATED).reply.status == 200


def test_a_path_of_its_own() -> None:
    """The default one is none then."""
    snapshot = snapshot_of(VERSION, METER, ledger={}, feedback={"path": "/thumbs"})
    assert Talk(snapshot, "/thumbs").says(THUMB).claim is not None
    assert Talk(snapshot).says(THUMB).refusal[1] == "path_not_allowed"


# --- who may ---------------------------------------------------------------------------------------------------------


def test_identity_is_settled_as_everywhere() -> None:
    """By the key: what a header claims beyond it is refused."""
    for key, team in ((SEARCH, "search"), (ATLAS, "atlas")):
        claim = Talk(KEYED).says(THUMB, authorization=f"Bearer {key}").claim
        assert claim is not None
        assert claim.team == team
    assert Talk(KEYED).says(THUMB).refusal[0] == 401
    assert Talk(KEYED).says(THUMB, authorization=f"Bearer {STRANGER}").refusal[0] == 401
    assert Talk(KEYED).says(THUMB, authorization=f"Bearer {SEARCH}", x_team="atlas").refusal[0] == 403


def test_envoy_keeps_the_credential_that_goes_nowhere() -> None:
    """The request is answered here: nothing is forwarded, and internal headers are removed."""
    talk = Talk(KEYED).says(None, authorization=f"Bearer {SEARCH}", x_llm_model="x", content_type="application/json")
    assert talk.refusal[1] == "body_missing"
    exchange = Exchange(KEYED, "post-2", 0)
    (command,) = exchange.step(request_headers(PATH, authorization=f"Bearer {SEARCH}", x_llm_model="x"), 1).commands
    assert isinstance(command, ContinueHeaders)
    assert (command.direction, command.changes.remove) == (Direction.REQUEST, ("x-llm-model",))


# --- web pages -------------------------------------------------------------------------------------------------------


def test_a_preflight_request_of_a_named_page() -> None:
    """It has no credential, and needs none."""
    talk = Talk(KEYED).says(None, method="OPTIONS", origin=PAGE, access_control_request_method="POST")
    assert (talk.reply.status, talk.reply.body) == (204, b"")
    assert dict(talk.reply.headers) == {
        "access-control-allow-origin": PAGE,
        "access-control-expose-headers": "x-llm-exchange-id, retry-after",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": (
            "content-type, authorization, x-api-key, x-team, x-project, x-budget-code, x-tier, x-use-case"
        ),
        "access-control-max-age": "600",
        "vary": "origin",
    }
    assert (talk.record.outcome, talk.record.team) == (Outcome.ANSWERED, "unknown")


def test_every_reply_to_a_named_page_can_be_read_by_it() -> None:
    """Errors too, also those of its identity; the other headers of an error stay."""
    key = {"authorization": f"Bearer {SEARCH}", "origin": PAGE}
    replies = [
        Talk(KEYED).says(THUMB, **key).answered(FeedbackResult.CREATED).reply,
        Talk(KEYED).says(THUMB, **key).answered(FeedbackResult.NOT_FOUND).reply,
        Talk(KEYED).says({}, **key).reply,
        Talk(KEYED).says(THUMB, origin=PAGE).reply,
    ]
    assert [one.status for one in replies] == [200, 404, 400, 401]
    for reply in replies:
        assert ("access-control-allow-origin", PAGE) in reply.headers
    elsewhere = Exchange(KEYED, "post-3", 0).step(request_headers(origin=PAGE), 1).commands[0]
    assert isinstance(elsewhere, ImmediateResponse)
    assert elsewhere.headers == ()


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{PAGE}.evil.example", PAGE.upper(), ""])
def test_a_page_that_is_not_named(origin: str) -> None:
    """Its browser keeps the reply from it; a preflight request is refused."""
    assert Talk(KEYED).says(None, method="OPTIONS", origin=origin).refusal == (403, "origin_not_allowed", None)
    reply = Talk(KEYED).says(THUMB, origin=origin, authorization=f"Bearer {SEARCH}").answered(FeedbackResult.CREATED)
    assert reply.reply.headers == (("vary", "origin"),)
