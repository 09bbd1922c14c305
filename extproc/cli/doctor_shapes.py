"""The shape of what ``doctor --json`` prints."""

from __future__ import annotations

from typing import Annotated, TypedDict


class DoctorFindingJson(TypedDict):
    """A place where something is wrong."""

    code: Annotated[str, "stays within a major version; a heading of docs/doctor.md"]
    severity: Annotated[str, "`error`: traffic may pass unguarded, or fails; else `warning`"]
    where: Annotated[str, "path within Envoy's configuration, key of llm-extproc's, or URL"]
    what: Annotated[str, "is wrong, a sentence"]
    fix: Annotated[str, "a sentence; may be empty"]
    page: Annotated[str, "says more"]


class DoctorJson(TypedDict):
    """``doctor``."""

    looked_at: Annotated[list[str], "files, and addresses"]
    config: Annotated[str | None, "the configuration of llm-extproc that was compared; null: none"]
    ok: Annotated[bool, "no errors; there may be warnings"]
    errors: Annotated[int, "their number"]
    warnings: Annotated[int, "their number"]
    findings: Annotated[list[DoctorFindingJson], "at most 20 for each code"]
