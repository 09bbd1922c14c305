"""What every guard's section has. A guard narrows ``on`` and ``action`` to what it can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from extproc.config.classifiers import Classifier
from extproc.config.problems import KeyPath, Places, Problem
from extproc.config.section import Name, OnError, Section

On = Literal["request", "response", "both"]


@dataclass(frozen=True, slots=True)
class Around:
    """What of a document the sections of guards are checked against.

    Attributes:
        classifiers: by name.
        has_prompt: whether any version has a system prompt.
        message_timeout_ms: how long Envoy waits for a reply.
    """

    classifiers: Mapping[str, Classifier]
    has_prompt: bool
    message_timeout_ms: int


class GuardSection(Section):
    """One guard of a policy.

    A subclass adds ``guard: Literal["..."]``, and where they make sense ``on`` (where it looks), ``action`` (of block,
    mask, flag and shadow), ``threshold`` (the least score that counts) and ``message`` (what the client reads).
    """

    name: Name | None = Field(default=None, description="name in metrics and logs; default: as `guard`")
    on_error: OnError = Field(default=OnError.CLOSED, description="effect of a failure of this guard")
    review: bool | None = Field(
        default=None, description="send findings to the review queue; default: yes, unless `action` is shadow"
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """What is wrong between its keys, or with what they name elsewhere in the document.

        Args: at: key path of the guard. around: what of the rest of the document guards depend on.
        """
        return iter(())

    if TYPE_CHECKING:  # every guard has these, each with its own values and description
        guard: str
        on: On
        action: str

    @property
    def rejection_message(self) -> str:
        """What the client reads where the guard rejects; empty for one that cannot."""
        return getattr(self, "message", "")
