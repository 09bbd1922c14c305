"""The shape that what ``prompts diff`` and ``versions diff`` print has in common."""

from __future__ import annotations

from typing import Annotated, TypedDict


class PartDifferenceJson(TypedDict):
    """A part that differs."""

    key: Annotated[str, "such as `served_model`; of a prompt a key of its front matter"]
    before: Annotated[str | None, "null: the older one does not have it"]
    after: Annotated[str | None, "null: the newer one does not have it"]


class UnitDifferenceJson(TypedDict):
    """Two prompts or versions, or two revisions of one."""

    before: Annotated[str | None, "its name; null: it is new"]
    after: Annotated[str | None, "its name; null: it has gone"]
    before_fingerprint: Annotated[str | None, "null: it is new"]
    after_fingerprint: Annotated[str | None, "null: it has gone"]
    parts: Annotated[list[PartDifferenceJson], "that differ"]
