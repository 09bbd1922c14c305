"""What a configuration says of marks: its keys, its part, and digests of what its guards do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.config.load import parse_document
from extproc.exchange.hop_marks import hop_key
from extproc.exchange.hop_terms import HopTerms, compile_hops
from tests.guard_examples import EXAMPLES

KEYS = {"": b"p" * 32, "a.key": b"a" * 32, "b.key": b"b" * 32}
PRICE = {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1}
FACTS: dict[str, Any] = {"guard": "facts", "file": "facts.yaml"}
PII: dict[str, Any] = {"guard": "pii"}
HASHED: dict[str, Any] = {"guard": "pii", "masking": {"type": "hash", "key_file": "m.key"}}


def terms_of(
    guard: dict[str, Any], texts: dict[str, str] | None = None, role: str = "guard", **more: Any
) -> HopTerms | None:
    """Of a configuration with one guard."""
    chooses = [{"filter": "version"}] if role == "route" else []
    document: dict[str, Any] = {
        "role": role,
        "hops": {"key_files": ["a.key", "b.key"]},
        "models": {"tiny": {"versions": {"v1": {"weight": 1, "price": PRICE, "prompt": {"file": "p.txt"}}}}},
        "filters": [*chooses, {"filter": "guards"}, {"filter": "prompt"}],
        "policies": [{"name": "default", "guards": [guard]}],
        **({"guard_version": "tiny/v1"} if role == "guard" else {}),
        **more,
    }
    return compile_hops(parse_document(json.dumps(document), "hops"), texts or {}, KEYS)


def digest_of(guard: dict[str, Any], texts: dict[str, str] | None = None, **more: Any) -> str:
    """Of the one guard."""
    terms = terms_of(guard, texts, **more)
    assert terms is not None
    (digest,) = terms.guards["default"].values()
    return digest


def test_each_hop_has_its_part() -> None:
    """The one in role guard checks, for the version of its server; the other one signs, with the first key."""
    second, first = terms_of(PII), terms_of(PII, role="route")
    assert second is not None
    assert first is not None
    assert (second.checks, second.version, first.checks) == (True, "tiny/v1", False)
    assert first.keys == second.keys == (hop_key(KEYS["a.key"]), hop_key(KEYS["b.key"]))
    assert terms_of(PII, hops=None) is None


def test_names_and_paths_do_not_matter() -> None:
    """Two configurations call the same guard differently."""
    assert digest_of(PII) == digest_of({**PII, "name": "data"}) == digest_of({**PII, "review": False})
    elsewhere = {**FACTS, "file": "/etc/facts.yaml"}
    assert digest_of(FACTS, {"facts.yaml": "x"}) == digest_of(elsewhere, {"/etc/facts.yaml": "x"})
    other_key = {"guard": "pii", "masking": {"type": "hash", "key_file": "other.key"}}
    assert digest_of(HASHED) == digest_of(other_key)


@pytest.mark.parametrize(
    "change",
    [{"action": "block"}, {"action": "shadow"}, {"on": "request"}, {"on_error": "open"}, {"entities": ["EMAIL"]}],
)
def test_every_setting_matters(change: dict[str, Any]) -> None:
    """Also the one that makes it let texts pass when it fails."""
    assert digest_of({**PII, **change}) != digest_of(PII)


def test_the_content_of_files_matters() -> None:
    """A file with the same name may hold other facts."""
    assert digest_of(FACTS, {"facts.yaml": "x"}) != digest_of(FACTS, {"facts.yaml": "y"})


def test_the_classifier_matters() -> None:
    """A name stands for another model elsewhere."""
    guard = {"guard": "classifier", "classifier": "words", "on": "request"}

    def with_model(url: str) -> dict[str, Any]:
        return {"words": {"adapter": "moderations", "url": url, "model": "m", "labels": ["bad"]}}

    first, second = (
        digest_of(guard, classifiers=with_model(f"http://{host}:8000/v1/moderations")) for host in ("a", "b")
    )
    assert first != second


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_guard_has_a_digest_of_its_own(name: str) -> None:
    """By all that it can be set to: no two guards are the same, and each is the same as itself."""
    example = EXAMPLES[name]
    texts = dict.fromkeys(("facts.yaml", "phrases.txt"), "x")
    digest = digest_of(example.section, texts, **example.sections)
    assert digest == digest_of({**example.section, "name": "other"}, texts, **example.sections)
    opened = "open" if example.section.get("on_error", "closed") == "closed" else "closed"
    assert digest != digest_of({**example.section, "on_error": opened}, texts, **example.sections)
