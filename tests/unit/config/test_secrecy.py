"""A secret that stands where it should not is in no message, wherever in the file that is."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from extproc.config.document import Document
from extproc.config.load import load, parse_document
from extproc.config.problems import ConfigInvalid, shown
from extproc.config.secrecy import may_be_secret
from tests.thorough import share_of

ROOT = Path(__file__).parents[3]
SECRETS = (
    "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA",
    "sk-ant-api03-abcdefghijklmnop-0123456789",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "hf_abcdEFGHijklMNOPqrstUVWXyz",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc123",
    "xoxb-123456789012-abcdefABCDEF",
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "550e8400-e29b-41d4-a716-446655440000",
    "P4ssw0rd!Tr0ub4dor",
    "Bearer abcdefghijklmnop",
    "postgresql://extproc:hunter2@db/review",
    "https://guard.example/v1?api_key=hunter2",
    "-----BEGIN PRIVATE KEY-----MIIE",
)
HONEST = (
    "tiny-chat",
    "meta-llama/Llama-3.1-70B-Instruct",
    "Qwen/Qwen2.5-VL-72B-Instruct-AWQ",
    "gpt-oss-120b",
    "v2026-11-28",
    "127.0.0.1:8001",
    "[2001:db8::1]:8001",
    "unix:/run/extproc/extproc.sock",
    "prompts/v2.txt",
    "/run/secrets/guard.pem",
    "GET /v1/models",
    "http://guard:8000/v1/moderations",
    "GUARD_API_KEY_2",
    "SK_GUARD_API_KEY_2026",
    "x-budget-code",
    "full_duplex",
    "chat_template_kwargs",
    "enforce",
    "1_000_000",
)
FULL: dict[str, Any] = {
    "role": "route",
    "server": {
        "listen": "0.0.0.0:50051",
        "metrics": "127.0.0.1:9090",
        "transport": "fast",
        "tls": {"certificate_file": "a.pem", "key_file": "b.pem", "client_ca_file": "c.pem"},
    },
    "log": {"level": "info"},
    "identity": {
        "team_header": "x-a",
        "project_header": "x-b",
        "budget_code_header": "x-c",
        "teams": ["search"],
        "private_teams": ["search"],
    },
    "hops": {"key_files": ["hop.key", "hop-before.key"]},
    "prompts": {"store": {"url": "https://prompts/{name}/{version}", "token_file": "t", "cache_file": "c"}},
    "models": {
        "chat": {
            "versions": {
                "v1": {
                    "weight": 1,
                    "served_model": "chat-next",
                    "endpoints": ["127.0.0.1:8001"],
                    "prompt": {"name": "system", "version": "v1", "position": "first"},
                    "serving": {"quantization": "awq"},
                    "price": {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1},
                },
                "cloud": {
                    "weight": 0,
                    "served_model": "gpt-oss-120b",
                    "provider": "cloud",
                    "price": {"prompt_micro_usd_per_mtok": 1, "completion_micro_usd_per_mtok": 1},
                },
            },
            "fallback": {"to": ["cloud"], "on": ["reset"]},
            "sticky": {"header": "x-d"},
            "pin_header": "x-e",
            "pin_teams": ["search"],
        }
    },
    "providers": {
        "cloud": {
            "url": "https://api.example.com/v1",
            "api": "openai",
            "apis": ["chat"],
            "key_file": "/run/secrets/cloud",
            "ca_file": "/etc/ssl/ca.pem",
        }
    },
    "routes": [
        {
            "name": "night",
            "when": [
                {
                    "endpoints": ["chat"],
                    "teams": ["search"],
                    "models": ["chat", "chat-*"],
                    "tiers": ["gold"],
                    "tags": ["rag"],
                    "headers": {"x-f": ["on"]},
                    "days": ["mon"],
                    "hours": "22:00-06:00",
                    "timezone": "Europe/Zurich",
                }
            ],
            "split": [{"version": "chat/v1", "weight": 1}],
            "prompt": {"name": "night", "version": "v1"},
        },
        {"name": "streams", "when": [{"streamed": True}], "version": "chat/v1", "fallback": {"to": ["chat/cloud"]}},
        {"name": "default", "model": "chat"},
    ],
    "route_tests": [
        {
            "name": "gold at night",
            "request": {
                "model": "chat",
                "endpoint": "chat",
                "team": "search",
                "tier": "gold",
                "tag": "rag",
                "headers": {"x-f": "on"},
                "at": "2026-11-30T23:00:00Z",
            },
            "expect": {"route": "night", "version": "chat/v1", "versions": ["chat/v1"], "prompt": "night-v1"},
        }
    ],
    "filters": [
        {"filter": "version", "mode": "enforce"},
        {"filter": "guards"},
        {"filter": "prompt"},
        {"filter": "signals"},
        {"filter": "meter"},
    ],
    "policies": [
        {
            "name": "strict",
            "providers": "none",
            "when": [{"endpoints": ["chat"], "teams": ["search"], "models": ["chat"], "versions": ["chat/v1"]}],
            "guards": [
                {
                    "guard": "pii",
                    "name": "mine",
                    "on": "both",
                    "masking": {"type": "hash", "key_file": "mask.key"},
                    "recognizers": [{"name": "STAFF_ID", "pattern": "ID-[0-9]{6}"}],
                },
                {"guard": "banned", "phrases": ["project falcon"]},
                {"guard": "urls", "allow": ["example.com"]},
                {"guard": "tools", "allow": ["get_weather"]},
                {"guard": "facts", "file": "facts.yaml"},
                {"guard": "classifier", "name": "beside", "classifier": "server", "on": "response"},
                {"guard": "classifier", "name": "asked", "classifier": "model"},
                {"guard": "classifier", "name": "local", "classifier": "local"},
            ],
        },
        {"name": "default", "guards": []},
    ],
    "classifiers": {
        "server": {
            "adapter": "moderations",
            "url": "http://guard:8000/v1/moderations",
            "api_key_env": "GUARD_KEY",
            "model": "guard",
            "labels": ["hate"],
        },
        "model": {"adapter": "chat", "url": "http://guard:8000/v1", "prompt": "Is {text} safe?", "safe": "safe"},
        "local": {"adapter": "onnx", "path": "/models/guard", "labels": ["hate"], "with_detector": "injection"},
    },
    "review": {"url": "sqlite:///review.db", "texts": "masked"},
    "feedback": {"path": "/v1/feedback", "origins": ["https://chat.example.com"]},
    "ledger": {"url": "sqlite:///ledger.db", "fsync": "each"},
    "otel": {"endpoint": "http://127.0.0.1:4317", "service_name": "gateway", "headers_file": "otel-headers"},
    "drift": {"reference": "last_week", "signals": ["refused"], "webhook_file": "drift.url"},
    "rollouts": [
        {
            **{"name": "v2", "model": "chat", "stable": "v1", "canary": "cloud", "webhook_file": "rollouts.url"},
            "grafana": {"url": "https://grafana.example.com", "token_file": "grafana.token", "dashboard_uid": "llm"},
        }
    ],
    "gpus": {
        "kubernetes": {"namespaces": ["models"], "resource": "nvidia.com/gpu", "kind_label": "nvidia.com/gpu.product"},
        "servers": [{"endpoint": "127.0.0.1:8001", "gpus": 2, "kind": "H100", "price": "h100"}],
        "prices": [{"name": "h100", "per_gpu_hour": "2.50"}, {"name": "a100", "kind": "A100", "per_gpu_hour": "1.50"}],
        "quotas": [{"team": "search", "namespace": "chat-prod", "resource": "amd.com/gpu"}],
    },
    "rate_limits": {
        "store": "redis://127.0.0.1:6379/0",
        "on_store_loss": "closed",
        "limits": [
            {"name": "tokens", "of": "tokens", "limit": 10_000, "window": "minute", "per": ["team"], "mode": "shadow"},
            {"name": "more", "of": "tokens", "limit": 20_000, "window": "minute", "replaces": ["tokens"]},
        ],
    },
    "budgets": [
        {"name": "daily", "per": "team", "match": ["search"], "of": "tokens", "amount": 5, "period": "day"},
        {
            "name": "trial",
            "per": "project",
            "of": "micro_usd",
            "amount": 5,
            "first_day": "2026-12-01",
            "last_day": "2026-12-18",
            "timezone": "Europe/Zurich",
        },
        {"name": "gpus", "per": "team", "of": "gpu_seconds", "amount": 360_000, "period": "month"},
    ],
    "budget_webhook_file": "hook.url",
    "requests": {"allow_paths": ["GET /health"], "token_ids": "refuse", "template_kwargs": ["enable_thinking"]},
    "envoy": {
        "listen": "0.0.0.0:10000",
        "admin": "127.0.0.1:9901",
        "processor": {"address": "extproc:50051", "ca_file": "ca.pem", "server_name": "extproc", "sds_folder": "/sds"},
    },
}


def texts_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a text stands, and where a key stands (with a mark at its end)."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*path, key, None)
            yield from texts_in(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from texts_in(entry, (*path, index))
    elif isinstance(value, str):
        yield path


PLACES = list(texts_in(FULL))


def with_secret(path: tuple[Any, ...], secret: str, at: str) -> str:
    """The file with a secret in the place of a text, in a list that is none, in a block that is none, or as a key."""
    data = copy.deepcopy(FULL)
    holder: Any = data
    *way, last = path[:-1] if path[-1] is None else path
    for part in way:
        holder = holder[part]
    if path[-1] is None:
        holder[secret] = holder.pop(last)
    else:
        holder[last] = {"text": secret, "list": [secret], "block": {secret: secret}}[at]
    return dumped(data)


def dumped(data: Any) -> str:
    """As YAML, by libyaml: in Python it would take three times as long as all that reads it."""
    return str(yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, width=1_000))


def messages(text: str) -> str:
    """All that a person is told of a file."""
    try:
        return "\n".join(map(str, load(text, "llm-extproc.yaml").warnings))
    except ConfigInvalid as invalid:
        return str(invalid)


def test_the_full_configuration_is_nearly_good() -> None:
    """So that what the tests below are told is about the secret, not about a section that is not read at all."""
    assert set(FULL) >= set(Document.model_fields) - {"guard_version", "include", "limits"}
    parse_document(yaml.safe_dump(FULL), "full")


HIDDEN = list(itertools.product(SECRETS, ["text", "list", "block"]))


def test_no_message_quotes_a_secret() -> None:
    """attack 10: a key in ``api_key_env`` was quoted in the log and on ``/readyz``; so is every other place.

    Places share the secrets, and what they stand in.
    """
    for number, path in enumerate(PLACES):
        for secret, at in share_of(HIDDEN, len(HIDDEN), number):
            told = messages(with_secret(path, secret, at))
            for part in (secret, secret[:20], json.dumps(secret)[1:-1], "hunter2"):
                assert part not in told, (path, at)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_as_the_name_of_a_prompt_is_not_quoted(secret: str) -> None:
    """Messages name a prompt with its version behind it; a long hunt found that this hid a UUID's shape."""
    data = copy.deepcopy(FULL)
    data["routes"][0]["prompt"]["name"] = secret
    assert secret not in messages(dumped(data))
    assert may_be_secret(f"{secret}-v1")
    assert may_be_secret(f"system-{secret}")


@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_as_a_header_of_a_route_is_not_quoted(secret: str) -> None:
    """A long hunt found it: where a route's test fails, its message says which header a request lacks."""
    data = copy.deepcopy(FULL)
    data["routes"][0]["when"][0]["headers"] = {secret: ["yes"]}
    assert secret not in messages(dumped(data))


@pytest.mark.parametrize("secret", [secret for secret in SECRETS if secret.replace("_", "a").isalnum()])
def test_a_key_in_the_place_of_a_variables_name_is_refused(secret: str) -> None:
    """Though it could be a name: the variable would be looked for in vain, and requests go out without a key."""
    told = messages(
        with_secret(("classifiers", "server", "api_key_env"), f"K{secret}" if secret[0].isdigit() else secret, "text")
    )
    assert "classifiers.server.api_key_env" in told
    assert "expected the name of an environment variable" in told
    assert secret not in told


@pytest.mark.parametrize(
    "name", ["GUARD_KEY", "SK_GUARD_API_KEY_2026", "hf_guard_api_token", "OPENAI_API_KEY", "guardApiKeyName"]
)
def test_a_variables_name_is_taken(name: str) -> None:
    """However it is written."""
    assert messages(with_secret(("classifiers", "server", "api_key_env"), name, "text")) == messages(dumped(FULL))


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_known(text: str) -> None:
    """With something around them, too."""
    assert may_be_secret(text)
    assert may_be_secret(f"[{text}]")
    assert shown(text) == "(not shown)"


@pytest.mark.parametrize("text", HONEST)
def test_honest_texts_are_quoted(text: str) -> None:
    """A message that hides everything helps nobody."""
    assert shown(text) == f"`{text}`"
