"""Which versions may answer whom: the rules of teams and policies about providers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from extproc.config.data_rules import FORBIDDEN, NOT_SERVED, compile_data_rules, most_telling
from extproc.config.load import parse_document
from extproc.config.providers import CompiledProvider

CLOUD = CompiledProvider("cloud", frozenset({"chat"}))
TEXT = """
identity: {{ teams: [search, hr], private_teams: [hr] }}
providers:
  cloud: {{ url: "https://api.example.com/v1" }}
models:
  llama:
    versions:
      v1:
        weight: 1
        endpoints: ["127.0.0.1:8001"]
        price: &price {{ prompt_micro_usd_per_mtok: 1, completion_micro_usd_per_mtok: 1 }}
      cloud: {{ weight: 1, provider: cloud, served_model: gpt, price: *price }}
filters:
  - filter: version
  - filter: guards
policies:
{policies}
"""


@dataclass(frozen=True)
class Known:
    """What is known of an exchange."""

    endpoint: str = "chat"
    team: str = "search"


@dataclass(frozen=True)
class Version:
    """A version."""

    model: str = "llama"
    version: str = "cloud"

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        return f"{self.model}/{self.version}"


def forbidden_by(policies: str, known: Known = Known(), version: Version = Version()) -> str:
    """The rule that forbids an exchange."""
    document = parse_document(TEXT.format(policies=policies), "x.yaml")
    return compile_data_rules(document).forbidden_by(known, version)


NONE = "  - { name: strict, when: [{ WHEN }], providers: none, guards: [] }\n  - { name: default, guards: [] }"


@pytest.mark.parametrize(
    ("when", "known", "rule"),
    [
        ("teams: [search]", Known(), "policies[strict].providers"),
        ("teams: [search]", Known(team="other"), ""),
        ("teams: [other]", Known(team="hr"), "identity.private_teams"),
        ("endpoints: [messages]", Known(), ""),
        ("endpoints: [messages]", Known("messages"), "policies[strict].providers"),
        ("models: [llama]", Known(), "policies[strict].providers"),
        ("versions: [llama/cloud]", Known(), "policies[strict].providers"),
        ("versions: [llama/v1]", Known(), ""),
    ],
)
def test_the_policy_that_would_apply_decides(when: str, known: Known, rule: str) -> None:
    """With the version in question chosen; a private team needs no policy."""
    assert forbidden_by(NONE.replace("WHEN", when), known) == rule


def test_a_policy_has_the_rule_of_the_one_that_it_extends() -> None:
    """Also by way of others, unless it says something itself."""
    policies = """
  - {{ name: strict, when: [{{ teams: [other] }}], providers: none, guards: [] }}
  - {{ name: middle, when: [{{ teams: [unknown] }}], extends: strict, guards: [] }}
  - {{ name: default, extends: middle, guards: []{more} }}
"""
    assert forbidden_by(policies.format(more="")) == "policies[default].providers"
    assert forbidden_by(policies.format(more=", providers: any")) == ""


def test_why_a_version_cannot_answer() -> None:
    """An API that its provider does not serve, or a rule; a server of one's own always can."""
    rules = compile_data_rules(parse_document(TEXT.format(policies="  - { name: default, guards: [] }"), "x.yaml"))
    assert rules.error(Known(), Version(), CLOUD) is None
    assert rules.error(Known("messages"), Version(), CLOUD) is NOT_SERVED
    assert rules.error(Known(team="hr"), Version(), CLOUD) is FORBIDDEN
    assert rules.error(Known("messages", "hr"), Version(version="v1"), None) is None
    assert most_telling([NOT_SERVED, FORBIDDEN]) is FORBIDDEN
    assert most_telling([NOT_SERVED, None]) is NOT_SERVED
