"""``GET /v1/models``: the model names for clients, in OpenAI's and in Anthropic's format.

A model server would list the models that *it* serves: names of versions, which clients must not request, and none of
the other models. Source: OpenAI's and Anthropic's API references. The creation time is unknown here, so it is 1970.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

_OWNER = "llm-extproc"
_NO_TIME = "1970-01-01T00:00:00Z"


def names_body(names: Iterable[str], anthropic: bool) -> bytes:
    """The list of all names, on one page."""
    models = [_model(name, anthropic) for name in names]
    if not anthropic:
        return orjson.dumps({"object": "list", "data": models})
    first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return orjson.dumps({"data": models, "has_more": False, "first_id": first, "last_id": last})


def name_body(name: str, anthropic: bool) -> bytes:
    """One of them."""
    return orjson.dumps(_model(name, anthropic))


def _model(name: str, anthropic: bool) -> dict[str, Any]:
    if anthropic:
        return {"type": "model", "id": name, "display_name": name, "created_at": _NO_TIME}
    return {"id": name, "object": "model", "created": 0, "owned_by": _OWNER}
