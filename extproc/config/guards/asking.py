"""The keys of a guard that asks a classifier about texts of which its own detector is unsure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from extproc.config.guards.base import Around, GuardSection
from extproc.config.problems import KeyPath, Places, Problem, names, shown
from extproc.config.section import Name

Score = Annotated[float, Field(ge=0, le=1)]


class AskingSection(GuardSection):
    """A guard with a score that may ask a classifier while the request waits."""

    ask_between: tuple[Score, ...] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="two scores: a text from the first up to the second waits for `classifier`, which decides whether"
        " the action applies",
    )
    classifier: Name | None = Field(default=None, description="which of `classifiers` `ask_between` asks")
    await_ms: int = Field(
        default=500,
        ge=1,
        le=60_000,
        description="timeout of a request that waits for `classifier`; then `on_error` decides, and `open` leaves it to"
        " the thresholds",
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """Keys without each other, a classifier that cannot answer, or an answer that would come too late."""
        if self.ask_between is None:
            for key in ("classifier", "await_ms"):
                if key in self.model_fields_set:
                    hint = "Add `ask_between`, such as `ask_between: [0.1, 0.5]`, or leave it out."
                    yield places.problem((*at, key), "nothing is asked without `ask_between`", hint=hint)
            return
        yield from self._band_problems(at, places)
        yield from self._classifier_problems(at, around, places)
        if self.await_ms >= around.message_timeout_ms:
            limit = around.message_timeout_ms
            hint = f"`envoy.message_timeout_ms` is {limit}: set a lower `await_ms`, or raise that one."
            key = "await_ms" if "await_ms" in self.model_fields_set else "ask_between"
            yield places.problem((*at, key), f"`await_ms` is {self.await_ms}, over Envoy's timeout", hint=hint)

    def _band_problems(self, at: KeyPath, places: Places) -> Iterator[Problem]:
        if self.ask_between is not None and (low := self.ask_between[0]) >= (high := self.ask_between[1]):
            hint = "The first score is the lower one: `ask_between: [0.1, 0.5]`."
            yield places.problem((*at, "ask_between"), f"no score is between {low:g} and {high:g}", hint=hint)

    def _classifier_problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        if self.classifier is None:
            known = list(around.classifiers)
            hint = f"Add `classifier:`. Known classifiers: {names(known)}." if known else "Add one to `classifiers:`."
            yield places.problem((*at, "ask_between"), "no `classifier` to ask", hint=hint)
        elif self.classifier not in around.classifiers:
            yield from around.unknown_classifier(self.classifier, at, places)
        elif around.classifiers[self.classifier].judges_pairs:
            hint = "Use one that classifies single texts."
            what = f"{shown(self.classifier)} classifies responses together with documents"
            yield places.problem((*at, "classifier"), what, hint=hint)
