"""Errors: what clients get, and what servers say."""

from __future__ import annotations

import orjson
import pytest

from extproc.domain.errors import ApiError
from extproc.payload.endpoints import ENDPOINTS
from extproc.payload.error_body import PlainTextView, error_slots
from tests.unit.payload.answers import names, values

ERROR = ApiError(400, "invalid_request_error", "some_code", "Some words.", "messages")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_error_bodies(path: str) -> None:
    """Anthropic's object for messages and their counts, OpenAI's for the rest."""
    tree = orjson.loads(ENDPOINTS[path].error_body(ERROR))
    assert tree["error"]["message"] == "Some words."
    anthropic = path.startswith("/v1/messages")
    assert tree.get("type") == ("error" if anthropic else None)
    if not anthropic:
        assert (tree["error"]["code"], tree["error"]["param"]) == ("some_code", "messages")


def test_error_bodies_of_the_server_are_all_text() -> None:
    """JSON or not, every string is judged."""
    tree = {"error": {"message": "a", "param": None, "more": ["b"]}, "detail": "c"}
    assert (values(error_slots(tree)), names(error_slots(tree))) == (["a", "b", "c"], ["more"])
    view = PlainTextView("Grüße \xff".encode("latin-1"))
    assert view.slots[0].text == "Gr\ufffd\ufffde \ufffd"
    view.slots[0].put("é")
    assert view.write() == "é".encode()
