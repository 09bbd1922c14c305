"""The section of the guard that checks responses against known facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.facts import FACTS_BYTES_MAX, parse_facts
from extproc.config.guards.base import GuardSection
from extproc.config.section import FilePath
from extproc.config.text_files import TextFile


class FactsSection(GuardSection):
    """Detects sentences that contradict a file of facts."""

    guard: Literal["facts"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag",
        description="stop the response before the sentence, only report, or only count; block holds back one sentence",
    )
    file: FilePath = Field(description="YAML file of facts, relative to the configuration file; reloaded on change")
    message: str = Field(
        default="Response stopped: it contradicts a known fact.", description="message for the client on block"
    )

    def text_files(self) -> Iterator[TextFile]:
        """The file of facts."""
        yield TextFile(("file",), self.file, "facts", FACTS_BYTES_MAX, parse_facts)
