"""Responses that repeat the system prompt: a run of its words is masked, ends the response, or is reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, Self

from extproc.config.guards.prompt_leak import PromptLeakSection
from extproc.config.prompt_template import CompiledPrompt
from extproc.detectors.answers.prompt_leak import GAP_CHARS_MAX, PromptIndex, RunMatcher, compared, may_go_on, words_of
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action, Coverage
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import ExchangeContext, Guard, GuardState, Resources, report_nothing
from extproc.filters.json_text import JsonTextStage
from extproc.filters.observe import ObservingStage
from extproc.payload.view import RequestView

CLIENT_CHARS_MAX: Final = 16_384
CLIENT_INDEXES_MAX: Final = 32
MASK: Final = "<PROMPT>"


class PromptLeakGuard(Guard):
    """Holds the prompt of each version, and an LRU cache of clients' prompts."""

    code = "prompt_leak"

    @classmethod
    def build(cls, section: PromptLeakSection, resources: Resources) -> Self:
        """Build the guard with the prompts of all versions and routes."""
        return cls(section, resources.prompts)

    def __init__(self, section: PromptLeakSection, prompts: Sequence[CompiledPrompt]) -> None:
        super().__init__(section)
        self._of_version = section.of in ("version", "both")
        self._of_client = section.of in ("client", "both")
        self.words_min = section.words_min
        self._client_prompt = GuardState[str]()
        self._prompts = {
            prompt.fingerprint: PromptIndex(prompt.constants, self.words_min) for prompt in prompts if self._of_version
        }
        # Clients repeat the same system prompt: it is indexed once, and cached while in use.
        self._index_of = lru_cache(CLIENT_INDEXES_MAX)(self._build)

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Store the client's system messages, up to ``CLIENT_CHARS_MAX`` characters."""
        if self._of_client:
            texts = [field.text for field in request.texts if field.source.speaker is Speaker.SYSTEM]
            self._client_prompt.put(exchange, "\n".join(texts)[:CLIENT_CHARS_MAX])
        return None

    def applies_to(self, source: TextSource) -> bool:
        """The text of responses, including tool arguments."""
        return super().applies_to(source) and source.kind is not Kind.NAME

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage on every text of the response, if there is a prompt to leak."""
        index = self._index_for(exchange)
        if not index:
            exchange.skip(self.name, Coverage.SKIPPED_NO_CONTEXT)
            return None

        def on_finding(finding: Finding) -> None:
            self.report(exchange, Direction.RESPONSE, Evidence(finding))

        stage: Stage
        if source.kind is Kind.JSON:
            outside = _RunStage(index, self._mask(f'"{MASK}"'), on_finding)
            stage = JsonTextStage(_RunStage(index, self._mask(MASK), on_finding), outside)
        else:
            stage = _RunStage(index, self._mask(MASK), on_finding)
        return stage if self.action in (Action.MASK, Action.BLOCK) else ObservingStage(stage)

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The length of the run; the prompt itself is a secret."""
        return [Reason("rule", f"at least {self.words_min} words in a row are those of a system prompt")]

    def _mask(self, text: str) -> str | None:
        return None if self.action is Action.BLOCK else text

    def _index_for(self, exchange: ExchangeContext) -> PromptIndex | None:
        prompt, client = exchange.prompt, self._client_prompt.of(exchange)
        if not client:
            return self._prompts.get(prompt.fingerprint) if prompt is not None else None
        return self._index_of(prompt if self._of_version else None, client)

    def _build(self, prompt: CompiledPrompt | None, client_prompt: str) -> PromptIndex:
        return PromptIndex([*(prompt.constants if prompt is not None else ()), client_prompt], self.words_min)


class _RunStage:
    """Holds a run from its third word on, until it ends or is long enough to be a leak.

    Only the text so far decides what is released, never its chunk boundaries. Without a run all of it is released,
    including the open word. In a run it is the text before the third word, and in a long run all but the words that a
    leak could still contain. ``mask`` replaces a leak; it is None if a leak rejects.
    """

    __slots__ = (
        "_begin",
        "_buffer",
        "_ends",
        "_index",
        "_leaks",
        "_mask",
        "_matcher",
        "_on_finding",
        "_released",
        "_scanned",
        "rejected",
    )

    def __init__(self, index: PromptIndex, mask: str | None, on_finding: Callable[[Finding], None]) -> None:
        self._index = index
        self._mask = mask
        self._on_finding = on_finding
        self._matcher = RunMatcher(index)
        self._buffer = ""
        # Positions from the beginning of the text. [characters]
        self._begin = 0  # of the buffer
        self._released = 0  # the text before was released, or masked
        self._scanned = 0  # the incomplete word begins here
        self._ends = deque([0], index.words_min + 1)  # of the last words
        self._leaks = False  # the last word was part of a leak
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece. Returns: text that cannot be part of a leak."""
        self._buffer += text
        pieces: list[str] = []
        self._scan(pieces, closing=False)
        if not self.rejected:
            self._release(self._settled(self._index.words_min - 1), pieces)
            done = min(self._released, self._scanned)
            self._buffer = self._buffer[done - self._begin :]
            self._begin = done
        return "".join(pieces)

    def close(self) -> str:
        """The last word is complete. Later input is a separate text."""
        pieces: list[str] = []
        self._scan(pieces, closing=True)
        end = self._begin + len(self._buffer)
        if not self.rejected:
            self._release(end, pieces)
        self._break()
        self._buffer = ""
        self._begin = self._released = self._scanned = end
        self._ends.append(end)
        return "".join(pieces)

    def held(self) -> str:
        """The current run."""
        return self._buffer[self._released - self._begin :]

    def fork(self) -> _RunStage:
        """A stage in the same state that reports nothing."""
        copy = _RunStage(self._index, self._mask, report_nothing)
        copy._matcher = self._matcher.copy()
        copy._buffer, copy._begin = self._buffer, self._begin
        copy._released, copy._scanned = self._released, self._scanned
        copy._ends, copy._leaks, copy.rejected = self._ends.copy(), self._leaks, self.rejected
        return copy

    def _scan(self, pieces: list[str], closing: bool) -> None:
        """Process all complete words."""
        buffer, begin = self._buffer, self._begin
        for match in words_of(buffer, self._scanned - begin):
            start, end = match.span()
            if not closing and may_go_on(buffer, start, end):
                self._scanned = begin + start
                break
            word = compared(match.group())
            if word:
                self._take(word, begin + start, begin + end, pieces)
                if self.rejected:
                    return
        else:
            self._scanned = begin + len(buffer)
        if self._scanned - self._ends[-1] > GAP_CHARS_MAX:
            self._break()

    def _take(self, text: str, start: int, end: int, pieces: list[str]) -> None:
        if start - self._ends[-1] > GAP_CHARS_MAX:
            self._break()
        ends_leak = self._matcher.word(text)
        self._ends.append(end)
        if ends_leak and not self._leaks:
            self._release(self._settled(self._index.words_min), pieces)
            if self._mask is not None:
                self._release(self._released + self._blank_chars(), pieces)
            self._on_finding(Finding("PROMPT_LEAK", self._released, end, 1.0, "prompt_leak.run"))
            if self._mask is None:
                self.rejected = True
                return
            pieces.append(self._mask)
        self._leaks = ends_leak
        if ends_leak:
            self._released = end

    def _blank_chars(self) -> int:
        """The amount of white space between the released text and the next word."""
        rest = self._buffer[self._released - self._begin :]
        return len(rest) - len(rest.lstrip())

    def _break(self) -> None:
        """The gap between two words is too large for one run."""
        self._matcher.gap()
        self._leaks = False

    def _settled(self, words_held_max: int) -> int:
        """The end of the decided text: everything except a run from its third word on."""
        run = self._matcher.run
        if run < 2:
            return self._begin + len(self._buffer)
        return self._ends[-1 - min(run - 2, words_held_max)]

    def _release(self, end: int, pieces: list[str]) -> None:
        if end > self._released:
            pieces.append(self._buffer[self._released - self._begin : end - self._begin])
            self._released = end
