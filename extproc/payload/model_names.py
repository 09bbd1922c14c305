"""The model names for clients: ``GET /v1/models`` in OpenAI's and in Anthropic's format, and in errors.

A model server would list the models that *it* serves: names of versions, which clients must not request, and none of
the other models. Source: OpenAI's and Anthropic's API references. The creation time is unknown here, so it is 1970.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final

import orjson

from extproc.domain.contract import MODELS_PATH
from extproc.domain.errors import ApiError

TOLD_MAX: Final = 5
"""Models that an error names; ``GET /v1/models`` names all."""
TOLD_CHARS_MAX: Final = 300
_COMPARED_MAX: Final = 100
_COMPARED_CHARS_MAX: Final = 100
_NEAR: Final = 0.6
_OWNER: Final = "llm-extproc"
_NO_TIME: Final = "1970-01-01T00:00:00Z"


def names_body(names: Iterable[str], anthropic: bool) -> bytes:
    """The list of all names, on one page."""
    models = [_model(name, anthropic) for name in names]
    if not anthropic:
        return orjson.dumps({"object": "list", "data": models})
    first, last = (models[0]["id"], models[-1]["id"]) if models else (None, None)
    return orjson.dumps({"data": models, "has_more": False, "first_id": first, "last_id": last})


def unknown_model(asked: str | None, names: Collection[str]) -> ApiError:
    """The error for a model that does not exist, or was not named: those that do, the nearest first.

    The same names are in the list of models, so nothing is told that a client may not know.
    """
    near = [] if asked is None else _nearest(asked, names)
    told = _told([*near, *(name for name in names if name not in near)])
    if asked is None:
        return ApiError(404, "invalid_request_error", "model_not_found", f"The request names no model. {told}", "model")
    hint = f" Did you mean {near[0]}?" if near else ""
    return ApiError(
        404, "invalid_request_error", "model_not_found", f"The model does not exist here.{hint} {told}", "model"
    )


def _nearest(asked: str, names: Iterable[str]) -> list[str]:
    """Names like the one that was asked for, ignoring case. The cost is bounded, whatever is asked."""
    if len(asked) > _COMPARED_CHARS_MAX:
        return []
    by_lower = {name.lower(): name for name in islice(names, _COMPARED_MAX) if len(name) <= _COMPARED_CHARS_MAX}
    return [by_lower[near] for near in get_close_matches(asked.lower(), by_lower, TOLD_MAX, _NEAR)]


def _told(names: list[str]) -> str:
    if not names:
        return "There is none for this client."
    told = names[:TOLD_MAX]
    while len(", ".join(told)) > TOLD_CHARS_MAX:
        told.pop()
    rest = len(names) - len(told)
    more = f"{f' and {rest} more' if told else rest}: GET {MODELS_PATH}" if rest else ""
    return f"Models: {', '.join(told)}{more}."


def name_body(name: str, anthropic: bool) -> bytes:
    """One of them."""
    return orjson.dumps(_model(name, anthropic))


def _model(name: str, anthropic: bool) -> dict[str, Any]:
    if anthropic:
        return {"type": "model", "id": name, "display_name": name, "created_at": _NO_TIME}
    return {"id": name, "object": "model", "created": 0, "owned_by": _OWNER}
