"""Keys of every guard section. A guard narrows ``on`` and ``action`` to what it supports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from extproc.config.classifiers import Classifier
from extproc.config.problems import KeyPath, Places, Problem, did_you_mean, names, shown
from extproc.config.section import Name, OnError, Section
from extproc.config.text_files import TextFile

On = Literal["request", "response", "both"]


@dataclass(frozen=True, slots=True)
class Around:
    """The parts of a document that guard sections are checked against.

    Attributes:
        classifiers: by name.
        has_prompt: whether any version has a system prompt.
        message_timeout_ms: Envoy's timeout for a reply.
    """

    classifiers: Mapping[str, Classifier]
    has_prompt: bool
    message_timeout_ms: int

    def unknown_classifier(self, name: str, at: KeyPath, places: Places) -> Iterator[Problem]:
        """The problem of a guard that names a classifier that there is not. Args: at: key path of the guard."""
        known = list(self.classifiers)
        if name not in known:
            hint = did_you_mean(name, known) or (
                f"Known classifiers: {names(known)}." if known else "Add it to `classifiers:`."
            )
            yield places.problem((*at, "classifier"), f"unknown classifier {shown(name)}", hint=hint)


class GuardSection(Section):
    """One guard of a policy.

    A subclass adds ``guard: Literal["..."]``, and where applicable ``on`` (direction), ``action`` (of block, mask,
    flag and shadow), ``threshold`` (lowest score that counts) and ``message`` (for the client).
    """

    name: Name | None = Field(default=None, description="name in metrics and logs; default: as `guard`")
    on_error: OnError = Field(default=OnError.CLOSED, description="effect of a failure of this guard")
    review: bool | None = Field(
        default=None, description="send findings to the review queue; default: yes, unless `action` is shadow"
    )

    def problems(self, at: KeyPath, around: Around, places: Places) -> Iterator[Problem]:
        """The problems across its keys, and with names that refer to other parts of the document.

        Args: at: key path of the guard. around: the parts of the document that guards depend on.
        """
        return iter(())

    def text_files(self) -> Iterator[TextFile]:
        """Text files that it reads."""
        return iter(())

    def key_files(self) -> Iterator[tuple[KeyPath, str]]:
        """Secret keys that it reads: key path within the section, and file."""
        return iter(())

    if TYPE_CHECKING:  # every guard defines these, each with its own values and description
        guard: str
        on: On
        action: str

    @property
    def rejection_message(self) -> str:
        """Message for the client on a rejection; empty for guards that cannot reject."""
        return getattr(self, "message", "")
