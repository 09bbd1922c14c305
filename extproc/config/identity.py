"""Who asks: the headers that name a caller, and the values that are known."""

from __future__ import annotations

from pydantic import Field

from extproc.config.section import HeaderName, Name, Section


class Identity(Section):
    """Headers that identify who asks. They are trusted: set them at a trusted hop, and strip them from clients."""

    team_header: HeaderName = Field(default="x-team", description="header with the team")
    project_header: HeaderName = Field(default="x-project", description="header with the project")
    budget_code_header: HeaderName = Field(default="x-budget-code", description="header with the budget code")
    tier_header: HeaderName = Field(default="x-tier", description="header with the tier, for `routes`")
    tag_header: HeaderName = Field(default="x-use-case", description="header with the use case, for `routes`")
    teams: tuple[Name, ...] = Field(
        default=(), description="known teams; others count as `other`. Empty: all, up to a limit"
    )
    private_teams: tuple[Name, ...] = Field(
        default=(), description="teams whose exchanges never go to a provider, whatever their policy says"
    )
    tiers: tuple[Name, ...] = Field(default=(), description="known tiers; others count as `other`. Empty: all")
    tags: tuple[Name, ...] = Field(default=(), description="known use cases; others count as `other`. Empty: all")
    label_values_max: int = Field(
        default=100,
        ge=1,
        le=10_000,
        description=(
            "maximum distinct values of one label; further values count as `other` until one has not been seen "
            "for an hour"
        ),
    )
