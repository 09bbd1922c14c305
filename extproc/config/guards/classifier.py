"""The section of the guard that has texts judged by a classifier, beside the exchange or before it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.problems import KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.section import Name

SpeakerName = Literal["system", "user", "assistant", "tool", "document", "definition"]


class ClassifierGuard(GuardSection):
    """Has texts judged by one of `classifiers`: beside the exchange, or with `await_ms` before it goes on."""

    guard: Literal["classifier"]
    classifier: Name = Field(description="which of `classifiers` judges")
    on: On = Field(default="both", description="direction; with `await_ms` only the request")
    action: Literal["block", "flag", "shadow"] = Field(
        default="flag", description="report, only count, or refuse the request, for which `await_ms` is needed"
    )
    await_ms: int | None = Field(
        default=None, ge=1, le=60_000, description="how long a request waits for the verdict; then `on_error` decides"
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="share of exchanges that is judged")
    speakers: tuple[SpeakerName, ...] = Field(
        default=("user", "tool", "document"), min_length=1, description="whose texts of a request are judged"
    )
    against: Literal["documents"] | None = Field(
        default=None,
        description="hold answers against the documents and results of tools in their request, by a classifier that "
        "judges pairs",
    )
    context_chars_min: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="with `against`: without documents, how long a user's text must be to be held against",
    )
    context_chars_max: int = Field(
        default=32_000,
        ge=1_000,
        le=1_000_000,
        description="with `against`: answers to more text than this are not judged, and counted as `skipped_too_long`",
    )
    texts_max: int = Field(
        default=16,
        ge=1,
        le=1_000,
        description="texts of a request that are judged, the last ones; coverage tells of more",
    )
    chars_max: int = Field(
        default=8_000, ge=100, le=1_000_000, description="how much of a text is judged; coverage tells of longer ones"
    )
    message: str = Field(default="Request blocked by a safety check.", description="what the client reads on block")

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A classifier that is not there or judges something else, or a verdict that comes too late."""
        known = list(around.classifiers)
        if self.classifier not in known:
            hint = did_you_mean(self.classifier, known) or (
                f"Known classifiers: {names(known)}." if known else "Add it to `classifiers:`."
            )
            yield places.problem((*at, "classifier"), f"unknown classifier {shown(self.classifier)}", hint=hint)
        if self.action == "block" and self.await_ms is None:
            hint = "Add `await_ms`, or write `action: flag`."
            yield places.problem(
                (*at, "action"), "a request that does not wait for a verdict cannot be refused", hint=hint
            )
        yield from self._pair_problems(at, around, places)
        if self.await_ms is None:
            return
        if self.on != "request":
            hint = "Write `on: request`, and judge answers by a second guard without `await_ms`."
            yield places.problem((*at, "on"), "only a request can wait for a verdict", hint=hint)
        if self.await_ms >= around.message_timeout_ms:
            hint = f"`envoy.message_timeout_ms` is {around.message_timeout_ms}: choose less, or raise that."
            yield places.problem((*at, "await_ms"), "Envoy does not wait for so long", hint=hint)

    def _pair_problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A classifier of pairs needs both, and one of texts would not look at the second."""
        if self.against is not None and self.on != "response":
            hint = "Write `on: response`."
            yield places.problem((*at, "on"), "only answers are held against documents", hint=hint)
        classifier = around.classifiers.get(self.classifier)
        if classifier is None or classifier.judges_pairs == (self.against is not None):
            return
        if classifier.judges_pairs:
            hint = "Add `against: documents` and `on: response`."
            yield places.problem(
                (*at, "classifier"), f"{shown(self.classifier)} judges answers with documents", hint=hint
            )
        else:
            hint = "Use one with `adapter: grounding`, with `pairs: true`, or with `{context}` in its `prompt`."
            what = f"{shown(self.classifier)} judges texts by themselves, not against documents"
            yield places.problem((*at, "classifier"), what, hint=hint)
