"""The sections of filters. ``FILTER_SECTIONS`` lists them all: configuration, registry, docs and laws are made from it.

The first paragraph of a section's docstring is its row in ``docs/routing-and-metering.md``.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import Field

from extproc.config.section import Mode, OnError, Section


class GuardsSection(Section):
    """The place of the guards: those of the exchange's policy judge the request here, and its answer later."""

    filter: Literal["guards"]


class FilterSection(Section):
    """Keys of every filter. A subclass adds ``filter: Literal["..."]``."""

    mode: Mode = Field(default=Mode.ENFORCE, description="enforce, or decide and count only (shadow)")
    on_error: OnError = Field(default=OnError.CLOSED, description="effect of a failure of this filter")

    if TYPE_CHECKING:
        filter: str


class VersionSection(FilterSection):
    """Takes the route, and chooses the model version: pinned by `pin_header` (teams of `pin_teams`), else drawn by
    weight, sticky by header, user, or the beginning of the conversation. Sets `x-llm-model` and `x-llm-version`, clears
    the route cache, rewrites `model`.
    """

    filter: Literal["version"]


class PromptSection(FilterSection):
    """Inserts the version's system prompt. It comes after the guards, so this prompt is not judged."""

    filter: Literal["prompt"]


class MeterSection(FilterSection):
    """Switches metering on, and asks for usage on streams when the client did not (and hides the extra event)."""

    filter: Literal["meter"]
    continuous_usage: bool = Field(
        default=False,
        description="request usage in each chunk of chats and completions: exact counts for aborted streams, at a cost",
    )


class SignalsSection(FilterSection):
    """Collects signals of each answer, as whether it is empty, loops, asks back, or is the JSON that was asked for."""

    filter: Literal["signals"]
    sample: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of exchanges in which languages and schemas of tools are compared too, which costs more",
    )


FILTER_SECTIONS: tuple[type[FilterSection], ...] = (
    VersionSection,
    PromptSection,
    MeterSection,
    SignalsSection,
)


def filter_name(section: type[Section]) -> str:
    """The name of a filter in the configuration: the value of ``filter`` in its section."""
    (name,) = get_args(section.model_fields["filter"].annotation)
    return str(name)


FILTERS_BY_NAME = {filter_name(section): section for section in FILTER_SECTIONS}

if TYPE_CHECKING:
    AnyFilterSection = FilterSection | GuardsSection
else:
    AnyFilterSection = Annotated[reduce(or_, (GuardsSection, *FILTER_SECTIONS)), Field(discriminator="filter")]
