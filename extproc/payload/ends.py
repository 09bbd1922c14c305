"""How the choices of a response ended: by the model, or by a limit of the client.

A client chooses the stop strings and the token limit of its request, and so where a response is truncated. This may be
within a value, so that guards see only its beginning.

Source: vLLM 0.32 (``stop_reason`` of a choice is null at the model's own end, a string at a stop string of the request,
a token id at either); the references of OpenAI and Anthropic.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final


class End(Enum):
    """How a choice ended, as far as the response shows."""

    OWN = auto()  # the model
    UNTOLD = auto()  # the model, or a stop string of the request
    CUT = auto()  # anything else


_OWN_FINISHES: Final = frozenset({"stop", "tool_calls", "function_call"})
_OWN_STOPS: Final = frozenset({"end_turn", "tool_use"})
_STOPS: Final = ("stop", "stop_token_ids", "stop_sequences")
_PATTERNS: Final = ("structured_outputs", "guided_regex", "guided_grammar", "guided_choice")
_FINISHES: Final[dict[str, str]] = {
    word: word
    for words in (
        "stop length tool_calls function_call content_filter abort error repetition",
        "end_turn max_tokens stop_sequence tool_use refusal pause_turn model_context_window_exceeded",
        "completed incomplete max_output_tokens failed cancelled",
    )
    for word in words.split()
}
"""Finish reasons of the APIs. Any other word of a server is not repeated."""
OTHER_FINISH: Final = "other"

_CLIENT_ENDS: Final = frozenset((*_STOPS, *_PATTERNS))

NO_ENDS: Final[frozenset[End]] = frozenset()
TOLD_ENDS: Final = frozenset({End.OWN})
MODEL_ENDS: Final = frozenset({End.OWN, End.UNTOLD})


def own_ends(request: Mapping[str, Any]) -> frozenset[End]:
    """The ends that count as the model's own, given its request.

    If the model follows a pattern of the client, the pattern determines the end.
    """
    if _CLIENT_ENDS.isdisjoint(request):
        return MODEL_ENDS
    if any(request.get(key) for key in _PATTERNS):
        return NO_ENDS
    return TOLD_ENDS if any(request.get(key) for key in _STOPS) else MODEL_ENDS


def end_of_choice(choice: Mapping[str, Any]) -> End:
    """The end of a choice of chat or completions."""
    if str(choice.get("finish_reason")) not in _OWN_FINISHES or isinstance(choice.get("stop_reason"), str):
        return End.CUT
    return End.OWN if "stop_reason" in choice and choice["stop_reason"] is None else End.UNTOLD


def finish_word(reason: Any) -> str:
    """A finish reason, if an API has it; otherwise ``other``."""
    return _FINISHES.get(str(reason), OTHER_FINISH)


def finish_of_response(response: Mapping[str, Any]) -> str:
    """The finish reason of a response object: why it is incomplete, or its status."""
    details = response.get("incomplete_details")
    return finish_word(details.get("reason") if isinstance(details, dict) else response.get("status"))


def end_of_message(stop_reason: Any) -> End:
    """The end of a message; servers without stop sequences report ``end_turn`` for them."""
    return End.UNTOLD if str(stop_reason) in _OWN_STOPS else End.CUT


def end_of_response(status: Any) -> End:
    """The end of a response: a complete one has no reason."""
    return End.UNTOLD if status == "completed" else End.CUT
