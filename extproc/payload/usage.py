"""Usage of one answer: the last one seen counts, per choice where the server counts by choice.

Source: vLLM. A chunk with ``choices: []`` brings the whole. With ``continuous_usage_stats`` every chunk brings a
running total of *its* choice, so the last of each index are added up. Where no final usage comes (aborts, cuts, old
servers) tokens are counted from what was seen and the result says ``estimated``.
"""

from __future__ import annotations

from typing import Any

from extproc.domain.usage import Usage, utf8_bytes_of

UTF8_BYTES_PER_TOKEN = 4
_SHORT_KEYS = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
_SHORT_END = 1_000_000  # a longer number might be somebody's


def _count(holder: Any, key: str) -> int:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def usage_of(tree: Any) -> Usage | None:
    """Usage of an OpenAI or Responses usage object; None if there is none. Negative and absent counts are 0."""
    if not isinstance(tree, dict):
        return None
    if "input_tokens" in tree:
        return Usage(
            _count(tree, "input_tokens"),
            _count(tree, "output_tokens"),
            _count(tree.get("input_tokens_details"), "cached_tokens"),
            _count(tree.get("output_tokens_details"), "reasoning_tokens"),
        )
    if "prompt_tokens" not in tree and "completion_tokens" not in tree:
        return None
    return Usage(
        _count(tree, "prompt_tokens"),
        _count(tree, "completion_tokens"),
        _count(tree.get("prompt_tokens_details"), "cached_tokens"),
        _count(tree.get("completion_tokens_details"), "reasoning_tokens"),
    )


def short_usage_of(tree: Any) -> Usage | None:
    """Usage that is nothing but a few short counts, as most events bring it; None for any other."""
    if not isinstance(tree, dict) or not _SHORT_KEYS.issuperset(tree):
        return None
    prompt, completion, total = tree.get("prompt_tokens"), tree.get("completion_tokens"), tree.get("total_tokens")
    if type(prompt) is not int or type(completion) is not int or type(total) is not int:
        return None
    if not (0 <= prompt < _SHORT_END and 0 <= completion < _SHORT_END and 0 <= total < _SHORT_END):
        return None
    if tree.get("prompt_tokens_details") is not None or tree.get("completion_tokens_details") is not None:
        return None
    return Usage(prompt, completion)


def anthropic_usage_of(tree: Any) -> Usage | None:
    """Usage of a Messages object: ``input_tokens`` leaves out what was read from and written to the cache."""
    if not isinstance(tree, dict) or "output_tokens" not in tree:
        return None
    cached = _count(tree, "cache_read_input_tokens")
    prompt = _count(tree, "input_tokens") + cached + _count(tree, "cache_creation_input_tokens")
    return Usage(prompt, _count(tree, "output_tokens"), cached)


def estimated_tokens(pieces: int, utf8_bytes: int) -> int:
    """Tokens of a text that nobody counted: at least one a piece, and one for every four bytes of UTF-8. [tokens]"""
    return max(pieces, -(-utf8_bytes // UTF8_BYTES_PER_TOKEN))


class UsageReader:
    """Collects the usage of one answer."""

    __slots__ = ("_by_choice", "_counted", "_final", "_pieces_after", "_utf8_bytes_after")

    def __init__(self) -> None:
        self._final: Usage | None = None
        self._by_choice: dict[int, Usage] = {}
        self._counted: set[int] = set()  # choices whose text in the event at hand is in the server's count
        self._pieces_after: dict[int, int] = {}
        self._utf8_bytes_after: dict[int, int] = {}

    def next_event(self) -> None:
        """Another event begins."""
        self._counted.clear()

    def final(self, usage: Usage | None) -> None:
        """The server's count of the whole answer."""
        if usage is not None:
            self._final = usage

    def running(self, choice: int, usage: Usage | None) -> None:
        """The server's count of one choice so far, the text of the same event included."""
        if usage is not None:
            self._counted.add(choice)
            self._by_choice[choice] = usage
            self._pieces_after[choice] = self._utf8_bytes_after[choice] = 0

    def piece(self, choice: int, text: str) -> None:
        """A piece of text that the server sent."""
        if text and choice not in self._counted:
            self._pieces_after[choice] = self._pieces_after.get(choice, 0) + 1
            self._utf8_bytes_after[choice] = self._utf8_bytes_after.get(choice, 0) + utf8_bytes_of(text)

    def result(self, prompt_utf8_bytes: int) -> Usage:
        """The usage, final or estimated.

        Args:
            prompt_utf8_bytes: size of the request's texts, for the case that the server counted nothing.
        """
        if self._final is not None:
            return self._final
        seen = self._by_choice
        completion = sum(usage.completion for usage in seen.values()) + sum(
            estimated_tokens(pieces, self._utf8_bytes_after[choice]) for choice, pieces in self._pieces_after.items()
        )
        prompt = max((usage.prompt for usage in seen.values()), default=estimated_tokens(1, prompt_utf8_bytes))
        cached = max((usage.cached for usage in seen.values()), default=0)
        reasoning = sum(usage.reasoning for usage in seen.values())
        return Usage(prompt, completion, cached, reasoning, estimated=True)
