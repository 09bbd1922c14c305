"""The section of the guard that uses a classifier, out of band or while the request waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection, On
from extproc.config.guards.judged import SpeakerName
from extproc.config.problems import KeyPath, Places, Problem, shown
from extproc.config.section import Name


class ClassifierSection(GuardSection):
    """Runs one of `classifiers` on texts: out of band, or with `await_ms` before the request is forwarded."""

    guard: Literal["classifier"]
    classifier: Name = Field(description="which of `classifiers` to use")
    on: On = Field(default="both", description="direction; only the request with `await_ms`")
    action: Literal["block", "mask", "flag", "shadow"] = Field(
        default="flag",
        description="report, only count; or, with `await_ms`, reject the request, or mask what was found in it, which "
        "needs `adapter: presidio`",
    )
    await_ms: int | None = Field(
        default=None,
        ge=1,
        le=60_000,
        description="timeout of a request that waits for the result; then `on_error` decides",
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="share of exchanges that is classified")
    speakers: tuple[SpeakerName, ...] = Field(
        default=("user", "tool", "document"), min_length=1, description="request roles that are classified"
    )
    against: Literal["documents", "question"] | None = Field(
        default=None,
        description="check responses against the documents and tool results of the request, or against the user's last "
        "message; needs a pair classifier",
    )
    context_chars_min: int = Field(
        default=1_000,
        ge=1,
        le=1_000_000,
        description="with `against`: minimum length of a user's text to serve as context without documents",
    )
    context_chars_max: int = Field(
        default=32_000,
        ge=1_000,
        le=1_000_000,
        description="with `against`: skip responses with more context than this; counted as `skipped_too_long`",
    )
    texts_max: int = Field(
        default=16,
        ge=1,
        le=1_000,
        description="only the last texts of a request are classified; coverage counts the others",
    )
    chars_max: int = Field(
        default=8_000,
        ge=100,
        le=1_000_000,
        description="maximum length of a classified text; coverage counts longer ones",
    )
    message: str = Field(default="Request blocked by a safety check.", description="message for the client on block")

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """An unknown or unsuitable classifier, or a result that would come too late."""
        yield from around.unknown_classifier(self.classifier, at, places)
        if self.action == "block" and self.await_ms is None:
            hint = "Add `await_ms`, or write `action: flag`."
            yield places.problem(
                (*at, "action"), "a request that does not wait for the result cannot be rejected", hint=hint
            )
        yield from self._mask_problems(at, around, places)
        yield from self._pair_problems(at, around, places)
        if self.await_ms is None:
            return
        if self.on != "request":
            hint = "Write `on: request`, and check responses with a second guard without `await_ms`."
            yield places.problem((*at, "on"), "only a request can wait for the result", hint=hint)
        if self.await_ms >= around.message_timeout_ms:
            hint = (
                f"`envoy.message_timeout_ms` is {around.message_timeout_ms}: choose a lower value, or raise that one."
            )
            yield places.problem((*at, "await_ms"), "longer than Envoy's timeout", hint=hint)

    def _mask_problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A mask needs a place in a text, of a request that waits."""
        if self.action != "mask":
            return
        if self.await_ms is None:
            hint = "Add `await_ms`, or write `action: flag`."
            what = "a request that does not wait for the result cannot be masked"
            yield places.problem((*at, "action"), what, hint=hint)
        classifier = around.classifiers.get(self.classifier)
        if classifier is not None and not classifier.locates:
            hint = "Use one with `adapter: presidio`, or write `action: block`."
            what = f"{shown(self.classifier)} does not say where in a text it found something"
            yield places.problem((*at, "action"), what, hint=hint)

    @property
    def _context_name(self) -> str:
        return "a question" if self.against == "question" else "documents"

    def _pair_problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """A classifier of pairs needs a context, and one of single texts would ignore it."""
        if self.against is not None and self.on != "response":
            hint = "Write `on: response`."
            yield places.problem((*at, "on"), f"only responses can be checked against {self._context_name}", hint=hint)
        classifier = around.classifiers.get(self.classifier)
        if classifier is None or classifier.judges_pairs == (self.against is not None):
            return
        if classifier.judges_pairs:
            hint = "Add `against: documents` and `on: response`."
            yield places.problem(
                (*at, "classifier"), f"{shown(self.classifier)} classifies responses together with documents", hint=hint
            )
        else:
            hint = "Use one with `adapter: grounding`, with `pairs: true`, or with `{context}` in its `prompt`."
            what = f"{shown(self.classifier)} classifies single texts, not texts with documents"
            yield places.problem((*at, "classifier"), what, hint=hint)
