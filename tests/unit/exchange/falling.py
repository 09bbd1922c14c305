"""A model with a fallback: two versions that differ in name, prompt and context, and one of another model."""

from __future__ import annotations

import json
from typing import Any

from extproc.config.load import parse_document
from extproc.exchange.snapshot import Snapshot, compile_snapshot

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
FIRST, SECOND, SPARE = "tiny/v1", "tiny/v2", "large/v1"
PROMPTS = {"v1.txt": "You are the first.", "v2.txt": "You are the second, for {{ nobody }}.", "legal.txt": "Cite."}
FILTERS = [{"filter": "version"}, {"filter": "guards"}, {"filter": "prompt"}, {"filter": "meter"}]


def version(port: int, **keys: Any) -> dict[str, Any]:
    """A version with a model server; each has a price of its own."""
    price = {"prompt_micro_usd_per_mtok": port * 1_000_000, "completion_micro_usd_per_mtok": 0}
    return {"weight": 1, "endpoints": [f"127.0.0.1:{port}"], "price": price, **keys}


def snapshot(
    filters: list[dict[str, Any]] = FILTERS,
    context: int | None = None,
    routes: list[dict[str, Any]] | None = None,
    far: bool = False,
    **fallback: Any,
) -> Snapshot:
    """The configuration; ``context`` is that of every version. ``far``: the spare one is at a provider of chats, where
    neither team hr nor what policy legal guards may go.
    """
    limited = {} if context is None else {"context_tokens_max": context}
    second = version(2, served_model="tiny-next", prompt={"file": "v2.txt"}, **{**limited, "weight": 0})
    tiny = {
        "versions": {"v1": version(1, prompt={"file": "v1.txt"}, **limited), "v2": second},
        "fallback": {"to": ["v2", SPARE], **fallback},
    }
    spare = version(3, **limited)
    if far:
        del spare["endpoints"]
        spare |= {"provider": "far", "served_model": "far-large"}
    document: dict[str, Any] = {
        "models": {"tiny": tiny, "large": {"versions": {"v1": spare}}},
        "filters": filters,
        "routes": routes or [],
        "policies": [{"name": "default", "guards": [{"guard": "pii"}]}],
    }
    if far:
        document["providers"] = {"far": {"url": "https://far.example/v1", "apis": ["chat"]}}
        document["identity"] = {"teams": ["search", "hr", "legal"], "private_teams": ["hr"]}
        legal = {"name": "legal", "when": [{"teams": ["legal"], "models": ["tiny"]}], "providers": "none", "guards": []}
        document["policies"].insert(0, legal)
    return compile_snapshot(parse_document(json.dumps(document), "fallback"), PROMPTS)
