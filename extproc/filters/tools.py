"""Which tools a request may offer to the model or force, and which the model may call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from extproc.config.guards.tools import ToolsSection
from extproc.detectors.rules.tool_rules import ToolRules
from extproc.domain.errors import ApiError
from extproc.domain.finding import Evidence, Finding
from extproc.domain.reasons import Reason
from extproc.domain.record import Action
from extproc.domain.text import Direction, Kind, Speaker, Stage, TextSource
from extproc.filters.base import NULL_REPORTER, ExchangeContext, FindingReporter, Guard
from extproc.filters.observe import ObservingStage
from extproc.payload.view import RequestView

NAME_CHARS_MAX: Final = 256
# Items of the Responses API that are calls of built-in tools. Source: OpenAI's API reference.
_BUILT_IN_CALLS: Final = {
    f"{tool}_call": tool
    for tool in (
        "apply_patch", "code_interpreter", "computer", "file_search", "image_generation", "local_shell", "shell",
        "web_search",
    )
}  # fmt: skip


class ToolsGuard(Guard):
    """Checks the tools of a request as a whole, and the name of each call in a response."""

    code = "tool_not_allowed"
    judges_each_alone = False
    finds_data = False

    def __init__(self, section: ToolsSection) -> None:
        super().__init__(section)
        self._rules = ToolRules(section.allow, section.deny)

    def on_request(self, request: RequestView, exchange: ExchangeContext) -> ApiError | None:
        """Report each tool that is not allowed."""
        if Direction.REQUEST not in self.directions:
            return None
        found = [tool for tool in request.named_tools if not self._rules.permit_all(tool.names, tool.type)]
        for tool in found:
            named = ", ".join(tool.names) or tool.type
            self.report(exchange, Direction.REQUEST, Evidence(_finding(named), named, Speaker.DEFINITION.value))
        return self.rejection() if found and self.action is Action.BLOCK else None

    def applies_to(self, source: TextSource) -> bool:
        """Tool names in responses; in requests the applications' definitions."""
        if source.direction is Direction.RESPONSE:
            return super().applies_to(source) and source.kind is Kind.NAME
        return super().applies_to(source) and source.speaker is Speaker.DEFINITION

    def reasons(self, evidence: Evidence) -> list[Reason]:
        """The lists."""
        return [Reason("rule", "not every name of it is in `allow`, or one is in `deny`")]

    def might_match_any(self, texts: Sequence[tuple[TextSource, str]]) -> bool:
        """Whether a response calls a tool that is not allowed; requests were checked as a whole."""
        return any(
            source.kind is Kind.NAME and source.direction is Direction.RESPONSE and not self.permits(text)
            for source, text in texts
        )

    def permits(self, name: str) -> bool:
        """Whether a tool may be called."""
        return len(name) <= NAME_CHARS_MAX and self._rules.permit(_BUILT_IN_CALLS.get(name, name))

    def stage(self, source: TextSource, exchange: ExchangeContext) -> Stage | None:
        """A stage on tool names in responses."""
        if source.direction is Direction.REQUEST:
            return None
        stage = NameStage(self.permits, FindingReporter(self, source, exchange))
        return stage if self.action is Action.BLOCK else ObservingStage(stage)


class NameStage:
    """Holds a name until it is complete; rejects one that is not allowed, or too long."""

    __slots__ = ("_name", "_permits", "_reporter", "rejected")

    def __init__(self, permits: Callable[[str], bool], reporter: FindingReporter) -> None:
        self._permits = permits
        self._reporter = reporter
        self._name = ""
        self.rejected = False

    def feed(self, text: str) -> str:
        """Process the next piece; nothing is released before the name is complete."""
        self._name += text
        if len(self._name) > NAME_CHARS_MAX:
            self._reject()
        return ""

    def close(self) -> str:
        """The name is complete."""
        name, self._name = self._name, ""
        if not name or self._permits(name):
            return name
        self._name = name
        self._reject()
        return ""

    def held(self) -> str:
        """The name so far."""
        return self._name

    def fork(self) -> NameStage:
        """A stage in the same state that reports nothing."""
        copy = NameStage(self._permits, NULL_REPORTER)
        copy._name, copy.rejected = self._name, self.rejected
        return copy

    def _reject(self) -> None:
        name, self._name = self._name[:NAME_CHARS_MAX], ""
        self._reporter.set_text(name)
        self._reporter.report(_finding(name))
        self.rejected = True


def _finding(name: str) -> Finding:
    return Finding("TOOL", 0, len(name), 1.0, "tools")
