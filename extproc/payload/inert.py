"""Values in responses that need no check: ids, times, counts and words of the APIs, in a server's format.

A key is *inert* while its value has the expected format; any other value is checked like text, so a rule may be
stricter than the API without harm. For each kind of object a ``Shape`` lists the inert keys.

Source: OpenAI's and Anthropic's API references; vLLM 0.32's response models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from extproc.payload.view import NUMBER_MIN

Rule = Callable[[Any], bool]
"""Whether the value of an inert key identifies nobody and carries no text."""

_LABEL_CHARS_MAX: Final = 96
_PART_CHARS_MAX: Final = 15
DIGITS_MAX: Final = 6
_HEX: Final = frozenset("0123456789abcdef")
_HEX_CHARS_MAX: Final = 32
_ID_PREFIXES: Final = frozenset(
    [
        "chatcmpl",
        "cmpl",
        "msg",
        "resp",
        "rs",
        "fc",
        "ctc",
        "ci",
        "mcp",
        "ws",
        "fs",
        "embd",
        "emb",
        "call",
        "tool",
        "toolu",
        "req",
        "vllm",
        "fp",
    ]
)
# Matches most ids; `_is_label` accepts the same.
_USUAL_ID: Final = re.compile(
    f"(?:{'|'.join(sorted(_ID_PREFIXES))})[-_](?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{{16,{_HEX_CHARS_MAX}}}"
)
_NAMES_MAX: Final = 256  # cache size: responses repeat the same few
_NUMBERS: Final = {int, float}
_VECTOR_CHARS_MIN: Final = 64
_TIME_MIN: Final = 1_000_000_000
"""Seconds of the years 2001 to 2033: no phone number starts like this."""
_TIME_END: Final = 2_000_000_000


class Shape:
    """The known keys of one kind of object. ``known`` are the names of all its keys: words of the API."""

    __slots__ = ("inert", "known", "named", "objects")

    def __init__(
        self,
        named: Iterable[str] = (),
        inert: Mapping[str, Rule] | None = None,
        objects: Mapping[str, Shape] | None = None,
    ) -> None:
        self.named = frozenset(named)
        self.inert = dict(inert or {})
        self.objects = dict(objects or {})
        self.known = frozenset((*self.named, *self.inert, *self.objects))


def is_null(value: Any) -> bool:
    """Null; any other value is checked."""
    return value is None


def is_flag(value: Any) -> bool:
    """True, false or null."""
    return value is None or isinstance(value, bool)


def is_count(value: Any) -> bool:
    """A number too short to identify a person, or null."""
    return value is None or (isinstance(value, int) and abs(value) < NUMBER_MIN)


def is_counts(value: Any) -> bool:
    """A list of such numbers."""
    return value is None or (isinstance(value, list) and all(is_count(item) for item in value))


def is_measure(value: Any) -> bool:
    """A short number, with at most the decimals of a clock."""
    return is_count(value) or (isinstance(value, float) and abs(value) < NUMBER_MIN)


def is_vector(value: Any) -> bool:
    """A list of small numbers, or the base64 of one: an embedding."""
    if isinstance(value, list):
        return set(map(type, value)) <= _NUMBERS and (
            not value or (max(value) < NUMBER_MIN and min(value) > -NUMBER_MIN)
        )
    if not isinstance(value, str) or len(value) < _VECTOR_CHARS_MIN or len(value) % 4 or not value.isascii():
        return False
    return value.replace("+", "0").replace("/", "0").rstrip("=").isalnum()


def is_time(value: Any) -> bool:
    """A time in these years."""
    return value is None or (isinstance(value, (int, float)) and _TIME_MIN <= value < _TIME_END and value == int(value))


def is_label(value: Any) -> bool:
    """An id or a word in a server's format: short parts with few digits, and hexadecimal ones after a known prefix."""
    return value is None or (isinstance(value, str) and (_USUAL_ID.fullmatch(value) is not None or _is_label(value)))


def ids_after(prefix: str) -> Rule:
    """Like ``is_label``, for the ids of one API, which have a prefix of their own."""
    prefixes = _ID_PREFIXES | {prefix}

    def is_id(value: Any) -> bool:
        return value is None or (isinstance(value, str) and _is_label(value, prefixes))

    return is_id


def is_name(value: Any) -> bool:
    """Like a label, plus the punctuation in names of models and releases; not an address."""
    if not isinstance(value, str):
        return value is None
    return len(value) <= _LABEL_CHARS_MAX and _is_name(value)


@lru_cache(_NAMES_MAX)
def _is_name(value: str) -> bool:
    if "//" in value or "www." in value or value.replace(".", "").isdigit():
        return False
    return _is_label(value.replace("/", "-").replace(".", "-").replace(":", "-"))


def is_event_type(value: Any) -> bool:
    """The type of an event: words separated by dots."""
    return (
        isinstance(value, str)
        and value.startswith("response.")
        and _is_label(value.replace(".", "-").replace("_", "-"))
    )


def _is_label(text: str, prefixes: frozenset[str] = _ID_PREFIXES) -> bool:
    if len(text) > _LABEL_CHARS_MAX or not text.isascii():
        return False
    parts = text.replace("_", "-").split("-")
    digits = 0
    for part in parts:
        if not part:
            continue
        if not part.isalnum():
            return False
        if _is_hex(part):
            if len(part) > _PART_CHARS_MAX and parts[0] != part and parts[0] not in prefixes:
                return False
        elif len(part) > _PART_CHARS_MAX:
            return False
        else:
            digits += sum([sign.isdigit() for sign in part])
    return digits <= DIGITS_MAX


def _is_hex(part: str) -> bool:
    """Hexadecimal with both digits and letters, so that it is not a number."""
    return len(part) <= _HEX_CHARS_MAX and set(part) <= _HEX and not part.isdigit() and not part.isalpha()


def word_of(words: str) -> Rule:
    """One of the given words, or null."""
    known = frozenset(words.split())

    def is_word(value: Any) -> bool:
        return value is None or (isinstance(value, str) and value in known)

    return is_word


USAGE_DETAILS: Final = Shape(
    inert={
        **dict.fromkeys(
            [
                "cached_tokens",
                "created_cache_tokens",
                "cache_write_tokens",
                "multimodal_tokens",
                "reasoning_tokens",
                "audio_tokens",
                "tool_output_tokens",
                "accepted_prediction_tokens",
                "rejected_prediction_tokens",
                "text_tokens",
                "image_tokens",
            ],
            is_count,
        ),
        **dict.fromkeys(
            [
                "input_tokens_per_turn",
                "cached_tokens_per_turn",
                "output_tokens_per_turn",
                "tool_output_tokens_per_turn",
            ],
            is_counts,
        ),
    }
)
USAGE: Final = Shape(
    inert=dict.fromkeys(
        [
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "input_tokens",
            "output_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
        ],
        is_count,
    ),
    objects=dict.fromkeys(
        ["prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details"],
        USAGE_DETAILS,
    ),
)
_SPECULATIVE: Final = Shape(
    inert={
        **dict.fromkeys(
            ["num_draft_tokens", "num_accepted_draft_tokens", "num_spec_steps", "num_spec_tokens"], is_count
        ),
        **dict.fromkeys(["draft_acceptance_rate", "mean_acceptance_length"], is_measure),
        **dict.fromkeys(["acceptance_histogram", "per_step_accepted", "per_step_drafted"], is_counts),
    }
)
METRICS: Final = Shape(
    inert={
        **dict.fromkeys(
            ["time_to_first_token_ms", "generation_time_ms", "queue_time_ms", "mean_itl_ms", "tokens_per_second"],
            is_measure,
        ),
    },
    objects={"speculative_decoding": _SPECULATIVE},
)
