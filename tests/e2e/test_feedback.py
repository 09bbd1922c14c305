"""Feedback through a real Envoy, two workers and two teams: what is taken and refused, and that it holds up nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from extproc.domain.api_keys import hash_of, key_of
from extproc.sinks.review.entries import FindingQuery
from extproc.sinks.review.store import Store
from tests.e2e.asking import CHAT
from tests.e2e.harness import Answer, Stack, require_envoy, wait_until
from tests.e2e.official import openai_of
from tests.unit.server.processes import sum_of

pytestmark = pytest.mark.transport

FEEDBACK = "/v1/feedback"
PAGE = "https://chat.example.com"
TEAMS = ("search", "atlas", "whole", "streamed")
SEARCH, ATLAS, WHOLE, STREAMED = (key_of(bytes([number]) * 32) for number in range(21, 25))
KEYS = "keys:\n" + "".join(
    f'  - {{ id: {team}-1, hash: "{hash_of(key)}", team: {team} }}\n'
    for team, key in zip(TEAMS, (SEARCH, ATLAS, WHOLE, STREAMED), strict=True)
)
HELLO: dict[str, Any] = {"model": "tiny-chat", "messages": [{"role": "user", "content": "Hello"}]}
ID = "x-llm-exchange-id"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """With keys, a ledger and a review queue."""
    require_envoy()
    directory = tmp_path_factory.mktemp("feedback")
    (directory / "keys.yaml").write_text(KEYS)
    (directory / "users.key").write_bytes(b"the key of the users")

    def change(data: dict[str, Any]) -> None:
        data["identity"] = {
            "sources": [{"source": "api_key", "file": "keys.yaml"}],
            "user_field": True,
            "user_hash_key_file": "users.key",
        }
        data["ledger"] = {"url": "sqlite:///ledger.db"}
        data["review"] = {"url": "sqlite:///review.db"}
        data["feedback"] = {"origins": [PAGE]}
        data["server"]["workers"] = 2

    with Stack(directory, change=change) as running:
        yield running


def chat(stack: Stack, key: str = SEARCH, **more: Any) -> Answer:
    """One chat."""
    answer = stack.curl(CHAT, "-H", f"authorization: Bearer {key}", body={**HELLO, **more})
    assert answer.status == 200
    return answer


def give(stack: Stack, body: Any, *options: str, key: str = SEARCH) -> Answer:
    """One feedback, once."""
    return stack.curl(FEEDBACK, "-H", f"authorization: Bearer {key}", *options, body=body)


def taken(stack: Stack, body: Any, *options: str, key: str = SEARCH) -> Answer:
    """One feedback, sent again while its exchange is not recorded yet."""

    def sent() -> Answer | None:
        answer = give(stack, body, *options, key=key)
        return None if answer.status == 404 else answer

    answer = wait_until(sent, "the feedback is taken")
    assert answer is not None
    return answer


def code_of(answer: Answer) -> tuple[int, str]:
    """The status and code of an error."""
    return answer.status, answer.document["error"]["code"]


def metric(stack: Stack, name: str, **labels: str) -> float:
    """What the page of all workers shows."""
    return sum_of(stack.processor.page("/metrics"), name, **labels)


def rows(stack: Stack, exchange: str) -> list[dict[str, Any]]:
    """What the store has of an exchange."""
    with closing(sqlite3.connect(stack.directory / "ledger.db")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM feedback WHERE exchange = ? ORDER BY user_id, type", (exchange,))
        return [dict(row) for row in found]


def test_a_thumb_for_an_answer(stack: Stack) -> None:
    """By either worker; once, however often it is sent; seen in metrics and in the store."""
    exchange = chat(stack).headers[ID]
    before = metric(stack, "llm_user_feedback_total", feedback_type="negative", model="tiny-chat")
    thumb = {"exchange_id": exchange, "type": "negative", "score": 0}
    first = taken(stack, thumb)
    assert (first.status, first.document) == (
        200,
        {
            "object": "feedback",
            "exchange_id": exchange,
            "type": "negative",
            "status": "created",
            "comment": "none",
        },
    )
    assert first.headers[ID] != exchange
    assert first.headers["content-type"] == "application/json"
    again = [give(stack, thumb).document["status"] for _ in range(4)]
    assert again == ["repeated"] * 4
    assert give(stack, {**thumb, "score": 1}).document["status"] == "updated"
    wait_until(
        lambda: metric(stack, "llm_user_feedback_total", feedback_type="negative", model="tiny-chat") == before + 1,
        "it is counted once",
    )
    (row,) = rows(stack, exchange)
    assert (row["team"], row["model"], row["score"], row["route"]) == ("search", "tiny-chat", 1.0, "")
    assert row["version"] in ("v1", "v2")
    assert len(row["fingerprint"]) == 12


def test_replayed_at_once_it_counts_once(stack: Stack) -> None:
    """Over several connections and workers."""
    exchange = chat(stack).headers[ID]
    thumb = {"exchange_id": exchange, "type": "copy"}
    taken(stack, {"exchange_id": exchange, "type": "custom"})
    with ThreadPoolExecutor(8) as threads:
        statuses = [one.document["status"] for one in threads.map(lambda _: taken(stack, thumb), range(16))]
    assert sorted(statuses) == ["created", *["repeated"] * 15]
    assert [row["type"] for row in rows(stack, exchange)] == ["copy", "custom"]


@pytest.mark.parametrize(("streamed", "key"), [(False, WHOLE), (True, STREAMED)])
def test_an_official_client_names_the_answer_by_its_id(stack: Stack, streamed: bool, key: str) -> None:
    """It shows no headers by itself. The user is the one of its request.

    The recorded answers of the model servers have one id each, so each team asks once.
    """
    client = openai_of(stack.base_url).with_options(api_key=key)
    if streamed:
        response = [chunk.id for chunk in client.chat.completions.create(**HELLO, stream=True, user="ann")][-1]
    else:
        response = client.chat.completions.create(**HELLO, user="ann").id
    answer = taken(stack, {"response_id": response, "type": "positive", "user": "ann"}, key=key)
    assert answer.document["status"] == "created"
    exchange = answer.document["exchange_id"]
    (row,) = rows(stack, exchange)
    assert len(row["user_id"]) == 16
    same, other = (
        give(stack, {"exchange_id": exchange, "type": "positive", "user": user}, key=key) for user in ("ann", "bob")
    )
    assert (same.document["status"], other.document["status"]) == ("repeated", "created")
    assert code_of(give(stack, {"response_id": response, "type": "positive"}, key=ATLAS)) == (404, "exchange_not_found")


def test_exchanges_of_others_and_of_nobody_look_alike(stack: Stack) -> None:
    """Of another team, forged, or not there yet: the same answer, but for its own id."""
    exchange = chat(stack).headers[ID]
    taken(stack, {"exchange_id": exchange, "type": "copy"})
    prefix, _, number = exchange.rpartition("-")
    tomorrow = f"{prefix}-{int(number, 16) + 100_000:x}"
    answers = [
        give(stack, {"exchange_id": exchange, "type": "negative"}, key=ATLAS),
        give(stack, {"exchange_id": tomorrow, "type": "negative"}),
        give(stack, {"exchange_id": "0' OR 1=1 --", "type": "negative"}),
        give(stack, {"response_id": "chatcmpl-forged", "type": "negative"}),
    ]
    for answer in answers:
        assert code_of(answer) == (404, "exchange_not_found")
        assert answer.body == answers[0].body
        assert answer.headers["retry-after"] == "1"
    assert [row["type"] for row in rows(stack, exchange)] == ["copy"]
    wait_until(lambda: metric(stack, "llm_user_feedback_refused_total", reason="foreign"), "it is seen by the operator")


def test_without_a_credential_nothing_is_taken(stack: Stack) -> None:
    """As on every path."""
    answer = stack.curl(FEEDBACK, body={"exchange_id": "a-1", "type": "copy"})
    assert code_of(answer) == (401, "missing_credentials")


def test_bodies_that_are_none(stack: Stack) -> None:
    """Refused at once, also without a length; and the path serves on."""
    good = {"exchange_id": "a-1", "type": "copy"}
    assert code_of(give(stack, b"{")) == (400, "invalid_json")
    assert code_of(give(stack, {**good, "type": "bad"})) == (400, "invalid_feedback")
    huge = json.dumps({**good, "comment": "a" * 1_000_000}).encode()
    assert code_of(give(stack, huge)) == (413, "feedback_too_large")
    assert code_of(give(stack, huge, "-H", "transfer-encoding: chunked")) == (413, "feedback_too_large")
    assert give(stack, b"a" * 8_000_000).status == 413
    form = stack.curl(FEEDBACK, "-H", f"authorization: Bearer {SEARCH}", "-H", "content-type: text/plain", "-d", "{}")
    assert code_of(form) == (415, "unsupported_content_type")
    assert code_of(stack.curl(FEEDBACK, "-H", f"authorization: Bearer {SEARCH}")) == (405, "method_not_allowed")
    assert chat(stack).status == 200


def test_a_page_in_a_browser(stack: Stack) -> None:
    """A preflight request, then the feedback, also where it is refused."""
    asked = "-X", "OPTIONS", "-H", "access-control-request-method: POST"
    preflight = stack.curl(FEEDBACK, *asked, "-H", f"origin: {PAGE}")
    assert (preflight.status, preflight.body) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = give(stack, {"exchange_id": "a-1", "type": "copy"}, "-H", f"origin: {PAGE}")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, PAGE)
    other = stack.curl(FEEDBACK, *asked, "-H", "origin: https://evil.example")
    assert code_of(other) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-origin" not in stack.curl(CHAT, *asked, "-H", f"origin: {PAGE}").headers


def test_a_comment_is_kept_masked(stack: Stack) -> None:
    """In the review queue, with the id of the exchange; neither in the ledger nor in the log."""
    exchange = chat(stack).headers[ID]
    comment = "Wrong, ask bob@example.org about xyzzy."
    thumb = {"exchange_id": exchange, "type": "negative", "comment": comment}
    assert taken(stack, thumb).document["comment"] == "kept"
    assert give(stack, thumb).document == {**taken(stack, thumb).document, "status": "repeated", "comment": "kept"}

    def found() -> list[Any]:
        store = Store("sqlite:///review.db", stack.directory, creates=False)
        entries = [one for one, _ in store.find_all(FindingQuery(guard="feedback", exchange=exchange))]
        store.close()
        return entries

    (stored,) = wait_until(found, "a reviewer sees it")
    assert stored.entry.excerpt == "Wrong, ask <EMAIL> about xyzzy."
    assert (stored.entry.kind, stored.entry.team, stored.entry.model) == ("negative", "search", "tiny-chat")
    for file in [*stack.directory.glob("ledger.db*"), *stack.directory.glob("*.log")]:
        assert b"xyzzy" not in file.read_bytes(), file.name


def test_while_the_store_is_locked_feedback_is_refused_and_nothing_else(stack: Stack) -> None:
    """503 with a time to come again; chats are answered meanwhile. Afterwards it is taken, and counts once."""
    exchange = chat(stack).headers[ID]
    thumb = {"exchange_id": exchange, "type": "regenerate"}
    taken(stack, {"exchange_id": exchange, "type": "copy"})
    with closing(sqlite3.connect(stack.directory / "ledger.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        refused = give(stack, thumb)
        assert code_of(refused) == (503, "feedback_unavailable")
        assert refused.headers["retry-after"] == "5"
        assert refused.seconds < 2
        assert chat(stack).status == 200
        database.execute("ROLLBACK")

    def accepted() -> bool:
        return give(stack, thumb).status == 200

    wait_until(accepted, "the store takes it again", 20)
    assert [row["type"] for row in rows(stack, exchange)] == ["copy", "regenerate"]


def test_what_a_person_reads(stack: Stack) -> None:
    """A thumb leads to its entry, and from there to version, prompt and findings."""
    exchange = chat(stack).headers[ID]
    taken(stack, {"exchange_id": exchange, "type": "negative"})
    query = (
        "SELECT e.version, e.prompt_fingerprint, e.findings, e.response_id FROM feedback f"
        " JOIN ledger_entries e USING (exchange) WHERE f.type = 'negative' AND f.exchange = ?"
    )

    def joined() -> list[Any]:
        with closing(sqlite3.connect(stack.directory / "ledger.db")) as database:
            return database.execute(query, (exchange,)).fetchall()

    ((version, _, findings, response_id),) = wait_until(joined, "the entry is stored")
    assert version in ("v1", "v2")
    assert json.loads(findings) == {}
    assert response_id.startswith("chatcmpl-")
