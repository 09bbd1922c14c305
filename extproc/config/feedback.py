"""The section of feedback, and its checks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, StringConstraints

from extproc.config.policies import guards_of
from extproc.config.problems import KeyPath, Places, Problem, Severity, shown
from extproc.config.section import Section
from extproc.domain.contract import ENDPOINT_PATHS, MODELS_PATH
from extproc.domain.feedback import FEEDBACK

if TYPE_CHECKING:
    from extproc.config.document import Document

OwnPath = Annotated[
    str,
    StringConstraints(pattern=r"^(/[a-zA-Z0-9._-]+)+$", max_length=128),
    Field(json_schema_extra={"patternErrorMessage": "a path, such as `/v1/feedback`"}),
]
WebOrigin = Annotated[
    str,
    StringConstraints(pattern=r"^https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$", max_length=256),
    Field(
        json_schema_extra={
            "patternErrorMessage": "an origin in lower case and without a path, such as `https://chat.example.com`"
        }
    ),
]
ORIGIN_HEADER: Final = "origin"
"""Read only if origins are named."""
_AT: Final[KeyPath] = ("feedback",)


class Feedback(Section):
    """What users say of answers, which clients send to a path of its own. Needs `ledger`."""

    path: OwnPath = Field(default="/v1/feedback", description="where clients send it, with POST")
    age_s_max: int = Field(
        default=604_800,
        ge=60,
        le=31_536_000,
        description="how long after the end of an exchange it is taken [s]",
    )
    body_bytes_max: int = Field(default=16_384, ge=256, le=1_048_576, description="maximum body of one feedback")
    comment_chars_max: int = Field(default=1_000, ge=0, le=2_000, description="maximum comment")
    origins: tuple[WebOrigin, ...] = Field(
        default=(),
        description="web pages that may send it from a browser (CORS), such as `https://chat.example.com`; default: "
        "none",
    )
    exchanges_max: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="ended exchanges that each process remembers, for feedback that comes before the ledger has them",
    )

    @property
    def url_path(self) -> str:
        """Where clients send it."""
        return self.path


def feedback_problems(document: Document, places: Places) -> Iterator[Problem]:
    """All problems of feedback in an otherwise valid document."""
    feedback = document.feedback
    if feedback is None:
        return
    if document.ledger is None:
        hint = "Add `ledger: { url: sqlite:///ledger.db }`."
        yield places.problem(_AT, "nothing has the exchanges without a ledger", hint=hint, at_key=True)
    taken = feedback.path in (*ENDPOINT_PATHS.values(), MODELS_PATH)
    if taken or any(rule.partition(" ")[2] == feedback.path for rule in document.requests.allow_paths):
        found = f"{shown(feedback.path)} is served already"
        yield places.problem((*_AT, "path"), found, hint="Choose another path.", at_key=True)
    for at, guard in guards_of(document.policies):
        if guard.name == FEEDBACK:
            found = f"the name {shown(FEEDBACK)} is that of comments in the review queue"
            yield places.problem((*at, "name"), found, hint="Choose another name.")
    if feedback.origins:
        hint = (
            "Envoy keeps `origin` from the processor unless this file has `feedback.origins`: regenerate the Envoy "
            "configuration (`extproc envoy-config`) and roll it out first, or no origin is allowed."
        )
        found = "the header `origin` needs a new Envoy configuration"
        yield places.problem((*_AT, "origins"), found, hint=hint, severity=Severity.WARNING)
