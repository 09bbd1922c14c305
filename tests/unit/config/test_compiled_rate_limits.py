"""Which limits apply to an exchange, and what has a count of its own."""

from __future__ import annotations

import pytest

from extproc.config import compiled_rate_limits
from extproc.config.compiled_rate_limits import CompiledRateLimits
from extproc.domain.record import ExchangeRecord, VersionFacts
from extproc.domain.usage import Prices
from tests.unit.exchange.limits import REQUESTS, TOKENS, compiled, record_of


def names(limits: CompiledRateLimits, record: ExchangeRecord) -> list[str]:
    """Of the limits that apply."""
    return [limit.name for limit, _ in limits.of(record)]


@pytest.mark.parametrize(
    ("match", "fact", "other"),
    [
        ({"teams": ["a", "b"]}, {"team": "b"}, {"team": "c"}),
        ({"projects": ["a"]}, {"project": "a"}, {"project": "b"}),
        ({"tiers": ["gold"]}, {"tier": "gold"}, {"tier": "iron"}),
        ({"tags": ["chatbot"]}, {"tag": "chatbot"}, {"tag": "search"}),
        ({"endpoints": ["chat"]}, {"endpoint": "chat"}, {"endpoint": "messages"}),
        ({"routes": ["all"]}, {"route": "all"}, {"route": ""}),
        ({"teams": ["a"], "tiers": ["gold"]}, {"team": "a", "tier": "gold"}, {"team": "a", "tier": "iron"}),
    ],
)
def test_a_limit_applies_where_every_key_matches(
    match: dict[str, list[str]], fact: dict[str, str], other: dict[str, str]
) -> None:
    """An empty one matches all."""
    limits = compiled({**REQUESTS, "match": match}, TOKENS)
    assert names(limits, record_of(**fact)) == ["requests", "tokens"]
    assert names(limits, record_of(**other)) == ["tokens"]


def test_the_model_is_that_of_the_chosen_version() -> None:
    """An exchange without one has the model of nobody."""
    limits = compiled({**REQUESTS, "match": {"models": ["tiny"]}})
    record = record_of()
    assert names(limits, record) == []
    record.version = VersionFacts("tiny", "v1", "", Prices(0, 0, 0))
    assert names(limits, record) == ["requests"]


def test_a_limit_replaces_others_where_it_applies() -> None:
    """One team has a larger one than all others."""
    limits = compiled(REQUESTS, {**REQUESTS, "name": "more", "match": {"teams": ["search"]}, "replaces": ["requests"]})
    assert names(limits, record_of("search")) == ["more"]
    assert names(limits, record_of("support")) == ["requests"]


def test_keys_are_told_apart() -> None:
    """By the limit and by each value; also where a value holds the beginning of the next."""
    limits = compiled({**REQUESTS, "per": ["team", "project"]}, {**TOKENS, "per": ["team"]}, {**TOKENS, "name": "all"})
    records = [record_of(team, project=project) for team in ("a", "ab") for project in ("b", "")]
    keys = {key for record in records for _, key in limits.of(record)}
    assert len(keys) == 4 + 2 + 1


def test_users_and_keys_have_counts_of_their_own() -> None:
    """Two users of one team, and two keys of one user."""
    limits = compiled({**REQUESTS, "per": ["user"]}, {**TOKENS, "per": ["key"]})
    records = [record_of(user=user, key_id=key) for user, key in (("ann", "k1"), ("ann", "k2"), ("bob", "k3"))]
    keys = {key for record in records for _, key in limits.of(record)}
    assert len(keys) == 2 + 3


def test_callers_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a bounded number."""
    monkeypatch.setattr(compiled_rate_limits, "KNOWN_MAX", 2)
    limits = compiled({**REQUESTS, "per": ["team"]})
    assert limits.of(record_of("a")) is limits.of(record_of("a"))
    first = limits.of(record_of("a"))
    for team in ("b", "c", "d"):
        assert limits.of(record_of(team))[0][1].endswith(team)
    assert limits.of(record_of("a")) is not first


def test_a_burst_is_the_limit_by_default() -> None:
    """As many clients expect it."""
    limit = compiled({"name": "one", "of": "requests", "limit": 7, "window": "second"}).limits[0]
    assert limit.burst == 7
