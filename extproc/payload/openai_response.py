"""The common parts of chat and completions responses: choices by index, usage, copies of text, the stream's end."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, Final

import orjson

from extproc.domain.errors import ApiError
from extproc.domain.text import TextSource
from extproc.domain.usage import Usage
from extproc.payload.dialect import Frame, UnreadableResponse, dump_event, items_of, load_event, openai_error
from extproc.payload.edits import Path
from extproc.payload.ends import End, end_of_choice, finish_word
from extproc.payload.error_body import error_slots
from extproc.payload.inert import (
    METRICS,
    USAGE,
    Shape,
    is_count,
    is_label,
    is_name,
    is_null,
    is_time,
    word_of,
)
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.response_ids import response_id_of
from extproc.payload.sse import SseEvent
from extproc.payload.unnamed import unnamed_slots
from extproc.payload.usage import UsageReader, short_usage_of, usage_of
from extproc.payload.view import NUMBER_MIN, Copy, Slot

DONE: Final = b"data: [DONE]\n\n"
TOKENS_USED_UP: Final = "length"
_COPIES_OF_PROMPT: Final = ("prompt_logprobs", "prompt_token_ids", "prompt_text")
_COPIES_OF_ANSWER: Final = ("logprobs", "token_ids", *_COPIES_OF_PROMPT)
Choices = list[tuple[int, dict[str, Any]]]
"""Each choice of a response, with its index."""
_MAY_COPY: Final = frozenset(_COPIES_OF_ANSWER)
_RARE_COPIES: Final = frozenset(_COPIES_OF_PROMPT)
SERVICE_TIERS: Final = word_of("auto default flex scale priority")
_ROOT: Final = Shape(
    named={"choices", *_COPIES_OF_PROMPT},
    inert={
        "id": is_label,
        "object": word_of("chat.completion chat.completion.chunk text_completion"),
        "created": is_time,
        "model": is_name,
        "system_fingerprint": is_name,
        "service_tier": SERVICE_TIERS,
        "error": is_null,
        "kv_transfer_params": is_null,
        "ec_transfer_params": is_null,
    },
    objects={"usage": USAGE, "metrics": METRICS},
)
_CHOICES: Final = {
    key: Shape(
        named={"index", key, *_COPIES_OF_ANSWER},
        inert={
            "finish_reason": word_of("stop length tool_calls function_call content_filter abort error repetition"),
            "stop_reason": is_count,  # a token id; a stop string is checked
            "routed_experts": is_null,
        },
    )
    for key in ("message", "delta", "text")
}
# Most events differ from the previous one in their text only: the parts read once need not be read again.
_ENVELOPE: Final[tuple[str, ...]] = ("id", "object", "created", "model")
_HEADS_KEPT_MAX: Final = 64
_NO_HEAD: Final[Mapping[str, Any]] = {}
_HEAD: Final = frozenset({*_ENVELOPE, "system_fingerprint", "service_tier"})


def copies_in(tree: dict[str, Any], choices: Choices) -> list[Copy]:
    """The places where a response or an event repeats text unmasked."""
    found: list[Copy] = []
    if not _MAY_COPY.isdisjoint(tree):
        found += [Copy(tree, key, of_prompt=True) for key in _COPIES_OF_PROMPT if tree.get(key) is not None]
    for _, choice in choices:
        if _RARE_COPIES.isdisjoint(choice) and choice.get("logprobs") is None and choice.get("token_ids") is None:
            continue
        found += [
            Copy(choice, key, of_prompt=key in _COPIES_OF_PROMPT)
            for key in _MAY_COPY.intersection(choice)
            if choice[key] is not None
        ]
    return found


def choices_of(tree: dict[str, Any]) -> Choices:
    """The choices, with their indexes. Raises: UnreadableResponse."""
    choices = tree.get("choices")
    if not isinstance(choices, list):
        raise UnreadableResponse("a response has no array of choices")
    found: Choices = []
    for choice in choices:
        index = choice.get("index") if isinstance(choice, dict) else None
        if not isinstance(index, int) or not 0 <= index < NUMBER_MIN:
            raise UnreadableResponse("a choice has no index")
        found.append((index, choice))
    return found


def unnamed_in(tree: dict[str, Any], choices: Choices, text_key: str) -> list[Slot]:
    """The texts of a response and its choices other than those at ``text_key``."""
    slots = unnamed_slots(tree, _ROOT, 0)
    for index, choice in choices:
        slots += unnamed_slots(choice, _CHOICES[text_key], index, ("choices",))
    return slots


def ends_of(choices: Choices) -> tuple[tuple[int, ...], tuple[int, ...], dict[int, End], dict[int, str]]:
    """Which choices of a whole response have ended, which of them at the token limit, how each ended, and why."""
    finishes = {index: finish_word(reason) for index, choice in choices if (reason := choice.get("finish_reason"))}
    return (
        tuple(index for index, choice in choices if choice.get("finish_reason") is not None),
        tuple(index for index, choice in choices if choice.get("finish_reason") == TOKENS_USED_UP),
        {index: end_of_choice(choice) for index, choice in choices},
        finishes,
    )


class ChoiceStream:
    """A stream of chunks with choices. Subclasses read a choice, and write one that carries text."""

    __slots__ = (
        "_carriers",
        "_first",
        "_head",
        "_head_keys",
        "_head_of",
        "_head_raw",
        "_known_keys",
        "_shown",
        "_text_key",
        "finishes",
        "plain",
        "usage",
    )

    def __init__(self, shown: Mapping[str, Any], text_key: str) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()
        self.finishes: dict[int, str] = {}
        self._shown = shown
        self._text_key = text_key
        self._known_keys = _known_keys(text_key)
        self._first: dict[str, Any] | None = None  # the first chunk, as sent to the client; then its envelope alone
        self._head = b""  # the beginning of every chunk that differs from a checked one in its choices alone
        self._head_of: dict[str, Any] | None = None  # a chunk whose head is taken once it has been checked
        self._head_raw: Mapping[str, Any] = _NO_HEAD  # its head as received
        self._head_keys: frozenset[str] = frozenset()
        self._carriers: dict[TextSource, Path] | None = None  # the paths in a choice of unnamed texts that grow

    @property
    def response_id(self) -> str:
        """That of the first chunk: all have the same."""
        return response_id_of(self._first or {})

    def read(self, event: SseEvent) -> Frame:
        """Parse one event. Raises: UnreadableResponse."""
        self.usage.next_event()
        if event.data is None:
            return Frame(event)
        if event.data == b"[DONE]":
            return Frame(event, last=True)
        tree = load_event(event)
        if tree.get("error"):
            dropped = len(items_of(tree, "choices"))  # an error ends the stream: no text is sent with it
            tree.pop("choices", None)
            return Frame(event, tree, slots=error_slots(tree), failed=True, changed=dropped > 0, dropped=dropped)
        return self._chunk(Frame(event, tree), tree)

    def _chunk(self, frame: Frame, tree: dict[str, Any]) -> Frame:
        first = self._first
        if first is None:
            self._first = tree
        elif "choices" in first:
            self._first = _envelope_of(first)
        usage = short_usage_of(tree["usage"]) if "usage" in tree else None
        is_known = self._has_known_head(frame.event, tree, usage)
        usage = usage or usage_of(tree.get("usage"))
        choices = choices_of(tree)
        frame.bare = usage is None and bool(choices)
        for index, choice in choices:
            self._read_choice(frame, index, choice)
            reason = choice.get("finish_reason")
            if reason is not None:
                frame.closes.append((index, None))
                frame.finished.append(index)
                frame.ends[index] = end_of_choice(choice)
                self.finishes[index] = finish_word(reason)
                if reason == TOKENS_USED_UP:
                    frame.cut_short += (index,)
                frame.bare = is_known = False
            elif choice.get("stop_reason") is not None or not self._known_keys.issuperset(choice):
                is_known = False
            if usage is not None:
                self.usage.running(index, usage)
        if not choices:
            self.usage.final(usage)
            frame.usage_only = usage is not None
        if not is_known:
            unnamed = unnamed_in(tree, choices, self._text_key)
            frame.slots += unnamed
            frame.bare = frame.bare and not unnamed
            self._head_of, self._head_raw = tree, {key: value for key, value in tree.items() if key in _HEAD}
        frame.copies = copies_in(tree, choices)
        frame.changed = bool(self._shown) and any(tree.get(key) != value for key, value in self._shown.items())
        if frame.bare and len(frame.slots) == 1 and not frame.copies:
            self.plain.learn(tree, frame.slots[0], self._shown)
        return frame

    def _has_known_head(self, event: SseEvent, tree: dict[str, Any], usage: Usage | None) -> bool:
        """Whether everything but the choices was checked in an earlier chunk, or is a few counts."""
        if self._head_of is not None:
            raw, judged = self._head_raw, self._head_of
            is_clean = all(key in self._shown or judged.get(key) == raw[key] for key in raw)
            self._head = orjson.dumps({**raw, "choices": []})[: -len("]}")] if is_clean else b""
            self._head_of, self._head_raw = None, _NO_HEAD
            self._head_keys = _head_keys(tuple(raw))
        if not self._head or event.data is None or not event.data.startswith(self._head):
            return False
        return self._head_keys.issuperset(tree) and (usage is not None or tree.get("usage") is None)

    def _read_choice(self, frame: Frame, index: int, choice: dict[str, Any]) -> None:
        raise NotImplementedError

    def return_to(self, frame: Frame) -> None:
        """Do nothing: the reader has no position."""

    def write(self, frame: Frame) -> bytes:
        """Serialize an event whose slots were changed."""
        tree = frame.tree or {}
        if not frame.failed:
            tree.update(self._shown)
        return dump_event(tree)

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """Remove a choice that was cut from an event."""
        tree = frame.tree or {}
        if tree.get("choices"):
            tree["choices"] = [item for item in tree["choices"] if item["index"] != choice]
            return bool(tree["choices"])
        return True

    def _chunk_of(self, choice: dict[str, Any]) -> bytes:
        return dump_event({**_envelope_of(self._first or {}), **self._shown, "choices": [choice]})

    def end(self) -> bytes:
        """The end of the stream after the last choice was cut."""
        return DONE

    def failure(self, error: ApiError) -> bytes:
        """An error in mid-stream: an error frame, then ``[DONE]``, like vLLM."""
        return b"data: " + orjson.dumps(openai_error(error)) + b"\n\n" + DONE


def _envelope_of(chunk: Mapping[str, Any]) -> dict[str, Any]:
    return {key: chunk[key] for key in _ENVELOPE if key in chunk}


@cache
def _known_keys(text_key: str) -> frozenset[str]:
    """One for all streams."""
    return frozenset({"index", text_key, "finish_reason", "stop_reason", *_COPIES_OF_ANSWER})


@lru_cache(_HEADS_KEPT_MAX)
def _head_keys(head: tuple[str, ...]) -> frozenset[str]:
    """The keys of a chunk with this head, one for all streams: a server writes the same ones in the same order."""
    return frozenset({*head, "choices", "usage"})
