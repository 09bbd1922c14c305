"""What every guard's section has. A guard narrows ``on`` and ``action`` to what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from extproc.config.section import Name, OnError, Section

On = Literal["request", "response", "both"]


class GuardSection(Section):
    """One guard of a policy.

    A subclass adds ``guard: Literal["..."]``, and where they make sense ``on`` (where it looks), ``action`` (of block,
    mask, flag and shadow), ``threshold`` (the least score that counts) and ``message`` (what the client reads).
    """

    name: Name | None = Field(default=None, description="what it is called in metrics and logs; default: as `guard`")
    on_error: OnError = Field(default=OnError.CLOSED, description="what a failure of this guard does")
    review: bool | None = Field(
        default=None, description="whether its findings go to the review queue; default: unless `action` is shadow"
    )

    if TYPE_CHECKING:  # every guard has these, each with its own values and description
        guard: str
        on: On
        action: str

    @property
    def rejection_message(self) -> str:
        """What the client reads where the guard rejects; empty for one that cannot."""
        return getattr(self, "message", "")
