"""The section of the guard against answers that went wrong in themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem

DegenerateKind = Literal["LOOP", "EMPTY", "LANGUAGE", "BROKEN_JSON", "CUT_SHORT"]
AnswerLanguage = Literal[
    "ar", "bn", "de", "el", "en", "es", "fa", "fr", "he", "hi", "it", "ja", "ka",
    "ko", "nl", "pl", "pt", "ru", "sv", "ta", "te", "th", "tr", "uk", "zh",
]  # fmt: skip


class DegenerateGuard(GuardSection):
    """Looks for answers that repeat themselves, are empty, broken, cut short, or in another language than asked."""

    guard: Literal["degenerate"]
    on: Literal["response"] = Field(default="response", description="direction")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag",
        description="end the answer, only report, or only count; EMPTY and CUT_SHORT are only reported by block too",
    )
    kinds: tuple[DegenerateKind, ...] = Field(
        default=("LOOP", "EMPTY", "LANGUAGE", "BROKEN_JSON", "CUT_SHORT"),
        min_length=1,
        description="what is looked for",
    )
    loop_chars_min: int = Field(
        default=200, ge=64, le=500, description="how many characters of one run, again and again, are a loop"
    )
    languages: tuple[AnswerLanguage, ...] = Field(
        default=(), description="languages that answers may be in, two letters each; empty: that of the request"
    )
    message: str = Field(
        default="Response stopped: the output is degenerate (repeated, empty, broken or truncated).",
        description="what the client reads on block",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """Languages that are not looked at."""
        if self.languages and "LANGUAGE" not in self.kinds:
            hint = "Add it to `kinds`, or remove `languages`."
            yield places.problem((*at, "languages"), "LANGUAGE is not looked for", hint=hint, at_key=True)
