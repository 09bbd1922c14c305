"""``/v1/messages/count_tokens``: counts the tokens of a messages request. Source: Anthropic's API, vLLM 0.32.

The request is read, checked and changed like a messages request, so the count matches what that would send. The server
runs no model for it, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from extproc.domain.contract import Endpoint
from extproc.domain.errors import ApiError, refuse
from extproc.domain.usage import Usage
from extproc.payload.dialect import UnreadableResponse
from extproc.payload.embeddings import NoStream
from extproc.payload.inert import Shape, is_count
from extproc.payload.messages import Messages
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.view import RequestPolicy, RequestView, ResponseView, Slot

_COUNT: Final = "input_tokens"
_ANSWER: Final = Shape(named={_COUNT}, objects={"context_management": Shape(inert={"original_input_tokens": is_count})})
_NOTHING: Final = Usage(0, 0)


class CountTokens:
    """Anthropic's token count."""

    name: Endpoint = "count_tokens"
    generates = False
    reads_responses = True
    templated = True

    def __init__(self) -> None:
        self._messages = Messages()

    def read_request(self, body: bytes, policy: RequestPolicy) -> RequestView:
        """Raises: PayloadRefused."""
        view = self._messages.read_request(body, policy)
        if view.streamed:
            raise refuse(400, "field_not_allowed", "A count of tokens is not streamed.", "stream")
        return view

    def insert_prompt(self, request: RequestView, text: str, replace: bool) -> None:
        """Insert the prompt as for messages, which will have it too."""
        self._messages.insert_prompt(request, text, replace)

    def ask_for_usage(self, request: RequestView, continuous: bool) -> None:
        """Do nothing: there is no usage."""

    def read_response(self, tree: dict[str, Any]) -> ResponseView:
        """A number; everything else is checked as text. Raises: UnreadableResponse."""
        count = tree.get(_COUNT)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise UnreadableResponse("the token count is not a number")
        return ResponseView(tree, unnamed_slots(tree, _ANSWER, 0), _NOTHING)

    def cut_response(self, view: ResponseView, choice: int, kept: list[Slot]) -> None:
        """Do nothing: there are no choices to cut."""

    def stream(self, shown: Mapping[str, Any]) -> NoStream:
        """There is no stream: the reader refuses every event, and reports no tokens."""
        reader = NoStream()
        reader.usage.final(_NOTHING)
        return reader

    def error_body(self, error: ApiError) -> bytes:
        """Anthropic's error object."""
        return self._messages.error_body(error)
