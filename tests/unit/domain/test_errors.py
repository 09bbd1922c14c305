"""Errors that a client can mend."""

from __future__ import annotations

from extproc.domain.errors import refuse


def test_a_refusal_is_the_clients_to_mend() -> None:
    """Its type is OpenAI's for a wrong request; the message is the exception's text."""
    refused = refuse(400, "some_code", "Say it otherwise.", "messages")
    assert (refused.error.type, refused.error.param) == ("invalid_request_error", "messages")
    assert str(refused) == "Say it otherwise."
