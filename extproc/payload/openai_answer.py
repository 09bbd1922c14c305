"""What answers of chat and completions have in common: choices by index, usage, copies of text, the stream's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from extproc.domain.errors import ApiError
from extproc.domain.text import Kind
from extproc.payload.dialect import Frame, UnreadableAnswer, dump_event, load_event, openai_error
from extproc.payload.ends import end_of_choice
from extproc.payload.error_body import error_slots
from extproc.payload.plain_chunk import PlainChunks
from extproc.payload.sse import SseEvent
from extproc.payload.usage import UsageReader, usage_of
from extproc.payload.view import Copy, Slot, unnamed_slots

DONE = b"data: [DONE]\n\n"
TOKENS_USED_UP = "length"
_COPIES_OF_PROMPT = ("prompt_logprobs", "prompt_token_ids", "prompt_text")
_COPIES_OF_ANSWER = ("logprobs", "token_ids", *_COPIES_OF_PROMPT)
Choices = list[tuple[int, dict[str, Any]]]
"""Each choice of an answer, with its index."""
_MAY_COPY = frozenset(_COPIES_OF_ANSWER)
_NAMED = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", *_COPIES_OF_PROMPT}
)
_CHOICE_NAMED = frozenset({"index", "message", "delta", "text", "finish_reason", "stop_reason", *_COPIES_OF_ANSWER})


def copies_in(tree: dict[str, Any], choices: Choices) -> list[Copy]:
    """Where an answer or an event repeats text unmasked."""
    found: list[Copy] = []
    if not _MAY_COPY.isdisjoint(tree):
        found += [Copy(tree, key, of_prompt=True) for key in _COPIES_OF_PROMPT if tree.get(key) is not None]
    for _, choice in choices:
        found += [
            Copy(choice, key, of_prompt=key in _COPIES_OF_PROMPT)
            for key in _MAY_COPY.intersection(choice)
            if choice[key] is not None
        ]
    return found


def choices_of(tree: dict[str, Any]) -> Choices:
    """The choices, with their indexes. Raises: UnreadableAnswer."""
    choices = tree.get("choices")
    if not isinstance(choices, list):
        raise UnreadableAnswer("an answer has no array of choices")
    found: Choices = []
    for choice in choices:
        index = choice.get("index") if isinstance(choice, dict) else None
        if not isinstance(index, int):
            raise UnreadableAnswer("a choice has no index")
        found.append((index, choice))
    return found


def unnamed_in(tree: dict[str, Any], choices: Choices) -> list[Slot]:
    """Strings in unnamed fields of an answer or of its choices: they say something about it, each of them whole."""
    slots = [] if _NAMED.issuperset(tree) else unnamed_slots(tree, _NAMED, 0, complete=True, kind=Kind.ASIDE)
    for index, choice in choices:
        if not _CHOICE_NAMED.issuperset(choice):
            slots += unnamed_slots(choice, _CHOICE_NAMED, index, complete=True)
    return slots


def ends_of(choices: Choices) -> dict[str, Any]:
    """Which choices of a whole answer have ended, and which of them too early, as an ``AnswerView`` has it."""
    return {
        "finished": tuple(index for index, choice in choices if choice.get("finish_reason") is not None),
        "cut_short": tuple(index for index, choice in choices if choice.get("finish_reason") == TOKENS_USED_UP),
        "ends": {index: end_of_choice(choice) for index, choice in choices},
    }


class ChoiceStream:
    """A stream of chunks with choices. Subclasses read one choice and write a carrying one."""

    def __init__(self, shown: Mapping[str, Any]) -> None:
        self.usage = UsageReader()
        self.plain = PlainChunks()
        self._shown = shown
        self._envelope: dict[str, Any] = {}

    def read(self, event: SseEvent) -> Frame:
        """What one event holds. Raises: UnreadableAnswer."""
        self.usage.next_event()
        if event.data is None:
            return Frame(event)
        if event.data == b"[DONE]":
            return Frame(event, last=True)
        tree = load_event(event)
        if tree.get("error") is not None:
            return Frame(event, tree, slots=error_slots(tree), failed=True)
        return self._chunk(Frame(event, tree), tree)

    def _chunk(self, frame: Frame, tree: dict[str, Any]) -> Frame:
        if not self._envelope:
            self._envelope = {key: tree[key] for key in ("id", "object", "created", "model") if key in tree}
            self._envelope.update(self._shown)
        usage = usage_of(tree.get("usage"))
        choices = choices_of(tree)
        frame.bare = usage is None and bool(choices)
        for index, choice in choices:
            self._read_choice(frame, index, choice)
            if choice.get("finish_reason") is not None:
                frame.closes.append((index, None))
                frame.finished.append(index)
                frame.ends[index] = end_of_choice(choice)
                if choice["finish_reason"] == TOKENS_USED_UP:
                    frame.cut_short += (index,)
                frame.bare = False
            if usage is not None:
                self.usage.running(index, usage)
        if not choices:
            self.usage.final(usage)
            frame.usage_only = usage is not None
        frame.slots += unnamed_in(tree, choices)
        frame.copies = copies_in(tree, choices)
        frame.changed = bool(self._shown) and any(tree.get(key) != value for key, value in self._shown.items())
        if frame.bare and len(frame.slots) == 1 and not frame.copies:
            self.plain.learn(tree, frame.slots[0], self._shown)
        return frame

    def _read_choice(self, frame: Frame, index: int, choice: dict[str, Any]) -> None:
        raise NotImplementedError

    def return_to(self, frame: Frame) -> None:
        """Nothing depends on where the stream is."""

    def write(self, frame: Frame) -> bytes:
        """The event after its slots were changed."""
        tree = frame.tree or {}
        if not frame.failed:
            tree.update(self._shown)
        return dump_event(tree)

    def without_choice(self, frame: Frame, choice: int) -> bool:
        """Take a choice that was cut out of an event."""
        tree = frame.tree or {}
        if tree.get("choices"):
            tree["choices"] = [item for item in tree["choices"] if item["index"] != choice]
            return bool(tree["choices"])
        return True

    def _chunk_of(self, choice: dict[str, Any]) -> bytes:
        return dump_event({**self._envelope, "choices": [choice]})

    def end(self) -> bytes:
        """What closes the stream after the last choice was cut."""
        return DONE

    def failure(self, error: ApiError) -> bytes:
        """An error in mid-stream: an error frame, then ``[DONE]``, as vLLM does it."""
        return b"data: " + orjson.dumps(openai_error(error)) + b"\n\n" + DONE
