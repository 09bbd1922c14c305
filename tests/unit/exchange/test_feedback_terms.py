"""What a configuration says of feedback, compiled."""

from __future__ import annotations

import json
from typing import Any

from extproc.config.load import parse_document
from extproc.domain.masks import PROCESS_KEY
from extproc.exchange.feedback_terms import FeedbackTerms, feedback_terms
from tests.playbooks.callers import API_KEY, FILES, JWT, USER_KEY

PAGE = "https://chat.example.com"
MODELS = {
    "tiny": {
        "versions": {
            "v1": {
                "weight": 1,
                "price": dict.fromkeys(("prompt_micro_usd_per_mtok", "completion_micro_usd_per_mtok"), 1),
            }
        }
    }
}


def terms_of(feedback: dict[str, Any], **sections: Any) -> FeedbackTerms:
    """Compiled, with the key of a process."""
    document = {"models": MODELS, "filters": [{"filter": "version"}], "ledger": {}, "feedback": feedback, **sections}
    found = feedback_terms(parse_document(json.dumps(document), "test"), {PROCESS_KEY: b"process", **FILES})
    assert found is not None
    return found


def test_it_is_off_unless_configured() -> None:
    """Nothing is compiled."""
    document = {"models": MODELS, "filters": [{"filter": "version"}], "ledger": {}}
    assert feedback_terms(parse_document(json.dumps(document), "test"), {}) is None


def test_values_and_units() -> None:
    """As the steps need them."""
    terms = terms_of({"path": "/thumbs", "age_s_max": 60, "body_bytes_max": 256, "comment_chars_max": 9})
    assert (terms.url_path, terms.age_us_max, terms.body_bytes_max, terms.comment_chars_max) == (
        "/thumbs",
        60_000_000,
        256,
        9,
    )


def test_the_key_of_comments_is_that_of_users_or_of_the_process() -> None:
    """The first survives a restart."""
    users = {"user_field": True, "user_hash_key_file": "users.key"}
    assert terms_of({}, identity=users).comment_key == USER_KEY
    assert terms_of({}).comment_key == b"process"


def test_the_deadline_is_below_envoys() -> None:
    """It has time for the answer."""
    assert [terms_of({}, envoy={"message_timeout_ms": ms}).wait_ms for ms in (50, 400, 2_000, 10_000)] == [
        37,
        300,
        1_500,
        1_500,
    ]


def test_the_headers_of_a_page() -> None:
    """Those of a named origin, and what it may send: credentials, and what a client may claim."""
    terms = terms_of({"origins": [PAGE]}, identity={"sources": [API_KEY, JWT], "user_hash_key_file": "users.key"})
    assert dict(terms.cors(PAGE))["access-control-allow-origin"] == PAGE
    assert terms.cors("https://evil.example") == (("vary", "origin"),)
    assert dict(terms.preflight())["access-control-allow-headers"] == (
        "content-type, authorization, x-api-key, x-team, x-project, x-budget-code, x-tier, x-use-case"
    )
    assert terms_of({}).cors(PAGE) == ()
