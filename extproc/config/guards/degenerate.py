"""The section of the guard for degenerate responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem

DegenerateKind = Literal["LOOP", "EMPTY", "LANGUAGE", "BROKEN_JSON", "CUT_SHORT"]
ResponseLanguage = Literal[
    "ar", "bn", "de", "el", "en", "es", "fa", "fr", "he", "hi", "it", "ja", "ka",
    "ko", "nl", "pl", "pt", "ru", "sv", "ta", "te", "th", "tr", "uk", "zh",
]  # fmt: skip


class DegenerateSection(GuardSection):
    """Detects responses that repeat themselves, are empty, broken, truncated, or in an unexpected language."""

    guard: Literal["degenerate"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag",
        description=(
            "stop the response, only report, or only count; EMPTY and CUT_SHORT are only reported, even with block"
        ),
    )
    kinds: tuple[DegenerateKind, ...] = Field(
        default=("LOOP", "EMPTY", "LANGUAGE", "BROKEN_JSON", "CUT_SHORT"),
        min_length=1,
        description="defects to detect",
    )
    loop_chars_min: int = Field(
        default=200, ge=64, le=500, description="minimum characters of a repeated run that count as a loop"
    )
    languages: tuple[ResponseLanguage, ...] = Field(
        default=(), description="allowed languages of responses, two letters each; empty: the language of the request"
    )
    message: str = Field(
        default="Response stopped: the output is degenerate (repeated, empty, broken or truncated).",
        description="message for the client on block",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """`languages` without `LANGUAGE` in `kinds`."""
        if self.languages and "LANGUAGE" not in self.kinds:
            hint = "Add it to `kinds`, or remove `languages`."
            yield places.problem((*at, "languages"), "`LANGUAGE` is not one of `kinds`", hint=hint, at_key=True)
