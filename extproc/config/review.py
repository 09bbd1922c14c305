"""The section of the review queue, and its checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from extproc.config.policies import guards_of
from extproc.config.problems import Places, Problem
from extproc.config.section import Section
from extproc.config.store_url import StoreUrl

if TYPE_CHECKING:
    from extproc.config.document import Document


class Review(Section):
    """Findings kept for human review. Needs `pip install 'llm-extproc[review]'`."""

    url: StoreUrl = Field(
        description="sqlite:///PATH, relative to the configuration file (sqlite:////... from the root), or "
        "postgresql://USER@HOST/NAME?passfile=PATH"
    )
    texts: Literal["masked", "none", "plain"] = Field(
        default="masked", description="context of a finding: personal data masked, no text, or the original text"
    )
    excerpt_chars_max: int = Field(default=200, ge=0, le=2_000, description="context on either side of the finding")
    rows_max: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="maximum findings kept; beyond it the oldest are deleted, those without a label first",
    )
    days_max: int = Field(
        default=30, ge=1, le=3_650, description="retention of a finding in days, with or without a label"
    )
    waiting_max: int = Field(
        default=1_000, ge=1, le=100_000, description="maximum exchanges in the write queue; further ones are dropped"
    )


def review_problems(document: Document, places: Places) -> Iterator[Problem]:
    """Guards that send findings to a review queue that is not configured."""
    if document.review is not None:
        return
    for at, guard in guards_of(document.policies):
        if guard.review:
            hint = "Add `review: { url: ... }` to the document, or remove it."
            yield places.problem((*at, "review"), "there is no review queue", hint=hint)
