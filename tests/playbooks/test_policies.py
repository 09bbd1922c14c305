"""Which policy an exchange gets, and that its guards and no others judge request and answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.domain.record import Outcome
from extproc.exchange.events import ImmediateResponse, RequestBody
from extproc.exchange.snapshot import Snapshot
from tests.playbooks.driver import (
    GUARDS,
    METER,
    PII,
    PII_BLOCK,
    REFUSAL,
    VERSION,
    Conversation,
    answered,
    asked,
    chat_answer,
    dumps,
    request_body,
    request_headers,
    snapshot_of,
)

MAIL = [{"role": "user", "content": "I am ann@example.org"}]
PLAIN = {"name": "plain", "guards": [PII]}


def policies(*listed: dict[str, Any], **sections: Any) -> Snapshot:
    """A configuration with these policies, the last of which fits all."""
    return snapshot_of(VERSION, GUARDS, METER, policies=listed, **sections)


def strict(**condition: Any) -> Snapshot:
    """Personal data is refused where a condition holds, and masked elsewhere."""
    return policies({"name": "strict", "when": [condition], "guards": [PII_BLOCK]}, PLAIN)


def chosen(snapshot: Snapshot, path: str = "/v1/chat/completions", **headers: Any) -> str:
    """The policy of an exchange, which must have acted as the policy says."""
    talk = Conversation(snapshot)
    talk.hears(request_headers(path, **headers))
    embedded = RequestBody(dumps({"model": "tiny", "input": "I am ann@example.org"}))
    (action,) = talk.hears(embedded if path == "/v1/embeddings" else request_body(messages=MAIL))
    refused = isinstance(action, ImmediateResponse)
    assert refused == (talk.exchange.record.policy == "strict")
    assert (talk.server is not None and b"<EMAIL>" in talk.server) != refused
    return talk.exchange.record.policy


@pytest.mark.parametrize(
    ("condition", "headers", "policy"),
    [
        ({"teams": ["search"]}, {"x_team": "search"}, "strict"),
        ({"teams": ["search"]}, {"x_team": "support"}, "plain"),
        ({"teams": ["search"]}, {}, "plain"),
        ({"models": ["tiny"]}, {}, "strict"),
        ({"versions": ["tiny/v2"]}, {"x_pin": "v2"}, "strict"),
        ({"versions": ["tiny/v2"]}, {}, "plain"),
        ({"endpoints": ["chat"]}, {}, "strict"),
        ({"endpoints": ["embeddings", "completions"]}, {}, "plain"),
        ({"teams": ["search"], "versions": ["tiny/v2"]}, {"x_team": "search"}, "plain"),
        ({"teams": ["search"], "versions": ["tiny/v2"]}, {"x_team": "search", "x_pin": "v2"}, "strict"),
    ],
)
def test_a_policy_is_chosen_by_endpoint_team_model_and_version(
    condition: dict[str, Any], headers: dict[str, str], policy: str
) -> None:
    """Every key of a condition must fit."""
    assert chosen(strict(**condition), **headers) == policy


def test_an_endpoint_without_answers_has_its_policy_too() -> None:
    """What is embedded is judged as what is asked."""
    assert chosen(strict(endpoints=["embeddings"]), "/v1/embeddings") == "strict"


def test_any_of_several_conditions_is_enough() -> None:
    """Conditions are alternatives; the keys of one hold together."""
    when = [{"teams": ["search"]}, {"versions": ["tiny/v2"]}]
    snapshot = policies({"name": "strict", "when": when, "guards": [PII_BLOCK]}, PLAIN)
    assert chosen(snapshot, x_team="search") == "strict"
    assert chosen(snapshot, x_pin="v2") == "strict"
    assert chosen(snapshot) == "plain"


def test_the_first_policy_that_fits_counts() -> None:
    """Order decides, so the special ones come first."""
    first = {"name": "first", "when": [{"teams": ["search"]}], "guards": []}
    second = {"name": "second", "when": [{"models": ["tiny"]}], "guards": [PII]}
    snapshot = policies(first, second, PLAIN)
    assert asked(snapshot, x_team="search").exchange.record.policy == "first"
    assert asked(snapshot).exchange.record.policy == "second"


def test_the_guards_of_the_policy_judge_the_answer() -> None:
    """What one team reads masked, another reads as it is, and the refusal is counted for one only."""
    unguarded = {"name": "unguarded", "when": [{"teams": ["search"]}], "guards": []}
    snapshot = policies(unguarded, {"name": "guarded", "guards": [PII, REFUSAL]})
    said = "I'm sorry, but I can't help with that. Write to ann@example.org"
    talk = answered(snapshot, chat_answer(said))
    assert talk.client_json["choices"][0]["message"]["content"].endswith("<EMAIL>")
    assert (talk.record.policy, talk.record.refusals, talk.record.outcome) == ("guarded", 1, Outcome.COMPLETED)

    other = asked(snapshot, body=request_body(messages=MAIL), x_team="search")
    assert other.server_json["messages"] == MAIL
    assert other.exchange.record.coverage == {}


def test_log_probabilities_stay_where_the_policy_changes_nothing() -> None:
    """Copies of the text go from the answers of those policies only that may change them."""
    answer = json.loads(chat_answer("hello"))
    answer["choices"][0]["logprobs"] = {"content": [{"token": "hello"}]}
    body = json.dumps(answer).encode()
    looks_only = policies({"name": "looks", "guards": [{**PII, "action": "flag"}]})
    assert answered(looks_only, body).client_json["choices"][0]["logprobs"]
    assert answered(policies(PLAIN), body).client_json["choices"][0]["logprobs"] is None


def test_two_guards_of_one_kind_have_two_names() -> None:
    """Cards are refused and e-mail is masked, each counted under its own name."""
    cards = {"guard": "pii", "name": "cards", "entities": ["CREDIT_CARD"], "action": "block"}
    snapshot = policies({"name": "both", "guards": [cards, {"guard": "pii", "entities": ["EMAIL"]}]})
    assert asked(snapshot, body=request_body(messages=MAIL)).server_json["messages"][0]["content"] == "I am <EMAIL>"
    talk = Conversation(snapshot)
    talk.hears(request_headers())
    (action,) = talk.hears(request_body(messages=[{"role": "user", "content": "4111 1111 1111 1111"}]))
    assert isinstance(action, ImmediateResponse)
    assert talk.exchange.record.verdicts == {("cards", "request", "block"): 1}


def test_without_policies_nothing_is_judged() -> None:
    """A router without guards is a configuration too; the record says so."""
    talk = asked(snapshot_of(VERSION, METER), body=request_body(messages=MAIL))
    assert talk.server_json["messages"] == MAIL
    assert talk.exchange.record.policy == "none"
