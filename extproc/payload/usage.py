"""Usage of one response: the last report counts, per choice if the server counts by choice.

Source: vLLM. A chunk with ``choices: []`` has the total. With ``continuous_usage_stats`` every chunk has a running
total of *its* choice, so the last of each index are added up. If no final usage arrives (aborts, cuts, old servers),
the tokens after the last count are estimated from the observed text, and the result says ``estimated``. The prompt is
counted once for all choices, as in the server's usage; vLLM's own counters count it for each.
"""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any, Final

from extproc.domain.token_rates import START, RequestSize, TokenRates
from extproc.domain.uncounted import SAMPLE_CHARS_MAX
from extproc.domain.usage import Usage, utf8_bytes_of

_SHORT_KEYS: Final = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
_NO_COUNT: Final = -1
_SHORT_END: Final = 1_000_000  # a longer number might identify a person


def _count(holder: Any, key: str) -> int:
    """What is counted there: 0 if nothing is, less if what stands there is no count."""
    value = holder.get(key) if isinstance(holder, dict) else None
    if value is None:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else _NO_COUNT


def _usage(prompt: int, completion: int, cached: int, reasoning: int = 0) -> Usage | None:
    """None if a server has counted what cannot be: then tokens are estimated, and never free."""
    if prompt < 0 or completion < 0:
        return None
    return Usage(prompt, completion, max(cached, 0), max(reasoning, 0))


def usage_of(tree: Any) -> Usage | None:
    """Usage of an OpenAI or Responses usage object; None if there is none that can be true. Absent counts are 0."""
    if not isinstance(tree, dict):
        return None
    if "input_tokens" in tree:
        return _usage(
            _count(tree, "input_tokens"),
            _count(tree, "output_tokens"),
            _count(tree.get("input_tokens_details"), "cached_tokens"),
            _count(tree.get("output_tokens_details"), "reasoning_tokens"),
        )
    if "prompt_tokens" not in tree and "completion_tokens" not in tree:
        return None
    return _usage(
        _count(tree, "prompt_tokens"),
        _count(tree, "completion_tokens"),
        _count(tree.get("prompt_tokens_details"), "cached_tokens"),
        _count(tree.get("completion_tokens_details"), "reasoning_tokens"),
    )


def short_usage_of(tree: Any) -> Usage | None:
    """Usage that is nothing but a few short counts, as in most events; None for any other."""
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
    """Usage of a Messages object: ``input_tokens`` excludes cache reads and writes."""
    if not isinstance(tree, dict) or "output_tokens" not in tree:
        return None
    plain, cached = _count(tree, "input_tokens"), max(_count(tree, "cache_read_input_tokens"), 0)
    written = max(_count(tree, "cache_creation_input_tokens"), 0)
    return _usage(plain if plain < 0 else plain + cached + written, _count(tree, "output_tokens"), cached)


_NONE: Final[set[int]] = set()
"""Of all readers whose server has not counted yet: an empty set takes 216 bytes. Nothing is added to it."""


class UsageReader:
    """Collects the usage of one response. ``rates`` supplies the rates of its model, for immediate estimates."""

    __slots__ = ("_by_choice", "_counted", "_final", "_pieces", "_seen_after", "_utf8_bytes", "rates")

    def __init__(self) -> None:
        self.rates: Callable[[], TokenRates] = start_rates
        self._final: Usage | None = None
        self._by_choice: dict[int, Usage] = {}
        self._counted = _NONE  # choices whose text in the current event is included in the server's count
        self._seen_after: dict[int, list[int]] = {}  # pieces and bytes of each choice after its last count
        self._pieces = 0  # of all choices, up to their last counts
        self._utf8_bytes = 0

    def next_event(self) -> None:
        """Start the next event."""
        self._counted.clear()

    def plain_piece(self, choice: int, text: str) -> None:
        """The next event, which is a piece of text alone: ``next_event`` and ``piece``."""
        if self._counted:
            self._counted.clear()
        self.piece(choice, text)

    def final(self, usage: Usage | None) -> None:
        """The server's count of the whole response."""
        if usage is not None:
            self._final = usage

    def running(self, choice: int, usage: Usage | None) -> None:
        """The server's count of one choice so far, including the text of the same event."""
        if usage is not None:
            if self._counted is _NONE:
                self._counted = set()
            self._counted.add(choice)
            self._by_choice[choice] = usage
            seen = self._seen_after.pop(choice, None)
            if seen is not None:
                self._pieces += seen[0]
                self._utf8_bytes += seen[1]

    def piece(self, choice: int, text: str) -> None:
        """A piece of text that the server sent."""
        if not text:
            return
        if choice in self._counted:
            self._pieces += 1
            self._utf8_bytes += utf8_bytes_of(text)
            return
        seen = self._seen_after.get(choice)
        if seen is None:
            seen = self._seen_after[choice] = [0, 0]
        seen[0] += 1
        seen[1] += len(text) if text.isascii() else utf8_bytes_of(text)

    @property
    def counted(self) -> Usage | None:
        """The server's own count, if it has arrived."""
        return self._final

    @property
    def prompt_reported(self) -> bool:
        """Whether the server has counted the prompt."""
        return self._final is not None or any(usage.prompt for usage in self._by_choice.values())

    @property
    def pieces(self) -> int:
        """The number of pieces so far."""
        return self._pieces + self.after_count()[0]

    @property
    def utf8_bytes(self) -> int:
        """Their total length. [bytes]"""
        return self._utf8_bytes + self.after_count()[1]

    @property
    def counted_so_far(self) -> int:
        """The tokens that the server counted before its last count of all."""
        return sum([usage.completion for usage in self._by_choice.values()])

    def completion(self) -> int:
        """The tokens so far, counted or estimated."""
        if self._final is not None:
            return self._final.completion
        pieces, utf8_bytes = self.after_count()
        return self.counted_so_far + self.rates().streamed_tokens(pieces, utf8_bytes)

    def result(self, size: RequestSize) -> Usage:
        """The final usage, counted or estimated.

        Args: size: of the request, in case the server counted nothing.
        """
        if self._final is not None:
            return self._final
        seen = self._by_choice.values()
        prompt = max([usage.prompt for usage in seen], default=0) or self.rates().prompt_tokens(size)
        cached = max([usage.cached for usage in seen], default=0)
        reasoning = sum([usage.reasoning for usage in seen])
        return Usage(prompt, self.completion(), cached, reasoning, estimated=True)

    def after_count(self) -> tuple[int, int]:
        """Pieces and bytes after the last count of their choice."""
        seen = self._seen_after.values()
        return sum([each[0] for each in seen]), sum([each[1] for each in seen])


class KeepingUsageReader(UsageReader):
    """Keeps the beginning of the text after the last count, for the tokenizer of the model."""

    __slots__ = ("_chars_left", "_kept")

    def __init__(self) -> None:
        super().__init__()
        self._chars_left = SAMPLE_CHARS_MAX
        self._kept: dict[int, StringIO] = {}  # by choice, as their texts arrive interleaved

    def running(self, choice: int, usage: Usage | None) -> None:
        """What the server has counted is not kept."""
        super().running(choice, usage)
        if usage is not None and self._kept:
            self._kept.pop(choice, None)

    def piece(self, choice: int, text: str) -> None:
        """Keep the piece, up to the limit."""
        super().piece(choice, text)
        left = self._chars_left
        if left and text and choice not in self._counted:
            kept = self._kept.get(choice)
            if kept is None:
                kept = self._kept[choice] = StringIO()
            self._chars_left = left - kept.write(text if len(text) <= left else text[:left])

    def kept(self) -> list[str]:
        """The text of each choice."""
        return [kept.getvalue() for kept in self._kept.values()]


def start_rates() -> TokenRates:
    """The rates of an unknown model."""
    return START
