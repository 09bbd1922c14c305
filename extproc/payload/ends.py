"""How the choices of an answer came to their ends: by the model, or because a client had them cut.

A client chooses the stop strings and the greatest number of tokens of its request, so it chooses where an answer is cut
off: in the middle of a value too, which guards then see the beginning of.

Source: vLLM 0.32 (``stop_reason`` of a choice is null at the model's own end, a text at one of the request's, the id of
a token at either); the references of OpenAI and Anthropic.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any


class End(Enum):
    """What ended a choice, as far as the answer says."""

    OWN = auto()  # the model
    UNTOLD = auto()  # the model, or a text that the request names
    CUT = auto()  # anything else


_OWN_FINISHES = frozenset({"stop", "tool_calls", "function_call"})
_OWN_STOPS = frozenset({"end_turn", "tool_use"})
_STOPS = ("stop", "stop_token_ids", "stop_sequences")
_PATTERNS = ("structured_outputs", "guided_regex", "guided_grammar", "guided_choice")


_CLIENT_ENDS = frozenset((*_STOPS, *_PATTERNS))

NO_ENDS: frozenset[End] = frozenset()
TOLD_ENDS = frozenset({End.OWN})
MODEL_ENDS = frozenset({End.OWN, End.UNTOLD})


def own_ends(request: Mapping[str, Any]) -> frozenset[End]:
    """The ends that are the model's own in the answer to a request.

    Where a pattern of the client is what the model follows, the end is the pattern's.
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


def end_of_message(stop_reason: Any) -> End:
    """The end of a message; servers that do not know stop sequences call theirs ``end_turn``."""
    return End.UNTOLD if str(stop_reason) in _OWN_STOPS else End.CUT


def end_of_response(status: Any) -> End:
    """The end of a response: no reason is told of one that is complete."""
    return End.UNTOLD if status == "completed" else End.CUT
