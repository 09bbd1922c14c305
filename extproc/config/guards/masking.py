"""The section for the format of masks."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from extproc.config.section import FilePath, Section


class MaskType(StrEnum):
    """How a mask represents a value."""

    TYPE = "type"
    NUMBERED = "numbered"
    PARTIAL = "partial"
    HASH = "hash"
    REVERSIBLE = "reversible"


class Masking(Section):
    """Format of masks."""

    type: MaskType = Field(
        default=MaskType.TYPE,
        description=(
            "`<EMAIL>`; `<EMAIL_1>`, one number per distinct value; part of the value; `<EMAIL_3f9a2c1b>`, stable "
            "for one key; or `<EMAIL_1>` for the model with the value restored for the client"
        ),
    )
    key_file: FilePath | None = Field(
        default=None,
        description="key of `hash`, 16 to 64 bytes, relative to this file; default: random for each process",
    )
    values_max: int = Field(
        default=1_000,
        ge=1,
        le=100_000,
        description=(
            "maximum distinct values of one exchange that get a number; others become `<TYPE>` and are not restored"
        ),
    )
